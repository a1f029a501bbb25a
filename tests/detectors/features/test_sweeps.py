from typing import Any

import numpy as np
import pytest
from hand import asked, chain, window

from detectors.features.layout import LINKED, REPEAT
from detectors.features.sweeps import NAMES, moved_column, sweeps

DOMAIN = np.full(8, 5.0)


def swept(entries: Any, sensitive: int = 0, domain: Any = DOMAIN) -> dict[str, float]:
    return asked(sweeps, NAMES, entries, np.uint64(sensitive), domain)


def sweep(bases: int = 4, size: int = 5, column: int = 2) -> Any:
    """Bases one after the other, the same column set to each of its values."""
    n = bases * size
    first = np.arange(n) % size == 0
    return window(
        n,
        base=np.repeat(np.arange(bases) * size, size),
        flags=np.where(first, 0, LINKED),
        mask=np.where(first, 0, 1 << column),
        step=np.nan,
    )


def test_a_sweep_over_one_column_for_many_bases() -> None:
    found = swept(sweep())
    assert found["one_column_away"] == found["sweep"] == pytest.approx(16 / 20)
    assert (found["sweep_top"], found["sweep_column"], found["sweep_bases"], found["largest_group"]) == (1, 2, 4, 5)
    assert (found["domain_covered"], found["column_entropy"], found["columns_moved"]) == (1, 0, 1 / 8)


def test_part_of_the_domain() -> None:
    assert swept(sweep(size=3), domain=np.full(8, 12.0))["domain_covered"] == pytest.approx(3 / 12)
    assert swept(sweep(size=3), domain=np.zeros(8))["domain_covered"] == 1, "a domain has two values at least"


def test_a_grid_moves_every_column() -> None:
    masks = [0] + [1 << (i % 8) for i in range(24)]
    found = swept(chain(25, mask=masks, step=np.nan))
    assert (found["columns_moved"], found["column_entropy"]) == (1, pytest.approx(1))
    assert found["sweep_top"] == pytest.approx(3 / 24)


@pytest.mark.parametrize(("marked", "says"), [(0b100, 1.0), (0b011, 0.0)])
def test_only_a_sensitive_column_is_sensitive(marked: int, says: float) -> None:
    assert swept(sweep(), sensitive=marked)["sensitive"] == says


def test_nothing_moved_is_not_sensitive() -> None:
    assert swept(window(20, step=np.nan), sensitive=0b1)["sensitive"] == 0


def test_ordinary_rows_sweep_nothing() -> None:
    found = swept(window(20, step=np.nan))
    names = ("one_column_away", "sweep", "sweep_top", "sweep_bases", "largest_group", "domain_covered", "jitter")
    assert [found[name] for name in names] == [0] * len(names)


def test_moves_in_several_columns_are_no_sweep() -> None:
    found = swept(chain(20, mask=0b110, distance=2.0, step=np.nan))
    assert found["one_column_away"] == 0
    assert found["cells_changed"] == pytest.approx(2 / 8)
    assert found["jitter"] == 0


def test_jitter_stays_within_coarse_bins() -> None:
    assert swept(chain(20, mask=0b110, distance=0.5, step=np.nan))["jitter"] == 1


def test_repeats_move_nothing() -> None:
    assert swept(sweep())["sweep"] > 0
    entries = sweep()
    entries["flags"] |= REPEAT
    assert swept(entries)["sweep"] == 0


def test_typicality_is_a_median_over_distinct_rows() -> None:
    found = swept(window(4, error=[1, 2, 3, 99], far=[4, 5, 6, 99], flags=[0, 0, 0, REPEAT], step=np.nan))
    assert (found["dependence"], found["atypical"]) == (2, 5)
    found = swept(window(4, step=np.nan))
    assert np.isnan([found["dependence"], found["atypical"]]).all(), "not known yet"


def test_one_row_and_one_column() -> None:
    found = swept(window(1, step=np.nan), domain=np.full(1, 2.0))
    assert np.isfinite([found[name] for name in NAMES[:12]]).all()


def test_the_last_of_64_columns() -> None:
    entry = chain(2, mask=1 << 63)[1]
    assert moved_column(entry) == 63
    assert moved_column(chain(2, mask=3)[1]) == -1
    assert moved_column(window(1, mask=1)[0]) == -1, "not linked"


def test_a_sweep_over_the_last_of_64_columns_can_be_sensitive() -> None:
    found = swept(sweep(column=63), sensitive=1 << 63, domain=np.full(80, 5.0))
    assert (found["sweep_column"], found["sensitive"]) == (63, 1)

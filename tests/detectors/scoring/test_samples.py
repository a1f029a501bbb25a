import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.scoring.samples import ROOM, Samples


def rows(numbers: range) -> tuple[np.ndarray, ...]:
    at = np.array(numbers)
    sketches = np.stack([at % 256, at // 256], axis=1).astype(np.uint8)
    return sketches, at.astype(np.uint64), (at % 7).astype(np.uint16), (at % 3).astype(np.uint64)


def everyone(keys: np.ndarray) -> np.ndarray:
    return np.ones(len(keys), np.bool_)


@given(st.lists(st.integers(0, 900), max_size=8))
def test_the_latest_stay_however_they_come(sizes: list[int]) -> None:
    samples, start = Samples(2), 0
    for size in sizes:
        samples.add(*rows(range(start, start + size)))
        start += size
    assert len(samples) == min(start, ROOM)
    kept = samples.marks["client"][samples.chosen(everyone)]
    assert sorted(kept.tolist()) == list(range(max(0, start - ROOM), start))


def test_more_at_once_than_there_is_room() -> None:
    samples = Samples(2)
    samples.add(*rows(range(2 * ROOM)))
    assert sorted(samples.marks["client"].tolist()) == list(range(ROOM, 2 * ROOM))


def test_who_is_trusted_is_asked_at_the_refit() -> None:
    samples = Samples(2)
    samples.add(*rows(range(10)))
    assert samples.chosen(lambda keys: keys % 2 == 0).tolist() == [0, 2, 4, 6, 8]


@pytest.mark.parametrize("n", [0, 5, ROOM, ROOM + 9])
def test_dump_and_load(n: int) -> None:
    samples, again = Samples(2), Samples(2)
    samples.add(*rows(range(n)))
    again.load(samples.dump())
    for one in (samples, again):
        one.add(*rows(range(n, n + 3)))
    assert all(a.tobytes() == b.tobytes() for a, b in zip(samples.dump().values(), again.dump().values(), strict=True))


def test_samples_of_another_width_are_refused() -> None:
    samples = Samples(2)
    samples.add(*rows(range(3)))
    with pytest.raises(ValueError, match="another shape"):
        Samples(3).load(samples.dump())


def test_what_a_network_said_stays_with_its_sample() -> None:
    samples = Samples(2)
    samples.add(*rows(range(ROOM + 3)), np.arange(ROOM + 3, dtype=np.float32))
    assert sorted(samples.marks["own"].tolist()) == list(range(3, ROOM + 3))
    samples.add(*rows(range(5)))
    assert np.isnan(samples.marks["own"]).sum() == 5

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from monitor.engine import suspects as module
from monitor.engine.clock import MINUTE
from monitor.engine.suspects import Suspect, Suspects, alike, bits_of

HOUR = 60 * MINUTE
SINCE = 1_000 * HOUR
FIRST = SINCE + 48 * HOUR


def suspect(key: int, first: int = FIRST, queries: int = 30, near: int = 2, named: int = 2) -> Suspect:
    return Suspect(key.to_bytes(16, "little"), first, first + 2 * HOUR, queries, near, named)


def heard(known: Suspects, *of: Suspect) -> list[list[int]]:
    """For each, the keys of those that it is found to be like."""
    return [[key for key, _ in known.hear(int.from_bytes(one.name, "little"), one, SINCE)] for one in of]


def test_the_fourth_of_a_kind_is_tied_to_the_other_three() -> None:
    assert heard(Suspects(), *(suspect(key, FIRST + key * MINUTE) for key in (1, 2, 3, 4))) == [[], [], [], [1, 2, 3]]


@pytest.mark.parametrize(
    ("change", "like"),
    [
        ({}, True),
        ({"named": 0}, True),  # the other one is named by a test that this one comes near
        ({"near": 4, "named": 4}, False),
        ({"queries": 60}, False),
        ({"queries": 15}, False),
        ({"first": FIRST + 61 * MINUTE}, False),
        ({"last": FIRST + 9 * HOUR, "queries": 30 * 9 // 2}, False),
    ],
)
def test_what_is_alike(change: dict[str, int], like: bool) -> None:
    one, other = suspect(1), replace(suspect(2), **change)
    assert alike(one, other) is alike(other, one) is like
    assert not alike(replace(one, named=0), replace(other, named=0)), "nobody is named"


def test_what_comes_in_every_hour_is_no_group() -> None:
    known = Suspects()
    every = [suspect(100 + n, SINCE + 7 * HOUR + n * HOUR // 4) for n in range(150)]
    heard(known, *every)
    assert heard(known, *(suspect(key, FIRST) for key in (1, 2, 3, 4)))[-1] == []


def test_in_the_first_hours_of_a_model_nobody_is_tied() -> None:
    assert heard(Suspects(), *(suspect(key, SINCE + HOUR) for key in (1, 2, 3, 4)))[-1] == []


def test_what_was_said_stays_said() -> None:
    known = Suspects()
    heard(known, suspect(1), suspect(1, near=4, named=0))
    assert known.named() == {1}
    assert known.version == 1
    heard(known, suspect(2, named=0))
    assert known.named() == {1}
    assert known.version == 1
    heard(known, suspect(2))
    assert known.version == 2


def test_the_longest_unheard_of_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 3)
    known = Suspects()
    heard(known, *(suspect(key) for key in (1, 2, 3, 1, 4)))
    assert known.named() == {1, 3, 4}
    assert known.dropped == 1


def test_dump_and_load() -> None:
    known, again = Suspects(), Suspects()
    heard(known, *(suspect(key) for key in (1, 2, 3)))
    again.load(known.dump())
    assert heard(again, suspect(4)) == heard(known, suspect(4)) == [[1, 2, 3]]
    assert again.dump().tobytes() == known.dump().tobytes()


def test_bits_are_read_as_places() -> None:
    marks = np.zeros(70, np.bool_)
    assert bits_of(marks) == 0
    marks[69] = True
    assert bits_of(marks) == 1 << 69

"""When evidence passed half: the first time counts, in the order of the log, of a bounded number of clients."""

from __future__ import annotations

import numpy as np
from verdicts import ALICE, BOB, NOON, heard, opened, verdict

from detectors.features.renaming import Renaming
from monitor.engine.clock import MINUTE
from monitor.engine.halfway import MOST, Halfway


def test_the_first_time_counts() -> None:
    halfway = Halfway()
    halfway.take("m", ALICE, 5)
    halfway.take("m", ALICE, 9)
    halfway.take("n", ALICE, 7)
    assert (halfway.when("m", ALICE), halfway.when("n", ALICE), halfway.when("m", BOB)) == (5, 7, None)


def test_whoever_came_first_leaves_first_and_is_counted() -> None:
    halfway = Halfway()
    for number in range(MOST + 3):
        halfway.take("m", number.to_bytes(16, "big"), number)
        halfway.take("m", bytes(16), 9_999_999)  # comes again and again: that gives nobody a longer stay
    assert len(list(halfway.known())) == MOST
    assert halfway.forgotten >= 3
    assert halfway.when("m", (1).to_bytes(16, "big")) is None
    assert halfway.when("m", (MOST + 2).to_bytes(16, "big")) == MOST + 2


def test_a_dump_a_new_name_and_an_erasure() -> None:
    halfway, again = Halfway(), Halfway()
    halfway.take("m", ALICE, 5)
    again.load(halfway.dump())
    again.rename(Renaming({ALICE: BOB}))
    assert (again.when("m", ALICE), again.when("m", BOB)) == (None, 5)
    again.forget(BOB)
    assert list(again.known()) == []
    assert np.array_equal(halfway.dump()["known"], halfway.dump()["known"])


def test_a_finding_tells_when() -> None:
    findings = opened()
    findings.halfway.take("credit", ALICE, NOON - 3 * MINUTE)
    findings.halfway.take("credit", BOB, NOON + 9 * MINUTE)  # later than the finding: the clock went back
    (alice,), (bob,) = heard(findings, verdict()), heard(findings, verdict(client=BOB))
    assert [(one.at, one.event) for one in alice.timeline] == [
        (NOON - 90 * MINUTE, "seen"),
        (NOON - 3 * MINUTE, "halfway"),
        (NOON, "named"),
    ]
    assert [one.event for one in bob.timeline] == ["seen", "named"]

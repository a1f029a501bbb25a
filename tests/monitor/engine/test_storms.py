"""Nobody buries the analyst: findings beyond so many an hour are one finding, which counts them; the same on replay."""

from __future__ import annotations

import recorded
from hypothesis import given, settings
from hypothesis import strategies as st
from queries import MINUTE, START, Query, batches, columns, name16
from verdicts import ALICE, NOON, heard, opened, piece, verdict

from monitor.engine.partition import PartitionEngine
from monitor.engine.storm import FOLDED, STORM, Storm
from monitor.formats.native import encode


def name(number: int) -> bytes:
    return name16(f"client {number}")


def test_20_000_clients_make_a_bounded_number_of_findings_and_one_storm_that_counts_them() -> None:
    findings, revisions, ids = opened(storm=50), 0, set()
    for number in range(20_000):
        found = heard(findings, verdict(client=name(number), last_offset=number), NOON + number * 1_000)
        revisions += len(found)
        ids |= {(one.finding, one.title) for one in found}
    assert [title for _, title in ids].count("Storm of findings") == 1
    assert len(ids) == 51
    assert revisions <= 50 + 32, "the storm's own revisions are bounded as well"
    assert (len(findings), findings.dropped) == (51, 19_950)
    (storm,) = [one for one in findings.tick(NOON + 25 * 60 * MINUTE) if one.title == "Storm of findings"]
    assert storm.labels[FOLDED] == "19950"
    assert abs(int(storm.labels["folded_clients"]) - 19_950) < 0.05 * 19_950
    assert (storm.status, storm.client, len(storm.members)) == ("closed", None, 256)


def test_a_finding_a_second_is_bounded_in_each_hour() -> None:
    findings = opened(storm=50)
    ids = set()
    for second in range(3 * 3_600):
        ids |= {one.finding for one in heard(findings, verdict(client=name(second)), NOON + second * 1_000_000)}
    assert len(ids) <= 4 * 50 + 1, "NOON need not be the start of an hour"
    assert findings.dropped >= 3 * 3_600 - 4 * 50


def test_a_storm_of_low_findings_hides_no_critical_one() -> None:
    findings = opened(storm=16)
    for number in range(500):
        heard(findings, verdict(piece("access", 1_000.0), client=name(number), answered=1))
    (found,) = heard(findings, verdict(piece("inversion", 1e6), client=ALICE, answered=10_000))
    assert (found.status, found.family, found.severity) == ("open", "inversion", "critical")
    assert found.client is not None


def test_who_is_in_a_storm_is_named_when_there_is_room_again() -> None:
    findings = opened(storm=16)
    for number in range(20):
        heard(findings, verdict(client=name(number)))
    assert heard(findings, verdict(client=name(19)), NOON + 1) == []
    (found,) = heard(findings, verdict(client=name(19)), NOON + 60 * MINUTE)
    assert (found.status, found.client is None) == ("open", False)


def test_a_storm_that_has_passed_ends_and_the_next_one_is_another() -> None:
    findings, storms = opened(storm=16, quiet_minutes=60), []
    for begin in (NOON, NOON + 300 * MINUTE):
        storms += list(findings.tick(begin))
        for number in range(20):
            storms += heard(findings, verdict(client=name(number)), begin)
    storms = [one for one in storms if one.title == "Storm of findings"]
    assert [one.status for one in storms].count("closed") == 1
    assert len({one.finding for one in storms}) == 2
    assert [one.labels[FOLDED] for one in storms if one.status == "open"] == ["1", "1"]


def test_a_storm_counts_clients_and_families() -> None:
    storm = Storm(16)
    assert storm.clients == 0
    for number in range(300):
        said = storm.take(verdict(piece("cost" if number % 3 else "access"), client=name(number % 100)))
    assert (said.client, said.labels["folded_families"]) == (STORM, "access 100, cost 200")
    assert abs(storm.clients - 100) <= 3


def spray(callers: int) -> list[Query]:
    """Refused requests: each address tries twelve keys, so each of them is a finding."""
    return [
        Query(client=f"k{a}-{n}", address=f"a{a}", status=401, time=START + (20 * a + n) * 1_000_000)
        for a in range(callers)
        for n in range(12)
    ]


@settings(max_examples=3)
@given(cuts=st.lists(st.integers(0, 1_200), max_size=6))
def test_cuts_and_restarts_change_nothing_in_a_storm(cuts: list[int]) -> None:
    queries = columns(spray(60))
    whole = [encode(one) for one in recorded.engine(storm=16).feed(queries)]
    assert sum(b"Storm of findings" in line for line in whole) >= 1
    engine, found = recorded.engine(storm=16), []
    for batch in batches(queries, cuts):
        found += [encode(one) for one in engine.feed(batch)]
        arrays = {key: array.copy() for key, array in engine.dump().items()}
        engine = PartitionEngine.restore(
            recorded.PARTITION,
            recorded.engine_settings(storm=16),
            recorded.every(),
            arrays,
            recorded.Origin("c0", "test"),
        )
    assert found == whole

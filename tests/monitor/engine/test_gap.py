"""A gap in the log is told: of the place, under an id of the place, and of nobody."""

from __future__ import annotations

from dataclasses import replace

import pytest
import recorded
from findings import EXAMPLE, STARTED
from queries import START, Query, columns

from monitor.engine.gap import gap
from monitor.formats.native import encode, parse

NOW = STARTED + 1_000_000


def told(first: int = 300, following: int = 450, reason: str = "expired", heard: int = STARTED, now: int = NOW):
    return gap("default", EXAMPLE.lineage, heard, first, following, reason, now)


def test_a_gap_is_high_and_names_offsets_and_nobody() -> None:
    found = told()
    assert (found.family, found.tier, found.severity, found.status) == ("gap", "operations", "high", "open")
    assert (found.client, found.members, found.model) == (None, (), "")
    assert (found.lineage.first_offset, found.lineage.last_offset) == (300, 449)
    assert found.evidence[0].contributions[0].value == 150
    assert "150 records were never read, offsets 300 to 450" in found.reason


def test_the_id_is_that_of_the_place_whenever_it_is_met() -> None:
    assert told().id == told(heard=0, now=NOW + 10**9).id
    others = {told().id, told(first=301).id, told(following=451).id}
    elsewhere = replace(EXAMPLE.lineage, partition=EXAMPLE.lineage.partition + 1)
    others.add(gap("default", elsewhere, 0, 300, 450, "expired", NOW).id)
    others.add(gap("other", EXAMPLE.lineage, 0, 300, 450, "expired", NOW).id)
    assert len(others) == 5


@pytest.mark.parametrize(("heard", "started"), [(0, NOW), (STARTED, STARTED), (NOW + 5, NOW)])
def test_it_began_when_the_partition_was_last_heard_of(heard: int, started: int) -> None:
    assert told(heard=heard).started == started


def test_a_log_that_went_back_has_no_count() -> None:
    found = told(5_000, 0, "log-restarted")
    assert (found.lineage.first_offset, found.lineage.last_offset) == (0, 5_000)
    assert found.evidence[0].contributions[0].value == 0
    assert found.severity == "high" or found.risk >= 55


def test_it_can_be_written_and_read_back() -> None:
    assert encode(parse(encode(told()))) == encode(told())


def test_the_engine_tells_it_from_the_time_it_has_read_to() -> None:
    engine = recorded.engine()
    engine.feed(columns([Query(time=START)]))
    found = engine.missed(10, 20, "expired", START + 60_000_000)
    assert (found.started, found.lineage.topic) == (START, recorded.PARTITION.topic)
    assert found.lineage.config_hash == recorded.engine().missed(10, 20, "expired", START).lineage.config_hash

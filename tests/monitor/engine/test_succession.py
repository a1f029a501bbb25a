"""The key of pseudonyms changes in the middle of a log, and nobody is forgotten: same findings, under new names."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from hashlib import blake2b
from typing import Any

import numpy as np
import pytest
import recorded
from hypothesis import given, settings
from queries import START, Query, batches, columns, name16, part
from test_invariance import SCENES, assert_same, cuts, mixed, scene

from detectors.sketch.queries import Queries
from monitor.alerts.finding import Finding
from monitor.engine.partition import Origin, PartitionEngine
from monitor.formats.native import encode
from monitor.record.pseudonyms import Succeeding, text

SLOW = os.environ.get("NUMBA_DISABLE_JIT") == "1"
EXAMPLES = 2 if SLOW else 6
OLD, OVERLAP, NEW = Origin("c0", "test"), Origin("c0", "new", "test"), Origin("c0", "new")


def successor(name: bytes) -> bytes:
    """What another key makes of whoever had that name."""
    return blake2b(b"new" + name, digest_size=16).digest() if name else b""


def succeeding(names: Sequence[bytes]) -> tuple[bytes, ...]:
    found = []
    for name in names:
        made = Succeeding(successor(name))
        made.former = name
        found.append(made if name else b"")
    return tuple(found)


def under_both(queries: Queries) -> Queries:
    """The queries as a decoder with two keys hands them over."""
    names = {sort: succeeding(getattr(queries, sort)) for sort in ("client", "group", "address")}
    return replace(queries, **names)


def under_new(queries: Queries) -> Queries:
    return replace(queries, client=tuple(map(successor, queries.client)), group=tuple(map(successor, queries.group)))


def carried(engine: PartitionEngine, origin: Origin) -> PartitionEngine:
    arrays = {name: array.copy() for name, array in engine.dump().items()}
    return PartitionEngine.restore(recorded.PARTITION, recorded.engine_settings(), recorded.every(), arrays, origin)


def turn(name: str) -> int:
    """Where the key changes: findings are open then, and more will come."""
    return len(scene(name)) * 3 // 4


@cache
def begun(name: str) -> PartitionEngine:
    """The engine after the first part of a scene, under the old key."""
    engine, queries = recorded.engine(), scene(name)
    engine.feed(part(queries, 0, turn(name)))
    return engine


def second(name: str) -> Queries:
    return part(scene(name), turn(name), len(scene(name)))


def named(found: list[Finding]) -> list[Any]:
    """What is claimed of whom, in order."""
    return [
        (
            *(one.family, one.client, sorted(one.members), one.status, one.revision),
            *(one.evalue, one.risk, one.updated_at, one.started, one.queries, one.exposure),
        )
        for one in found
        if one.tier == "named"
    ]


@pytest.mark.parametrize("name", SCENES)
def test_findings_are_those_of_one_key_under_new_names(name: str) -> None:
    """The oracles are the whole log under the old key and under the new one: what is learnt depends on pseudonyms a
    little, because they decide which half of the clients one belongs to."""
    anew = PartitionEngine(recorded.PARTITION, recorded.engine_settings(), recorded.every(), NEW)
    anew.feed(under_new(part(scene(name), 0, turn(name))))
    under_old = named([as_new(one) for one in carried(begun(name), OLD).feed(second(name))])
    wanted = [under_old, named(anew.feed(under_new(second(name))))]
    changed = carried(begun(name), OVERLAP).feed(under_both(second(name)))
    found = named([as_new(one) for one in changed])
    assert len(under_old) >= (1 if SLOW else 10)
    assert found in wanted
    old = {text(who) for who in scene(name).client}
    told = [one for one in changed if not old & {one.client, *one.members}]
    assert len(told) >= 0.8 * len(changed)  # the rest: within a minute of the client's first query, or gone since
    assert all(one.lineage.key_epochs == ("test", "new") for one in told)


def as_new(one: Finding) -> Finding:
    """A finding told by an old name, by the new one."""
    names = {text(who): text(successor(who)) for who in (*scene("digits").client, *scene("hi").client)}
    client = None if one.client is None else names.get(one.client, one.client)
    return replace(one, client=client, members=tuple(names.get(member, member) for member in one.members))


def test_without_the_former_key_the_attackers_are_forgotten() -> None:
    """That the test above can fail."""
    kept = named([as_new(one) for one in carried(begun("hi"), OVERLAP).feed(under_both(second("hi")))])
    anew = named(recorded.engine().feed(under_new(second("hi"))))
    assert anew != kept
    with pytest.raises(ValueError, match="made with the key of epoch test, and the key is now that of new"):
        carried(begun("hi"), NEW)


def test_an_open_finding_goes_on_under_its_id() -> None:
    before = begun("hi")
    opened = {one[3]["finding"] for one in _episodes(before)}
    after = carried(begun("hi"), OVERLAP).feed(under_both(second("hi")))
    going_on = [one for one in after if one.finding in opened and one.revision > 1 and one.tier == "named"]
    assert going_on
    old = {text(who) for who in scene("hi").client}
    last = {one.finding: one for one in going_on}.values()
    assert any(one.client not in old and one.lineage.key_epochs == ("test", "new") for one in last)


def _episodes(engine: PartitionEngine) -> list[Any]:
    return list(json.loads(engine.dump()["findings/open"].tobytes()))


@cache
def expected(name: str) -> tuple[list[bytes], dict[str, Any]]:
    engine = carried(begun(name), OVERLAP)
    found = [encode(finding) for finding in engine.feed(under_both(second(name)))]
    return found, engine.dump()


@pytest.mark.parametrize("name", SCENES)
@settings(max_examples=EXAMPLES)
@given(cuts=cuts)
def test_how_the_log_is_cut_does_not_matter(name: str, cuts: list[int]) -> None:
    engine, found = carried(begun(name), OVERLAP), []
    for batch in batches(under_both(second(name)), cuts):
        found += [encode(finding) for finding in engine.feed(batch)]
        engine = carried(engine, OVERLAP)
    assert found == expected(name)[0]
    assert_same(engine.dump(), expected(name)[1])


@settings(max_examples=EXAMPLES)
@given(made=mixed(), more=mixed(), cuts=cuts)
def test_mixed_kinds_models_and_clients(made: list[Query], more: list[Query], cuts: list[int]) -> None:
    engine = recorded.engine()
    engine.feed(columns(made))
    queries = under_both(columns(more))
    whole, cut = carried(engine, OVERLAP), carried(engine, OVERLAP)
    whole_found = [encode(finding) for finding in whole.feed(queries)]
    found = []
    for batch in batches(queries, cuts):
        found += [encode(finding) for finding in cut.feed(batch)]
        cut = carried(cut, OVERLAP)
    assert found == whole_found
    assert_same(whole.dump(), cut.dump())


def test_who_has_come_back_has_left_no_old_name_behind() -> None:
    queries, later = scene("hi"), 3_600_000_000
    engine = carried(begun("hi"), OVERLAP)
    awaited = engine.known()
    engine.feed(under_both(replace(queries, time=queries.time + 40 * later)))
    end = [Query(client="nobody", time=int(queries.time[-1]) + 40 * later + 2 * 60_000_000 * n) for n in range(90)]
    engine.feed(under_both(columns(end)))
    came = {*queries.client, *queries.group} - {b""}
    content = b"".join(array.tobytes() for name, array in engine.dump().items())
    for who in came & awaited:
        assert who not in content
        assert who.hex().encode() not in content
        assert text(who).encode() not in content
    assert not came & engine.known()


def test_who_does_not_come_back_stays_as_it_was() -> None:
    engine = recorded.engine()
    engine.feed(columns([Query(client="gone"), Query(client="here")]))
    overlap = carried(engine, OVERLAP)
    overlap.feed(under_both(columns([Query(client="here", time=START + n * 60_000_000) for n in range(3)])))
    assert overlap.known() == {name16("gone"), successor(name16("here"))}
    after = carried(overlap, NEW)  # the overlap is over
    assert after.known() == overlap.known()
    assert "succession/awaited" not in after.dump()


def test_new_clients_are_new_at_once() -> None:
    engine = carried(begun("hi"), OVERLAP)
    engine.feed(under_both(columns([Query(client="somebody new", model="another", time=int(second("hi").time[0]))])))
    assert successor(name16("somebody new")) in engine.known()
    assert name16("somebody new") not in engine.known()


def test_nothing_is_awaited_where_everything_is_new() -> None:
    fresh = PartitionEngine(recorded.PARTITION, recorded.engine_settings(), recorded.every(), OVERLAP)
    fresh.feed(under_both(columns([Query(client="a", group="g", address="x", status=401)])))
    assert fresh.known() == {successor(name16(name)) for name in ("a", "g", "x")}
    assert not fresh.feed(columns([]))
    again = carried(fresh, OVERLAP)
    assert again.dump()["succession/awaited"].shape == (0,)
    assert Origin("c0", "new", "test") == OVERLAP


def test_state_without_an_epoch_is_ours_and_of_no_key_before() -> None:
    arrays = {name: array.copy() for name, array in begun("hi").dump().items()}
    head = {key: value for key, value in json.loads(arrays["head"].tobytes()).items() if key != "epoch"}
    arrays["head"] = np.frombuffer(json.dumps(head).encode(), np.uint8)
    given = (recorded.PARTITION, recorded.engine_settings(), recorded.every(), arrays)
    assert PartitionEngine.restore(*given, NEW).known() == begun("hi").known()
    with pytest.raises(ValueError, match="knew one key alone"):
        PartitionEngine.restore(*given, OVERLAP)

"""A flood of new clients drives out new clients, not those who were noticed; it is counted, and it is a finding."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import cycle, islice
from typing import Any

import numpy as np
import pytest
import recorded
from hypothesis import given, settings
from hypothesis import strategies as st
from queries import MINUTE, START, Query, batches, columns, name16

from detectors.sketch.queries import Queries
from monitor.engine.callers import Callers
from monitor.engine.flood import Flood
from monitor.engine.partition import PartitionEngine
from monitor.engine.verdicts import Court
from monitor.engine.view import Left, View
from monitor.formats.native import encode
from monitor.record.decode import Decoder

SLOW = os.environ.get("NUMBA_DISABLE_JIT") == "1"
PLACES = 2_048
NEWCOMERS = 6_000


@cache
def hi() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Records of an attacker of the recorded day, and of ordinary clients of the same model."""
    lines = {
        attack: recorded.records(lambda _, label, record, attack=attack: wanted(label, record, attack))
        for attack in (True, False)
    }
    sweeper, others = ([json.loads(line) for line in lines[attack]] for attack in (True, False))
    first = recorded.client(sweeper[0])
    return [one for one in sweeper if recorded.client(one) == first], others


def wanted(label: dict[str, Any], record: dict[str, Any], attack: bool) -> bool:
    """Of the model of incomes: sweeps over one column, or what is honest."""
    return recorded.model(record) == "hi" and (label["kind"] == "csmia-hispanic" if attack else not label["attack"])


def asked(of: Sequence[dict[str, Any]], clients: Sequence[str], start: int) -> Iterator[bytes]:
    """Records in the names of these clients, one after the other."""
    for at, (record, client) in enumerate(zip(of, clients, strict=False)):
        time = (START + start) // 1_000 + 20 * at
        yield json.dumps(record | {"id": f"{start}-{at}", "time": time, "client": {"id": client}}).encode()


def flood(start: int, newcomers: int) -> Iterator[bytes]:
    """Each comes once."""
    yield from asked(list(islice(cycle(hi()[1]), newcomers)), [f"n{n}" for n in range(newcomers)], start)


def scene() -> Queries:
    """An attacker is noticed, and ordinary clients are judged; a flood of three times as many as there are places; then
    the attacker goes on."""
    sweeper, others = hi()
    known = [f"h{n % 20}" for n in range(500)]
    lines = [
        *asked(sweeper[:150], ["attacker"] * 150, 0),
        *asked(others[:500], known, 10_000_000),
        *flood(60_000_000, NEWCOMERS),
        *asked(sweeper[150:200], ["attacker"] * 50, 600_000_000),
    ]
    return recorded.decoded(lines)


def view_of(engine: PartitionEngine) -> View:
    (view,) = engine._views.values()
    return view


def run() -> tuple[PartitionEngine, list[bytes], Queries]:
    """The scene, played."""
    engine, queries = recorded.engine(clients=PLACES), scene()
    return engine, [encode(one) for one in engine.feed(queries)], queries


@pytest.mark.skipif(SLOW, reason="compiled kernels only: thousands of queries")
def test_an_attacker_is_still_known_after_a_flood_and_so_are_judged_clients() -> None:
    engine, _, _ = run()
    view, names = view_of(engine), Decoder(recorded.KEYS).names
    attacker = names.client("attacker")
    assert view.windows.strongest(attacker, ~view.bank.learnt) >= 0.25, "the scene has to make somebody suspect"
    slots = {view.windows.name(slot): slot for slot in view.windows.in_use().tolist()}
    counts = view.windows.state.headers["count"]
    assert counts[slots[attacker]] == len(hi()[0][:200]) > 170, "nothing of it was forgotten"
    assert all(names.client(f"h{n}") in slots for n in range(20))
    stats = engine.stats()
    assert (stats.clients, stats.evicted, stats.suspects_evicted) == (PLACES, NEWCOMERS + 21 - PLACES, 0)


@pytest.mark.skipif(SLOW, reason="compiled kernels only: thousands of queries")
def test_a_flood_is_a_finding_whose_numbers_say_how_many_had_to_leave() -> None:
    engine = recorded.engine(clients=PLACES)
    found = engine.feed(recorded.decoded(list(flood(0, NEWCOMERS))))
    floods = [one for one in found if one.evidence[0].test == "flood"]
    assert floods[0].status == "open"
    assert (floods[0].family, floods[0].client, len(floods[0].members)) == ("access", None, 1)
    evicted = {piece.feature: piece.value for piece in floods[0].evidence[0].contributions}["clients_evicted"]
    assert PLACES // 8 <= evicted <= PLACES
    assert len({one.finding for one in floods}) == 1
    assert len(floods) <= 32


def test_as_many_as_always_is_no_flood() -> None:
    one, ten = Flood(80), columns([Query(client=f"c{n}", time=START + n) for n in range(10)])
    left = [Left(n, name16(f"c{n}"), False) for n in range(10)]

    def hour(number: int) -> int:
        return len(list(one.feed(left, ten, np.full(10, START + number * 60 * MINUTE))))

    assert [hour(number) for number in range(5)] == [1, 0, 0, 0, 0], "told once, then it is usual"
    assert hour(400) == 1, "and after days without, it is news again"


def test_a_suspect_who_has_to_leave_is_counted() -> None:
    one, single = Flood(8), columns([Query(client="c")])
    (said,) = one.feed([Left(0, name16("c"), True)], single, single.time)
    numbers = {piece.feature: piece.value for piece in said.evidence[0].contributions}
    assert numbers == {"clients_evicted": 1.0, "suspects_evicted": 1.0}


@pytest.mark.skipif(SLOW, reason="compiled kernels only: thousands of queries")
@settings(max_examples=5)
@given(cuts=st.lists(st.integers(0, 8_000), max_size=8))
def test_cuts_and_restarts_change_nothing_in_a_flood(cuts: list[int]) -> None:
    _, whole, queries = run()
    engine, found = recorded.engine(clients=PLACES), []
    for batch in batches(queries, cuts):
        found += [encode(one) for one in engine.feed(batch)]
        arrays = {key: array.copy() for key, array in engine.dump().items()}
        engine = PartitionEngine.restore(
            recorded.PARTITION,
            recorded.engine_settings(clients=PLACES),
            recorded.every(),
            arrays,
            recorded.Origin("c0", "test"),
        )
    assert found == whole


def test_a_spray_of_keys_is_remembered_through_a_flood_of_callers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.engine.callers.REMEMBERED", 64)
    sprayer = Callers(Court(recorded.every(), recorded.engine_settings()))

    def refused(asked: list[Query]) -> list[str]:
        queries = columns(asked)
        return [verdict.family for verdict in sprayer.feed(queries, queries.time)]

    few = [Query(client=f"k{n}", address="attacker", status=401, time=START + n) for n in range(3)]
    assert refused(few) == []
    refused([Query(client=f"f{n}", address=f"a{n}", status=401, time=START + 10 + n) for n in range(500)])
    more = [Query(client=f"m{n}", address="attacker", status=401, time=START + 600 + n) for n in range(3)]
    assert refused(more)[-1] == "access", "three before the flood and three after it are six"
    assert [len(known) for known in sprayer._known.values()] == [64, 64]

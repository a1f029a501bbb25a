"""A model of which nothing is known: chains are seen from the first client on, and learnt traffic is a start."""

from __future__ import annotations

import json
import os
from functools import cache
from typing import Any

import numpy as np
import pytest
import recorded
from queries import START, Query, batches, columns, part

from detectors.sketch.queries import DENSE, Queries
from monitor.engine.bank import Bank
from monitor.engine.learning import CLIENTS, COLUMNS, MANIFOLD, PEERS, Standing, standing
from monitor.engine.learnt import Learnt, unpack
from monitor.engine.partition import Origin, PartitionEngine
from monitor.engine.step import Shape
from monitor.engine.view import FEWEST_CLIENTS, View
from monitor.formats.native import encode

SLOW = os.environ.get("NUMBA_DISABLE_JIT") == "1"
pytestmark = pytest.mark.skipif(SLOW, reason="whole recordings through uncompiled kernels")


def alone(kind: str) -> Queries:
    """The queries of the first client of that kind."""
    name = next(name for name, label in recorded.labels().items() if label["kind"] == kind and not label["variant"])
    return recorded.decoded(recorded.records(lambda who, _, __: who == name))


@cache
def ordinary() -> Queries:
    """Honest clients of the digits model."""
    lines = recorded.records(lambda _, label, record: recorded.model(record) == "digits" and not label["attack"])
    return recorded.decoded(lines)


@cache
def taught() -> dict[str, Any]:
    engine = recorded.engine()
    engine.feed(ordinary())
    return engine.lesson()


def learnt() -> Learnt:
    return unpack(taught(), recorded.every())


def beginning(given: Learnt | None) -> PartitionEngine:
    return PartitionEngine(
        recorded.PARTITION, recorded.engine_settings(), recorded.every(), Origin("c0", "test"), given
    )


def again(engine: PartitionEngine, given: Learnt | None) -> PartitionEngine:
    """The engine out of its dump."""
    settings, bank = recorded.engine_settings(), recorded.every()
    return PartitionEngine.restore(recorded.PARTITION, settings, bank, engine.dump(), Origin("c0", "test"), given)


def named(engine: PartitionEngine, queries: Queries) -> dict[str, int]:
    """Families named, with the queries then."""
    return {found.family: found.queries for found in reversed(engine.feed(queries)) if found.tier == "named"}


@pytest.mark.parametrize("kind", ["hop-skip-jump", "coordinate-climb"])
def test_a_chain_by_the_very_first_client_is_found(kind: str) -> None:
    assert min(named(recorded.engine(), alone(kind)).values()) <= 100


@pytest.mark.parametrize("kind", ["user", "poller", "video", "occlusion", "smoke-test"])
def test_an_honest_first_client_is_not_named(kind: str) -> None:
    assert named(recorded.engine(), alone(kind)) == {}


def only(engine: PartitionEngine) -> Standing:
    [standing] = engine.standings()
    return standing


def chains(clients: int, each: int) -> Queries:
    """Clients whose inputs are near each other and far from those of others."""
    random = np.random.default_rng(2)
    bases = 5 + random.normal(size=(clients, 6))
    return columns(
        [
            Query(client=f"c{n}", dense=(bases[n] + 0.01 * random.normal(size=6)).astype(np.float32), time=START + at)
            for at in range(each)
            for n in range(clients)
        ]
    )


def test_shipped_scales_give_way_to_learnt_ones() -> None:
    engine = recorded.engine()
    engine.feed(chains(1, 40))
    assert only(engine).distances == "shipped"
    engine.feed(chains(4, 40))
    assert only(engine).distances == "learnt"


def test_a_standing_names_what_is_missing_and_who_waits() -> None:
    engine = recorded.engine()
    engine.feed(part(ordinary(), 0, 100))
    before = only(engine)
    hearings = {one.detector: one for one in before.hearings}
    assert {gap.what for gap in before.gaps} == {MANIFOLD, PEERS, CLIENTS}
    assert all(gap.have < gap.need for gap in before.gaps)
    assert (hearings["novelty"].state, hearings["novelty"].gaps) == ("silent", (CLIENTS,))
    assert (hearings["extraction"].state, hearings["probes"].state) == ("partly", "speaks")
    assert "noise" in hearings["extraction"].waiting
    assert hearings["attribute"].state == "blind"
    tree = before.tree()
    assert [gap["what"] for gap in tree["gaps"]] == [gap.what for gap in before.gaps]
    assert json.loads(json.dumps(tree))["hearings"][0]["detector"] == before.hearings[0].detector
    engine.feed(part(ordinary(), 100, len(ordinary())))
    after = only(engine)
    assert ([gap.what for gap in after.gaps], after.distances) == ([CLIENTS], "learnt"), "there are few of them"
    assert [one.detector for one in after.hearings if one.state not in ("speaks", "blind")] == ["integrity", "novelty"]


def test_a_standing_of_rows_and_of_inputs_without_scale() -> None:
    engine = recorded.engine()
    random = np.random.default_rng(3)
    rows = [Query(client=f"c{n % 30}", row={"a": float(n), "b": float(random.integers(8))}) for n in range(64)]
    engine.feed(columns([*rows, Query(model="zero", dense=np.zeros(4, np.float32)), Query(model="hash", exact="x")]))
    table, zero, hashed = engine.standings()
    assert [gap.what for gap in table.gaps] == [COLUMNS, PEERS, CLIENTS]
    assert (table.distances, table.width) == ("none", 2)
    assert next(one for one in zero.hearings if one.detector == "inversion").state == "silent", "no scale at all"
    assert [gap.what for gap in hashed.gaps] == [PEERS, CLIENTS]


def test_tests_of_training_records_wait_for_fingerprints() -> None:
    engine = recorded.engine()
    engine.feed(part(ordinary(), 0, 40))
    assert only(engine).untrained == ("membership/copies", "membership/hits")
    plain = recorded.every()
    knowing = Bank(plain.detectors, plain.sensitive, {"digits": None})  # type: ignore[dict-item]
    view = View("digits", Shape(DENSE, 8), 2_048, knowing)
    assert standing(view).untrained == ()


def test_asking_changes_nothing() -> None:
    engine = recorded.engine()
    engine.feed(part(ordinary(), 0, 3_000))
    before = {name: array.tobytes() for name, array in engine.dump().items()}
    engine.standings()
    assert {name: array.tobytes() for name, array in engine.dump().items()} == before


def test_what_was_learnt_is_a_start() -> None:
    one, other = beginning(None), beginning(learnt())
    noise = alone("random-noise")
    assert "extraction" not in named(one, noise), "nobody knows yet what is natural"
    assert named(other, noise)["extraction"] <= 40
    after = only(other)
    assert after.started
    assert [gap.what for gap in after.gaps] == [CLIENTS], "the recording has few of them"


def test_what_was_learnt_holds_nothing_of_clients() -> None:
    pseudonyms = set(ordinary().client)
    for name, array in taught().items():
        content = array.tobytes()
        assert not any(client[:8] in content for client in pseudonyms), name
    assert not any("windows" in name or "rows" in name or "findings" in name for name in taught())


def test_a_start_gives_way_to_own_clients() -> None:
    engine = beginning(learnt())
    engine.feed(part(ordinary(), 0, 300))
    assert only(engine).started
    engine.feed(part(ordinary(), 300, len(ordinary())))
    assert not only(engine).started


def test_floors_that_were_learnt_are_never_lowered() -> None:
    arrays = {name: array.copy() for name, array in taught().items()}
    floors = next(name for name in arrays if name.endswith("floors"))
    arrays[floors][:, 0] = 0.8
    engine = beginning(unpack(arrays, recorded.every()))
    engine.feed(ordinary())
    first = recorded.every().tests[0]
    assert only(engine).raised[f"{first.detector}/{first.name}"] >= 0.8


@pytest.mark.parametrize("cuts", [[1, 2, 3, 700], [64, 65, 256, 2_000, 2_001]])
def test_a_start_depends_neither_on_cuts_nor_on_restarts(cuts: list[int]) -> None:
    queries = part(ordinary(), 0, 3_000)
    whole = beginning(learnt())
    expected = [encode(finding) for finding in whole.feed(queries)]
    engine, found = beginning(learnt()), []
    for batch in batches(queries, cuts):
        found += [encode(finding) for finding in engine.feed(batch)]
        engine = again(engine, learnt())
    assert found == expected
    assert only(engine) == only(whole)


def test_a_snapshot_goes_before_what_was_learnt() -> None:
    engine = beginning(None)
    engine.feed(part(ordinary(), 0, 100))
    restored = again(engine, learnt())
    assert not only(restored).started
    assert only(restored) == only(engine)


def test_two_accounts_of_an_attacker_raise_no_floor() -> None:
    assert FEWEST_CLIENTS > 2
    attack = recorded.records(lambda who, label, record: label["kind"] == "hop-skip-jump" and not label["variant"])
    engine = recorded.engine()
    engine.feed(recorded.decoded(attack))
    assert only(engine).clients < FEWEST_CLIENTS
    assert only(engine).raised == {}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda head: head | {"layout": 99}, "layout 99"),
        (lambda head: head | {"tests": ["a/b"]}, "another set of detectors"),
        (lambda head: {"layout": head["layout"]}, "incomplete: KeyError"),
    ],
)
def test_what_does_not_fit_is_refused_with_a_reason(change: Any, reason: str) -> None:
    head = change(json.loads(taught()["head"].tobytes()))
    with pytest.raises(ValueError, match=reason):
        unpack(taught() | {"head": np.frombuffer(json.dumps(head).encode(), np.uint8)}, recorded.every())


def test_a_lesson_for_other_streams_is_refused() -> None:
    arrays = dict(taught())
    floors = next(name for name in arrays if name.endswith("floors"))
    arrays[floors] = arrays[floors][:1]
    with pytest.raises(ValueError, match="another bank"):
        beginning(unpack(arrays, recorded.every())).feed(part(ordinary(), 0, 1))

"""The same queries give the same findings, byte for byte: however they are cut, and whether or not state was saved."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

import numpy as np
import pytest
import recorded
from hypothesis import given, settings
from hypothesis import strategies as st
from queries import NAN, START, Query, batches, columns, part

from detectors.sketch.queries import Queries
from monitor.engine.changes import joined
from monitor.engine.partition import PartitionEngine
from monitor.formats.native import encode

SLOW = os.environ.get("NUMBA_DISABLE_JIT") == "1"  # uncompiled kernels take a thousand times as long
EXAMPLES = 2 if SLOW else 10
SCENES = {
    "digits": (60 if SLOW else 200, ("hop-skip-jump", "probe-replay", "coordinate-climb", "key-spray", "tried-key")),
    "hi": (60 if SLOW else 200, ("csmia-hispanic", "uniform-rows", "row-probe-replay", "noisy-copies", "tried-key")),
}
KEPT = 900 if SLOW else 4_000


@cache
def scene(name: str) -> Queries:
    """A model's ordinary clients of few queries, and attackers who will be found."""
    most, attacks = SCENES[name]
    lines = recorded.records(
        lambda _, label, record: (
            recorded.model(record) == name
            and (label["kind"] in attacks if label["attack"] else label["queries"] <= most)
        )
    )
    return recorded.decoded(lines[:KEPT])


@cache
def expected(name: str) -> list[bytes]:
    return [encode(finding) for finding in recorded.engine().feed(scene(name))]


def restored(engine: PartitionEngine, **given: Any) -> PartitionEngine:
    """The engine again, out of its dump."""
    arrays = {name: array.copy() for name, array in engine.dump().items()}
    origin = recorded.Origin("c0", "test")
    return PartitionEngine.restore(
        recorded.PARTITION, recorded.engine_settings(**given), recorded.every(), arrays, origin
    )


cuts = st.lists(st.integers(0, 4_000), max_size=12)


@pytest.mark.parametrize("name", SCENES)
def test_there_is_something_to_find(name: str) -> None:
    assert len(expected(name)) >= (3 if SLOW else 10)


@pytest.mark.parametrize("name", SCENES)
@settings(max_examples=EXAMPLES)
@given(cuts=cuts)
def test_how_the_log_is_cut_into_batches_does_not_matter(name: str, cuts: list[int]) -> None:
    engine = recorded.engine()
    found = [encode(finding) for batch in batches(scene(name), cuts) for finding in engine.feed(batch)]
    assert found == expected(name)


@pytest.mark.parametrize("name", SCENES)
@settings(max_examples=EXAMPLES)
@given(cuts=cuts)
def test_restarts_do_not_matter(name: str, cuts: list[int]) -> None:
    engine, found = recorded.engine(), []
    for batch in batches(scene(name), cuts):
        found += [encode(finding) for finding in engine.feed(batch)]
        engine = restored(engine)
    assert found == expected(name)


def test_one_by_one() -> None:
    engine, start, stop = recorded.engine(), 0, 300 if SLOW else 1_200
    queries = part(scene("hi"), 0, stop)
    whole = [encode(finding) for finding in recorded.engine().feed(queries)]
    found = [encode(f) for at in range(start, stop) for f in engine.feed(part(queries, at, at + 1))]
    assert found == whole


def test_a_dump_of_a_restored_engine_is_the_same_dump() -> None:
    engine = recorded.engine()
    engine.feed(scene("hi"))
    assert_same(engine.dump(), restored(engine).dump())


@st.composite
def mixed(draw: st.DrawFn) -> list[Query]:
    """Queries of every kind, of few clients and models, at times that go back and forth."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    n, clients = draw(st.integers(1, 60 if SLOW else 300)), draw(st.integers(1, 5))
    made, time = [], START
    for _ in range(n):
        time += int(random.choice([0, 1_000, 1_000_000, 60_000_000, -5_000_000]))
        value = int(random.integers(0, 6))
        inputs: list[dict[str, Any]] = [
            {},
            {"row": {name: value + 8 * int(random.integers(0, 2)) for name in "xyz"}},
            {"row": {"x": value}},
            {"text": [value] * 16 + random.integers(0, 3, 16).tolist()},
            {"dense": (random.normal(size=5) + value).astype(np.float32)},
            {"exact": str(value)},
        ]
        made.append(
            Query(
                **random.choice(inputs),
                client=str(random.integers(0, clients)),
                model=str(random.choice(["m", "n"])),
                address=str(random.choice(["", "1", "2"])),
                version=str(random.choice(["", "1", "2"])),
                time=time,
                label=str(random.choice(["", "p", "q", "r"])),
                second=str(random.choice(["", "p", "q"])),
                p1=float(random.choice([NAN, 0.5, 0.9, 1.0])),
                p2=float(random.choice([NAN, 0.0, 0.1])),
                status=int(random.choice([0, 200, 401, 429, 503])),
                output_size=float(random.integers(0, 9)),
            )
        )
    return made


@settings(max_examples=3 * EXAMPLES)
@given(made=mixed(), cuts=cuts)
def test_mixed_kinds_models_and_clients(made: list[Query], cuts: list[int]) -> None:
    queries = columns(made)
    whole, cut = recorded.engine(), recorded.engine()
    expected = [encode(finding) for finding in whole.feed(queries)]
    found = []
    for batch in batches(queries, cuts):
        found += [encode(finding) for finding in cut.feed(batch)]
        cut = restored(cut)
    assert found == expected
    assert cut.stats().queries == len(made)
    assert_same(whole.dump(), cut.dump())


def assert_same(first: dict[str, Any], second: dict[str, Any]) -> None:
    """Equal state, to the last byte."""
    assert first.keys() == second.keys()
    for name, array in first.items():
        assert array.tobytes() == second[name].tobytes(), name


def put_together(base: dict[str, Any], changes: list[dict[str, Any]]) -> PartitionEngine:
    """The engine of a dump and the changes since."""
    origin = recorded.Origin("c0", "test")
    arrays = joined(base, changes)
    return PartitionEngine.restore(recorded.PARTITION, recorded.engine_settings(), recorded.every(), arrays, origin)


def chain(
    engine: PartitionEngine, queries: Queries, cuts: list[int]
) -> tuple[dict[str, Any], list[dict[str, Any]], list[bytes]]:
    """Feed batch after batch, the first into a dump and the others into changes; what was found is told, too."""
    found, base, marks, changes = [], engine.dump(), engine.marks(), []
    for batch in batches(queries, cuts):
        found += [encode(finding) for finding in engine.feed(batch)]
        changes.append(engine.changes(marks))  # which the engine leaves alone from now on
        marks = engine.marks()
    return base, changes, found


@pytest.mark.parametrize("name", SCENES)
@settings(max_examples=EXAMPLES)
@given(cuts=cuts)
def test_changes_of_a_scene_come_to_its_state(name: str, cuts: list[int]) -> None:
    engine = recorded.engine()
    base, changes, found = chain(engine, scene(name), cuts)
    assert found == expected(name)
    assert_same(engine.dump(), put_together(base, changes).dump())


@settings(max_examples=EXAMPLES)
@given(made=mixed(), cuts=cuts)
def test_changes_of_every_kind_of_input_come_to_their_state(made: list[Query], cuts: list[int]) -> None:
    engine = recorded.engine()
    base, changes, _ = chain(engine, columns(made), cuts)
    assert_same(engine.dump(), put_together(base, changes).dump())


def test_a_view_without_a_query_tells_nothing_and_is_kept() -> None:
    engine = recorded.engine()
    engine.feed(scene("hi"))
    base, marks = engine.dump(), engine.marks()
    assert {name.partition("/")[0] for name in base} >= {"view0"}
    change = engine.changes(marks)
    assert not any(name.startswith("view") for name in change)
    assert_same(engine.dump(), put_together(base, [change, change]).dump())


def test_changes_are_as_small_as_what_is_new() -> None:
    engine = recorded.engine()
    queries = scene("digits")
    *_, last = batches(queries, [len(queries) - 1])
    engine.feed(next(iter(batches(queries, [len(queries) - 1]))))
    marks = engine.marks()
    engine.feed(last)
    windows = {name: array for name, array in engine.changes(marks).items() if name.startswith("view0/windows0/")}
    assert len(windows["view0/windows0/entries"]) == len(windows["view0/windows0/names"]) == 1


@pytest.mark.parametrize("order", [(0, 2), (0, 2, 1), (0, 1, 1)])
def test_changes_that_do_not_follow_are_refused(order: tuple[int, ...]) -> None:
    engine = recorded.engine()
    base, changes, _ = chain(engine, scene("hi"), [500, 1_000])
    with pytest.raises(ValueError, match="changes of another state"):
        put_together(base, [changes[at] for at in order])

"""Whoever sends queries chooses how many clients, models, shapes and callers there are: counted, and nothing grows."""

from __future__ import annotations

import os
from importlib.metadata import PackageNotFoundError

import numpy as np
import pytest
import recorded
from hypothesis import given, settings
from hypothesis import strategies as st
from queries import MINUTE, NAN, START, Query, columns

from detectors.sketch.queries import OPAQUE
from monitor.engine.bank import Bank
from monitor.engine.callers import TRIED, Callers
from monitor.engine.partition import SHAPES, Origin, PartitionEngine, lineage
from monitor.engine.step import LABELS, Names, Shape
from monitor.engine.verdicts import Court
from monitor.engine.view import View
from monitor.formats.native import encode

SLOW = os.environ.get("NUMBA_DISABLE_JIT") == "1"


def test_more_clients_than_the_ceiling() -> None:
    engine, sizes = recorded.engine(clients=2_048), []
    for start in range(0, 5_120, 1_024):
        engine.feed(columns([Query(client=f"c{n}", exact=str(n)) for n in range(start, start + 1_024)]))
        pairs = sum(view.campaigns.rhythm.pairs.nbytes for view in engine._views.values())
        sizes.append(engine.stats().bytes - pairs)  # room for pairs follows the queries, up to a ceiling of its own
    stats = engine.stats()
    assert (stats.clients, stats.evicted, stats.queries, stats.ignored) == (2_048, 3_072, 5_120, 0)
    assert sizes[-1] == sizes[2], "once all places are taken"


def test_more_models_than_the_ceiling() -> None:
    engine = recorded.engine(models=3)
    engine.feed(columns([Query(model=f"m{n % 5}", time=START + n) for n in range(50)]))
    stats = engine.stats()
    assert (stats.models, stats.ignored, stats.clients) == (3, 20, 3)
    assert len(stats.learning) == 3


def test_more_shapes_than_the_ceiling() -> None:
    engine = recorded.engine()
    engine.feed(columns([Query(row={f"x{i}": 1.0 for i in range(n % 12 + 1)}) for n in range(120)]))
    stats = engine.stats()
    assert (stats.models, stats.ignored) == (1, 10 * (12 - SHAPES))
    assert len([name for name in engine.dump() if name.endswith("numbers")]) == SHAPES + 1


def test_more_labels_than_the_ceiling() -> None:
    names = Names(8)
    assert names.numbers(np.arange(1, 20)).tolist() == [1, 2, 3, 4, 5, 6] + [7] * 13
    assert names.numbers(np.array([0, 3, 19])).tolist() == [0, 3, 7]
    again = Names(8)
    again.load(names.dump())
    assert again.numbers(np.array([3, 6, 7])).tolist() == [3, 6, 7]
    assert len(again) == 6


def test_thousands_of_labels_and_versions() -> None:
    engine = recorded.engine()
    engine.feed(
        columns([Query(client=str(n % 9), label=f"l{n}", second=f"s{n}", version=f"v{n}") for n in range(LABELS)])
    )
    names = engine.dump()["view0/labels"]
    assert len(names) == LABELS - 2


def test_findings_that_find_no_place_are_counted() -> None:
    engine = recorded.engine(open_findings=16)
    asked = [Query(client=f"{a}-{n}", address=f"a{a}", status=401, time=START + n) for a in range(30) for n in range(9)]
    found = engine.feed(columns(asked))
    assert (engine.stats().findings_open, engine.stats().findings_dropped > 0) == (17, True)
    titles = [finding.title for finding in {finding.finding: finding for finding in found}.values()]
    assert (len(titles), titles.count("Storm of findings")) == (17, 1), "one stands for all that found no place"


def callers() -> Callers:
    return Callers(Court(recorded.every(), recorded.engine_settings()))


def refused(sprayer: Callers, asked: list[Query]) -> list[str]:
    queries = columns(asked)
    return [verdict.family for verdict in sprayer.feed(queries, queries.time)]


def test_many_keys_from_one_address_and_many_models_with_one_key() -> None:
    keys = [Query(client=f"k{n}", address="a", status=401, time=START + n) for n in range(12)]
    models = [Query(client="k", model=f"m{n}", status=403, time=START + n) for n in range(12)]
    assert refused(callers(), keys)[-1] == "access"
    assert refused(callers(), models)[-1] == "access"


@pytest.mark.parametrize("status", [200, 0, 404, 429, 503])
def test_what_was_not_refused_is_not_looked_at(status: int) -> None:
    assert refused(callers(), [Query(client=f"k{n}", address="a", status=status) for n in range(50)]) == []


def test_one_expired_key_that_goes_on_calling_is_no_finding() -> None:
    assert refused(callers(), [Query(client="k", address="a", status=401, time=START + n) for n in range(200)]) == []


def test_refusals_are_forgotten_after_an_hour() -> None:
    slow = [Query(client=f"k{n}", address="a", status=401, time=START + 40 * n * MINUTE) for n in range(60)]
    assert refused(callers(), slow) == []


def test_callers_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.engine.callers.REMEMBERED", 64)
    sprayer = callers()
    refused(sprayer, [Query(client=f"k{n}", address=f"a{n}", status=401) for n in range(200)])
    assert [len(known) for known in sprayer._known.values()] == [64, 64]
    refused(sprayer, [Query(client=f"j{n}", address="one", status=401) for n in range(TRIED + 50)])
    address = columns([Query(address="one")]).address[0]
    assert len(sprayer._known["refused_keys"][address].tried) == TRIED


def hostile() -> st.SearchStrategy[list[Query]]:
    """Columns that no honest log has; the decoder lets some of them through."""
    numbers = st.sampled_from([NAN, float("inf"), -float("inf"), -1.0, 0.0, 0.5, 1.0, 1e30])
    times = st.sampled_from([946_684_800_000_000, START, START + 1, 4_102_444_800_000_000, 0, -1])
    vectors = st.sampled_from([0, 1, 5, 64]).map(lambda n: np.full(n, 3e38 if n == 1 else 0.5, np.float32))
    wide = st.sampled_from([0, 1, 64, 65, 90]).map(lambda n: {f"x{i}": float(i) for i in range(n)})
    words = st.sampled_from(["", "a", "b", "c"])
    query = st.builds(
        Query,
        client=st.sampled_from(["a", "b", "c"]),  # never unknown: the decoder refuses a record without one
        model=st.sampled_from(["m", "n"]),
        group=words,
        address=words,
        version=words,
        time=times,
        row=st.none() | wide,
        text=st.none() | st.lists(st.integers(0, 255), max_size=32),
        dense=st.none() | vectors,
        exact=st.none() | words,
        label=words,
        second=words,
        p1=numbers,
        p2=numbers,
        status=st.sampled_from([0, 200, 401, 403, 429, 503, 32_767, -1]),
        input_size=st.sampled_from([0.0, 1.0, 1e30]),
        output_size=st.sampled_from([0.0, 1.0, 1e30]),
    )
    return st.lists(query, min_size=1, max_size=6).map(lambda few: few * 20)


@settings(max_examples=5 if SLOW else 40)
@given(asked=hostile())
def test_nothing_raises_on_hostile_columns(asked: list[Query]) -> None:
    engine = recorded.engine()
    for finding in engine.feed(columns(asked)):
        encode(finding)
    assert engine.stats().queries == len(asked)
    assert engine.feed(columns([])) == []


def test_a_far_future_record_closes_nothing_at_once() -> None:
    engine = recorded.engine(quiet_minutes=120)
    spray = [Query(client=f"k{n}", address="a", status=401, time=START + n) for n in range(12)]
    assert engine.feed(columns(spray))
    assert engine.feed(columns([Query(time=4_102_444_800_000_000)])) == []
    assert engine.stats().findings_open == 1
    (closed,) = engine.feed(columns([Query(time=4_102_444_800_000_000)]))
    assert closed.status == "closed"


def test_state_that_does_not_fit_is_refused() -> None:
    engine = recorded.engine()
    engine.feed(columns([Query(client=str(n), row={"x": 1.0}) for n in range(30)]))
    arrays = engine.dump()

    def restore(changed: dict[str, np.ndarray], bank: Bank | None = None, **given: int) -> None:
        PartitionEngine.restore(
            recorded.PARTITION,
            recorded.engine_settings(**given),
            recorded.every() if bank is None else bank,
            changed,
            recorded.ORIGIN,
        )

    def head(old: bytes, new: bytes) -> dict[str, np.ndarray]:
        return arrays | {"head": np.frombuffer(arrays["head"].tobytes().replace(old, new), np.uint8)}

    restore(arrays)
    with pytest.raises(ValueError, match="another set of detectors"):
        restore(arrays, Bank([]))
    with pytest.raises(ValueError, match="the key of epoch test"):
        PartitionEngine.restore(recorded.PARTITION, recorded.engine_settings(), recorded.every(), arrays)
    with pytest.raises(ValueError, match="has layout 999"):
        restore(head(b'"layout": ', b'"layout": 999, "old": '))
    for name in arrays:
        if name not in ("head", "numbers") and "bank" not in name:
            missing = {key: array for key, array in arrays.items() if key != name}
            with pytest.raises(ValueError, match="incomplete"):
                restore(missing)


def test_state_of_more_models_than_the_ceiling_is_refused() -> None:
    engine = recorded.engine()
    engine.feed(columns([Query(model=f"m{n}") for n in range(3)]))
    arrays, bank = engine.dump(), recorded.every()
    PartitionEngine.restore(recorded.PARTITION, recorded.engine_settings(models=3), bank, arrays, recorded.ORIGIN)
    with pytest.raises(ValueError, match="more models than the settings allow"):
        PartitionEngine.restore(recorded.PARTITION, recorded.engine_settings(models=2), bank, arrays, recorded.ORIGIN)


def test_a_view_refuses_what_other_detectors_left() -> None:
    view = View("m", Shape(OPAQUE, 0), 8, recorded.every())
    arrays = view.dump()
    view.load(arrays)
    with pytest.raises(ValueError, match="another bank of detectors"):
        view.load(arrays | {"floors": arrays["floors"][:, 1:]})


def test_a_program_that_was_not_installed_has_an_unknown_version(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    assert lineage(recorded.PARTITION, Origin("c0", "")).detector_version != "unknown"
    monkeypatch.setattr("monitor.engine.partition.version", missing)
    found = lineage(recorded.PARTITION, Origin("c0", ""))
    assert (found.detector_version, found.config_hash, found.key_epochs) == ("unknown", "c0", ())

"""Sub-streams: who goes into them, what is said of them, and a chain that ordinary queries would hide."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import cache
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import recorded
from queries import NAN, Query, columns, name16

from detectors.contract import Blocks
from detectors.features.layout import CHAINED, STRANGE
from detectors.features.walk import WIDTH, room
from detectors.sketch.queries import DENSE, ROWS, Queries
from monitor.engine.step import Names, Shape, Step, prepare, shapes
from monitor.engine.stream import ALL, CHUNK, SUBSTREAMS, Judged, Stream, Walked, keys_of, routed
from monitor.engine.view import View

SLOW = os.environ.get("NUMBA_DISABLE_JIT") == "1"
ROW = Shape(ROWS, 1)


def step(asked: list[Query]) -> Step:
    """Queries of one shape, prepared."""
    queries = columns(asked)
    [shape], _ = shapes(queries)
    return prepare(queries, np.arange(len(asked)), shape, Names(99), Names(99), None)


def walked(counts: list[int]) -> Walked:
    n = len(counts)
    return Walked(np.arange(n, dtype=np.int32), np.zeros((n, WIDTH)), np.array(counts), np.zeros(n, np.int32))


def test_a_sub_stream_holds_its_queries_with_the_base_before_the_first_link() -> None:
    given = step([Query(row={"a": n}, client=f"c{n}", exact=str(n), group="g") for n in range(4)])
    out = room(8, given.sketches.shape[1])
    out.routed[:4] = [0, CHAINED, CHAINED | STRANGE, STRANGE]
    out.joined[1] = True
    out.bases["time"][1], out.base_sketches[1] = 77, 9
    chained, at = routed(given, out, CHAINED)
    assert at.tolist() == [1, 1, 2]
    assert chained.events["time"].tolist() == [77, *given.events["time"][1:3].tolist()]
    assert chained.exact.tolist() == [0, *given.exact[1:3].tolist()], "the base is no repeat of itself"
    assert chained.sketches[0].tolist() == [9, 9]
    assert chained.sketches[1:].tolist() == given.sketches[1:3].tolist()
    assert chained.clients == [name16("c1"), name16("c1"), name16("c2")]
    assert chained.groups == [name16("g")] * 3
    strange, at = routed(given, out, STRANGE)
    assert at.tolist() == [2, 3], "no base joins the strange ones"
    assert strange.exact.tolist() == given.exact[2:].tolist()


def test_a_base_is_no_second_hit_of_a_training_record() -> None:
    given = step([Query(row={"a": n}, exact=str(n)) for n in range(2)])
    given = replace(given, trained=np.array([0, 5], np.uint64))
    out = room(8, given.sketches.shape[1])
    out.routed[1], out.joined[1] = CHAINED, True
    chained, _ = routed(given, out, CHAINED)
    assert chained.trained.tolist() == [0, 5]


def test_nobody_goes_into_an_empty_stream() -> None:
    given = step([Query(row={"a": 1})])
    for stream in SUBSTREAMS:
        sub, at = routed(given, room(8, given.sketches.shape[1]), stream)
        assert len(sub) == len(at) == 0


def test_every_query_of_a_sub_stream_may_bring_another() -> None:
    assert len(Stream(ALL, ROW, 4, 1).room().routed) == CHUNK
    assert len(Stream(CHAINED, ROW, 4, 1).room().routed) == 2 * CHUNK


def test_blocks_name_their_stream_and_its_share_of_the_clients_queries() -> None:
    heads = np.array([(80,), (30,), (15,)], [("count", "i8")])
    blocks = Stream(CHAINED, ROW, 4, 1).blocks(walked([1, 2, 1]), heads, [bytes(16), b"\1" * 16, bytes(16)])
    assert blocks.features["stream"].tolist() == [CHAINED] * 3
    assert blocks.features["stream_share"].tolist() == [20 / 80, 1.0, 1.0], "of its own queries, at most all"
    assert blocks.queries.tolist() == [80, 30, 15]
    assert blocks.counts is not None
    assert blocks.counts.tolist() == [1, 2, 1]
    main = Stream(ALL, ROW, 4, 1).blocks(walked([1]), heads[:1], [bytes(16)])
    assert main.features["stream"].tolist() == [ALL]


def said(number: int, strengths: list[list[float]], whole: bool = False) -> tuple[list[list[float]], Stream]:
    """What becomes of the strengths of a named and a learnt test at a client's first blocks."""
    bank: Any = SimpleNamespace(
        score=lambda _: np.array(strengths), learnt=np.array([False, True]), whole=np.array([whole, True])
    )
    bank = type("Saying", (SimpleNamespace,), {"__len__": lambda _: 2})(**vars(bank))
    stream = Stream(number, ROW, 4, 2)
    stream.windows.slots([bytes(16)], [b""])
    n = len(strengths)
    blocks = Blocks(ROWS, {"fill": np.zeros(n)}, np.full(n, 20))
    return stream.strengths(walked(list(range(1, n + 1))), blocks, bank, np.full(2, 0.5)).tolist(), stream


def test_named_tests_have_to_say_it_twice_and_learnt_ones_are_asked_about_all_queries() -> None:
    found, stream = said(ALL, [[0.2, 0.5], [1.0, 0.25], [0.8, 0.75]])
    assert [row[1] for row in found] == [0.5, 0.25, 0.75], "block by block"
    assert [row[0] for row in found] == pytest.approx([0.0, 0.6, 1.0]), "together with the blocks before"
    assert stream.windows.peak[0, 0] == pytest.approx(0.9), "the level of two"


def test_volumes_are_those_of_whole_clients() -> None:
    assert said(ALL, [[1.0, 0.0], [1.0, 0.0]], whole=True)[0][1][0] == 1.0
    found, stream = said(CHAINED, [[1.0, 0.0], [1.0, 0.0]], whole=True)
    assert not np.any(found)
    assert not stream.windows.peak.any()


def test_learnt_tests_say_nothing_of_a_sub_stream() -> None:
    main, _ = said(ALL, [[0.2, 0.5], [1.0, 0.25]])
    found, stream = said(STRANGE, [[0.2, 0.5], [1.0, 0.25]])
    assert [row[1] for row in found] == [0, 0]
    assert [row[0] for row in found] == [row[0] for row in main]
    assert stream.windows.peak[0, 1] == 0


def test_keys_are_the_first_eight_bytes_of_a_pseudonym() -> None:
    assert keys_of([b"\1" + bytes(15), bytes(8) + b"\1" * 8]).tolist() == [1, 0]
    assert len(keys_of([])) == 0


EACH = 2  # ordinary queries for each query of the attack


def judged(view: View, queries: Queries) -> list[Judged]:
    given = prepare(queries, np.arange(len(queries)), view.shape, view.labels, view.versions, None)
    return list(view.feed(given))


@cache
def diluted() -> dict[int, float]:
    """What tests of inversion said, at most, of each stream of a client who sends two ordinary pictures after each
    query of a climb, on a model that knows its ordinary clients."""
    attack = recorded.records(lambda _, label, __: label["kind"] == "coordinate-climb")
    kinds = ("user", "nat-user", "hesitant-user")
    lines = recorded.records(lambda _, label, record: recorded.model(record) == "digits" and label["kind"] in kinds)
    spare, honest = lines[: EACH * len(attack)], lines[EACH * len(attack) :]
    hidden = [line for at, one in enumerate(attack) for line in (one, *spare[EACH * at : EACH * at + EACH])]
    assert len(hidden) == (1 + EACH) * len(attack)
    queries = recorded.decoded([*honest, *hidden])
    queries = replace(queries, client=(*queries.client[: len(honest)], *[name16("diluter")] * len(hidden)))
    bank, [shape] = recorded.every(), shapes(queries)[0]
    view, found = View("digits", shape, 2_048, bank), dict.fromkeys((ALL, *SUBSTREAMS), 0.0)
    for one in judged(view, queries):
        mine = np.array([client == name16("diluter") for client in one.clients], np.bool_)
        if mine.any() and not one.members:
            stream = int(one.blocks.features["stream"][0])
            found[stream] = max(found[stream], float(one.running[mine][:, bank.families == "inversion"].max()))
    return found


@pytest.mark.skipif(SLOW, reason="a recording through uncompiled kernels")
def test_a_diluted_chain_is_found_in_its_own_stream_and_not_among_all() -> None:
    found = diluted()
    assert found[CHAINED] >= 0.75
    assert found[ALL] < 0.25


def near(n: int, seed: int) -> list[Query]:
    """A client's ordinary far-off inputs with a chain of n near ones among them, one in five."""
    random = np.random.default_rng(seed)
    base, asked = random.normal(size=8), []
    for at in range(5 * n):
        point = base + 0.01 * random.normal(size=8) if at % 5 == 0 else random.normal(size=8)
        asked.append(Query(client="alice", dense=point.astype(np.float32), label="yes", p1=0.9, p2=NAN))
    return asked


def chain_blocks(cuts: list[int]) -> list[tuple[int, int, list[float]]]:
    """Where the blocks of the chained stream ended, with how many queries of the client, and their features."""
    others = [
        Query(client=f"c{n}", dense=np.random.default_rng(n).normal(size=8).astype(np.float32)) for n in range(80)
    ]
    queries = columns([*others, *near(30, 1)])
    view, found = View("m", Shape(DENSE, 8), 256, recorded.every()), []
    for start, stop in pairwise([0, *cuts, len(queries)]):
        given = prepare(queries, np.arange(start, stop), view.shape, view.labels, view.versions, None)
        for one in view.feed(given):
            if len(one.blocks) and one.blocks.features["stream"][0] == CHAINED and not one.members:
                features = np.stack([one.blocks.features[name] for name in sorted(one.blocks.features)], axis=1)
                heads = one.heads["count"].tolist()
                rows = np.nan_to_num(features, nan=-9).tolist()
                found += list(zip(one.index.tolist(), heads, rows, strict=True))
    return found


def test_a_chain_ends_blocks_of_its_own_however_queries_come() -> None:
    whole = chain_blocks([])
    assert [count for _, count, _ in whole] == [index - 80 + 1 for index, _, _ in whole], "the client's count of all"
    assert len(whole) >= 2
    assert whole[0][0] > 80 + 5 * 15, "twenty queries of the chain, not of the client"
    assert chain_blocks([81, 86, 150, 176]) == whole

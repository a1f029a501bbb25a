"""Queries made by hand: columns of mixed kinds, models, clients and times, as a decoder would hand them over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from hashlib import blake2b
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from detectors.sketch.queries import (
    DENSE,
    MAX_WIDTH,
    MINHASHES,
    OPAQUE,
    ROWS,
    SEGMENTS,
    TEXT,
    DenseSketches,
    Queries,
    RowSketches,
    TextSketches,
)

MINUTE = 60_000_000
START = 1_795_255_200_000_000  # 2026-11-21T10:00:00Z
NAN = float("nan")

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One query. `row` holds columns, `text` words, `dense` a projection (its length is the width); of several given
    the first counts, and none is an opaque input. Names stand for their hashes; "" is not known."""

    client: str = "alice"
    group: str = ""
    address: str = ""
    model: str = "m"
    version: str = ""
    time: int = START
    row: Mapping[str, float] | None = None
    text: Sequence[int] | None = None
    dense: Floats | None = None
    exact: str | None = None
    label: str = ""
    second: str = ""
    p1: float = NAN
    p2: float = NAN
    status: int = 200
    input_size: float = 1.0
    output_size: float = 0.0
    integrity: float = NAN


def name16(name: str) -> bytes:
    """A pseudonym; empty for an unknown one."""
    return blake2b(name.encode(), digest_size=16).digest() if name else b""


def hashed(name: str, size: int = 8) -> int:
    """A keyed hash, 0 for nothing."""
    return int.from_bytes(blake2b(name.encode(), digest_size=size).digest(), "little") or 1 if name else 0


def columns(given: Sequence[Query], first_offset: int = 0) -> Queries:
    """The columns of these queries, each a record of its own."""
    models = tuple(dict.fromkeys(query.model for query in given))
    kinds = [kind(query) for query in given]
    places = {of: iter(range(len(given))) for of in (DENSE, ROWS, TEXT)}
    n = len(given)
    return Queries(
        models=models,
        offset=np.arange(first_offset, first_offset + n),
        part=np.zeros(n, np.int32),
        time=np.array([query.time for query in given], np.int64),
        client=tuple(name16(query.client) for query in given),
        group=tuple(name16(query.group) for query in given),
        address=tuple(name16(query.address) for query in given),
        model=np.array([models.index(query.model) for query in given], np.int32),
        version=np.array([hashed(query.version, 4) for query in given], np.uint32),
        kind=np.array(kinds, np.uint8),
        row=np.array([next(places[of]) if of in places else -1 for of in kinds], np.int32),
        exact=np.array([exact(query) for query in given], np.uint64),
        label=np.array([hashed(query.label) for query in given], np.uint64),
        second=np.array([hashed(query.second) for query in given], np.uint64),
        p1=np.array([query.p1 for query in given], np.float32),
        p2=np.array([query.p2 for query in given], np.float32),
        classes=np.zeros(n, np.int32),
        digits=np.zeros(n, np.uint8),
        answer=np.zeros(n, np.uint32),
        manner=np.zeros(n, np.uint8),
        status=np.array([query.status for query in given], np.int16),
        input_size=np.array([query.input_size for query in given], np.float32),
        output_size=np.array([query.output_size for query in given], np.float32),
        latency_ms=np.full(n, np.nan, np.float32),
        max_tokens=np.zeros(n, np.float32),
        flags=np.zeros(n, np.uint16),
        bias=np.zeros(n, np.uint32),
        integrity=np.array([query.integrity for query in given], np.float32),
        dense=dense_table([query.dense for query in given if kind(query) == DENSE and query.dense is not None]),
        rows=row_table([query.row for query in given if query.row is not None]),
        text=text_table([query.text for query in given if kind(query) == TEXT and query.text is not None]),
    )


def kind(query: Query) -> int:
    """The kind of its input."""
    if query.row is not None:
        return ROWS
    if query.text is not None:
        return TEXT
    return OPAQUE if query.dense is None else DENSE


def exact(query: Query) -> int:
    """The hash of the whole input: of what `exact` says, or of the input itself; 0 for an opaque one."""
    if query.exact is not None:
        return hashed(query.exact)
    if query.row is not None:
        return hashed(repr(sorted(query.row.items())))
    if query.text is not None:
        return hashed(repr(list(query.text)))
    return 0 if query.dense is None else hashed(query.dense.tobytes().hex())


def dense_table(inputs: Sequence[Floats]) -> DenseSketches:
    """Projections as given; a segment's fingerprint is made of its slice of the projection."""
    projection = np.zeros((len(inputs), MAX_WIDTH), np.float32)
    segments = np.zeros((len(inputs), SEGMENTS), np.uint8)
    for i, one in enumerate(inputs):
        projection[i, : len(one)] = one
        pieces = np.array_split(one, SEGMENTS) if len(one) else []
        segments[i, : len(pieces)] = [hashed(piece.tobytes().hex(), 1) if len(piece) else 0 for piece in pieces]
    width = np.array([len(one) for one in inputs], np.uint8)
    spread = np.ones(len(inputs), np.float32)
    coarse = np.zeros(len(inputs), np.uint64)
    return DenseSketches(projection, width, 2 * width.astype(np.int32) + 2, segments, spread, coarse)


def row_table(inputs: Sequence[Mapping[str, float]]) -> RowSketches:
    """A cell's code is its value modulo 8, so that tests choose which values share a coarse bin."""
    cells = [
        sorted((hashed(name, 4), hashed(f"{name}={value}"), int(value) % 8) for name, value in row.items())
        for row in inputs
    ]
    flat = [cell for row in cells for cell in row]
    return RowSketches(
        start=np.cumsum([0, *map(len, cells)]).astype(np.int64),
        name=np.array([cell[0] for cell in flat], np.uint32),
        value=np.array([cell[1] for cell in flat], np.uint64),
        code=np.array([cell[2] for cell in flat], np.uint8),
    )


def text_table(inputs: Sequence[Sequence[int]]) -> TextSketches:
    """MinHash bytes as given, the rest 0."""
    minhash = np.zeros((len(inputs), MINHASHES), np.uint8)
    for i, one in enumerate(inputs):
        minhash[i, : len(one)] = one
    n = len(inputs)
    return TextSketches(
        minhash,
        np.zeros(n, np.uint32),
        np.zeros(n, np.uint32),
        np.full(n, 3, np.int32),
        np.ones(n, np.float32),
        np.full(n, np.nan, np.float32),
        np.zeros(n, np.uint8),
    )


TABLES = ("models", "dense", "rows", "text")


def part(queries: Queries, start: int, stop: int) -> Queries:
    """The queries from start to stop; the tables of inputs stay whole."""
    names = [each.name for each in fields(queries) if each.name not in TABLES]
    return replace(queries, **{name: getattr(queries, name)[start:stop] for name in names})


def batches(queries: Queries, cuts: Sequence[int]) -> Iterator[Queries]:
    """The queries cut at these places (any numbers, in any order)."""
    edges = sorted({0, len(queries), *(cut % (len(queries) + 1) for cut in cuts)})
    for start, stop in pairwise(edges):
        yield part(queries, start, stop)

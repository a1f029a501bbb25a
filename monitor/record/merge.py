"""Puts sketches that came ready-made between those made here, in the order of the queries."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.sketch.dense import width_of
from detectors.sketch.queries import MAX_WIDTH, DenseSketches, RowSketches, TextSketches
from monitor.record.sketched import Premade

Words = NDArray[np.uint64]
Ints = NDArray[np.int64]


def _premade(inputs: list[Any]) -> tuple[list[int], list[Premade]]:
    at = [number for number, one in enumerate(inputs) if type(one) is Premade]
    return at, [inputs[number] for number in at]


def _spread_out(made: NDArray[Any], n: int, at: list[int]) -> NDArray[Any]:
    """The rows of a table, with room for n - len(made) others at the given places."""
    out = np.zeros((n, *made.shape[1:]), made.dtype)
    out[np.delete(np.arange(n), at)] = made
    return out


def merge_dense(inputs: list[Any], made: DenseSketches, exact: Words) -> tuple[DenseSketches, Words]:
    """One table and the exact hashes of all dense inputs; `made` are those that are no Premade, in their order."""
    at, ready = _premade(inputs)
    if not at:
        return made, exact
    n = len(inputs)
    columns = (made.projection, made.width, made.size, made.segments, made.spread, made.coarse, exact)
    projection, width, size, segments, spread, coarse, exact = (_spread_out(column, n, at) for column in columns)
    for row, one in zip(at, ready, strict=True):
        projection[row] = np.pad(one.projection, (0, MAX_WIDTH - len(one.projection)))
        width[row], size[row], exact[row] = width_of(one.size), one.size, one.exact
        segments[row], spread[row], coarse[row] = one.fixed["segments"][0], one.fixed["spread"][0], one.coarse
    return DenseSketches(projection, width, size, segments, spread, coarse), exact


def ready_rows(ready: list[Premade]) -> tuple[RowSketches, Words]:
    """One table and the exact hashes of rows that came ready-made."""
    start = np.cumsum([0, *(one.size for one in ready)])
    cells = {name: np.concatenate([one.fixed[name] for one in ready]) for name in ("name", "value", "code")}
    return RowSketches(start, **cells), np.array([one.exact for one in ready], np.uint64)


def merge_rows(parts: list[tuple[Ints, RowSketches, Words]]) -> tuple[RowSketches, Words]:
    """One table and the exact hashes of all rows, of which each part has those at its places."""
    if len(parts) == 1:
        return parts[0][1:]
    n = sum(len(places) for places, _, _ in parts)
    many, exact = np.zeros(n, np.int64), np.zeros(n, np.uint64)
    for places, part, whole in parts:
        many[places], exact[places] = np.diff(part.start), whole
    start = np.concatenate([[0], np.cumsum(many)])
    out = RowSketches(start, *(np.zeros(start[-1], kind) for kind in (np.uint32, np.uint64, np.uint8)))
    for places, part, _ in parts:
        at = np.arange(part.start[-1]) + np.repeat(start[places] - part.start[:-1], np.diff(part.start))
        out.name[at], out.value[at], out.code[at] = part.name, part.value, part.code
    return out, exact


def merge_text(inputs: list[Any], made: TextSketches, exact: Words) -> tuple[TextSketches, Words]:
    """One table and the exact hashes of all texts."""
    at, ready = _premade(inputs)
    if not at:
        return made, exact
    n = len(inputs)
    columns = (made.minhash, made.head, made.tail, made.words, made.variety, made.repetition, made.wishes, exact)
    minhash, head, tail, words, variety, repetition, wishes, exact = (_spread_out(column, n, at) for column in columns)
    for row, one in zip(at, ready, strict=True):
        fixed = one.fixed[0]
        minhash[row], head[row], tail[row] = fixed["minhash"], fixed["head"], fixed["tail"]
        words[row], variety[row], exact[row] = one.size, fixed["variety"], one.exact
        repetition[row], wishes[row] = fixed["repetition"], fixed["wishes"]
    return TextSketches(minhash, head, tail, words, variety, repetition, wishes), exact

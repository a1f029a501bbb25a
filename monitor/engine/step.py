"""Queries of one model and one shape of input, prepared for the kernel: entries, packed sketches, sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detectors.features.facts import pack_facts
from detectors.features.layout import ENTRY, FAILED, REFUSED
from detectors.features.neighbours import pack_dense, sketch_bytes
from detectors.sketch.queries import DENSE, MINHASHES, ROWS, TEXT, Queries
from monitor.engine.training import Training

WIDE: Final = 32  # bits for a width, or for the number of a set of columns
LABELS: Final = 4_096  # labels of a model that are told apart; further ones are one


@dataclass(frozen=True, slots=True)
class Shape:
    """What a window is laid out for: the kind of input, and its width (dense) or its columns (keyed name hashes)."""

    kind: int
    width: int
    columns: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """n queries of one view in the order of the log; `index` (n,) are their places in the batch. `trained` is empty
    where the model has no fingerprints of its training data."""

    index: NDArray[np.int64]
    clients: Sequence[bytes]
    groups: Sequence[bytes]
    events: Any
    exact: NDArray[np.uint64]
    sketches: NDArray[np.uint8]
    sizes: NDArray[np.float32]
    offsets: NDArray[np.int64]
    trained: NDArray[np.uint64]

    def __len__(self) -> int:
        return len(self.index)

    def part(self, start: int, stop: int) -> Step:
        """The queries from start to stop."""
        at = slice(start, stop)
        return Step(
            self.index[at],
            self.clients[at],
            self.groups[at],
            self.events[at],
            self.exact[at],
            self.sketches[at],
            self.sizes[at],
            self.offsets[at],
            self.trained[at],
        )


class Names:
    """Small numbers for keyed hashes, in order of appearance from 1; 0 is none, the last one all further ones."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._numbers: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._numbers)

    def numbers(self, hashes: NDArray[Any]) -> NDArray[np.int64]:
        """The number of each hash, (n,)."""
        distinct, first, inverse = np.unique(hashes, return_index=True, return_inverse=True)
        found = np.zeros(len(distinct), np.int64)
        for at in np.argsort(first, kind="stable"):
            found[at] = self._number(int(distinct[at]))
        return found[inverse.reshape(-1)]

    def _number(self, name: int) -> int:
        if name == 0:
            return 0
        if name not in self._numbers and len(self._numbers) >= self._most - 2:
            return self._most - 1
        return self._numbers.setdefault(name, len(self._numbers) + 1)

    def dump(self) -> NDArray[np.uint64]:
        """The hashes in the order of their numbers."""
        return np.array(list(self._numbers), np.uint64)

    def load(self, hashes: NDArray[np.uint64]) -> None:
        """Take over what `dump` gave."""
        self._numbers = {int(name): at + 1 for at, name in enumerate(hashes)}


def shapes(queries: Queries) -> tuple[list[Shape], NDArray[np.int32]]:
    """The distinct shapes of input in a batch in order of appearance, and which one each query has."""
    of_rows, which_row = shapes_of_rows(queries)
    marks = queries.kind.astype(np.int64) << WIDE  # of each query, what tells its shape from others
    dense, rows = queries.kind == DENSE, queries.kind == ROWS
    marks[dense] |= queries.dense.width[queries.row[dense]]
    marks[rows] |= which_row[queries.row[rows]]
    distinct, first, inverse = np.unique(marks, return_index=True, return_inverse=True)
    order = np.argsort(first)
    found = []
    for mark in distinct[order].tolist():
        kind, number = mark >> WIDE, mark & ((1 << WIDE) - 1)
        found.append(of_rows[number] if kind == ROWS else Shape(kind, number))
    return found, np.argsort(order).astype(np.int32)[inverse.reshape(-1)]


def shapes_of_rows(queries: Queries) -> tuple[list[Shape], NDArray[np.int64]]:
    """The distinct sets of columns of the rows, and which one each row has."""
    start, names = queries.rows.start.tolist(), queries.rows.name.tobytes()
    known: dict[bytes, int] = {}
    which = [known.setdefault(names[4 * begin : 4 * end], len(known)) for begin, end in pairwise(start)]
    columns = [tuple(np.frombuffer(key, np.uint32).tolist()) for key in known]
    return [Shape(ROWS, len(own), own) for own in columns], np.array(which, np.int64)


def prepare(
    queries: Queries,
    index: NDArray[np.int64],
    shape: Shape,
    labels: Names,
    versions: Names,
    training: Training | None = None,
) -> Step:
    """The step for the queries at `index`, which all have that shape; `training` is what is known of the records that
    the model was trained on."""
    key = (shape.kind, shape.width, shape.columns)
    none = np.zeros(0, np.uint64)
    return Step(
        index=index,
        clients=[queries.client[i] for i in index.tolist()],
        groups=[queries.group[i] for i in index.tolist()],
        events=entries(queries, index, labels, versions),
        exact=queries.exact[index],
        sketches=pack(queries, index, shape),
        sizes=np.stack([queries.input_size[index], queries.output_size[index]], axis=1),
        offsets=queries.offset[index],
        trained=none if training is None else training.hits(queries, index, key),
    )


def entries(queries: Queries, index: NDArray[np.int64], labels: Names, versions: Names) -> Any:
    """Entries with what the log says; the kernel fills in the rest."""
    events = np.zeros(len(index), ENTRY)
    for name in ("time", "p1", "p2"):
        events[name] = getattr(queries, name)[index]
    events["error"] = queries.integrity[index]
    both = labels.numbers(np.stack([queries.label[index], queries.second[index]], axis=1).reshape(-1)).reshape(-1, 2)
    events["label"], events["second"] = both[:, 0], both[:, 1]
    events["version"] = versions.numbers(queries.version[index])
    status = queries.status[index]
    events["failure"] = np.where(np.isin(status, (401, 403)), REFUSED, 0)
    events["failure"][(status >= 500) | (status == 429)] = FAILED
    return events


def pack(queries: Queries, index: NDArray[np.int64], shape: Shape) -> NDArray[np.uint8]:
    """Sketches of the queries at `index` as they lie in windows, (n, bytes)."""
    rows = queries.row[index]
    packed = np.zeros((len(rows), sketch_bytes(shape.kind, len(shape.columns))), np.uint8)
    if shape.kind == DENSE:
        pack_dense(queries.dense.projection[rows], queries.dense.segments[rows], packed)
    elif shape.kind == ROWS and shape.columns:
        cells = queries.rows.start[rows][:, None] + np.arange(len(shape.columns))
        value, code = queries.rows.value[cells], queries.rows.code[cells]
        packed[:, 0::2] = code << 5 | (value & np.uint64(31)).astype(np.uint8)
        packed[:, 1::2] = (value >> np.uint64(8)).astype(np.uint8)
    elif shape.kind == TEXT:
        packed[:, :MINHASHES], packed[:, MINHASHES:] = queries.text.minhash[rows], pack_facts(queries, index)
    return packed

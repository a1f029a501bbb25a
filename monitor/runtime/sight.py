"""What each detector can see in logs as they are: which kinds of input the records carry, what they say of answers and
callers, and whether inputs are ciphertext."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detectors.contract import Detector
from detectors.scoring.sight import OF_PARTS, VEILED, mute
from detectors.sketch.queries import DENSE, KINDS, OPAQUE, ROWS, TEXT, Queries

# what a record can tell beside its input, and what stays unseen without it
PARTS: Final = {
    "label": "which answer was given",
    "confidence": "how sure the model was",
    "status": "refused and failed requests",
    "version": "the same probes across versions",
    "group": "clients of one organisation",
    "address": "one caller behind many keys",
}
EXAMPLES: Final = {  # how a record tells each of them
    "label": '"output": {"label": "yes"}',
    "confidence": '"output": {"confidence": 0.91}',
    "status": '"status": 200',
    "version": '"model": {"name": "credit", "version": "7"}',
    "group": '"client": {"id": "key-123", "group": "acme"}',
    "address": '"client": {"id": "key-123", "address": "203.0.113.9"}',
}
ENOUGH: Final = 0.5  # of the queries have to tell a part, or it is called missing
LEAST: Final = 50  # queries from which ciphertext is told
MOST: Final = 20_000  # queries whose inputs are compared
SMALLEST: Final = 256  # elements of a tensor from which evenness says something
UNIFORM: Final = 1.349 * 0.2**0.5  # quartile range of the relative deviation of n uniform elements, times sqrt(n)
EVEN: Final = (0.5, 1.6)  # times that: normalised embeddings vary less, pictures more
NEARLY_ALL: Final = 0.95
WORDS: Final = 8  # of a text, from which it says something that none comes twice


@dataclass(slots=True)
class Sight:
    """Records of one model with one kind of input: how many, how many told each part, and what tells ciphertext: the
    inputs' keyed hashes, spreads and sizes of tensors, words of texts, hashes of cells."""

    model: str
    kind: int
    queries: int = 0
    told: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PARTS, 0))
    exact: list[NDArray[np.uint64]] = field(default_factory=list)
    shapes: list[NDArray[Any]] = field(default_factory=list)

    def share(self, part: str) -> float:
        """Share of the queries that told that part, 0 to 1."""
        return self.told[part] / self.queries if self.queries else 0.0

    @property
    def missing(self) -> list[str]:
        """The parts that too few queries told."""
        return [part for part in PARTS if self.share(part) < ENOUGH]

    @property
    def repeats(self) -> float:
        """Share of the hashed inputs that had come before; 0 where none was hashed."""
        known = np.concatenate(self.exact) if self.exact else np.zeros(0, np.uint64)
        known = known[known != 0]
        return 1 - len(np.unique(known)) / len(known) if len(known) else 0.0

    @property
    def veiled(self) -> bool:
        """Whether the inputs look like ciphertext: no input ever comes again, and each is random to the last byte.

        Tensors are as even as uniform noise of their size is, neither more nor less; texts are one endless word, or
        many of which none comes twice (base64 falls into words at its signs); rows never have a value twice in any
        cell. It fails for noise that somebody sends on purpose, and for ciphertext of which the log keeps a hash
        alone: that is not told from any other hash.
        """
        if self.kind == OPAQUE or self.queries < LEAST or self.repeats > 0:
            return False
        shapes = np.concatenate(self.shapes)
        if self.kind == DENSE:
            return even(shapes[:, 0], shapes[:, 1])
        if self.kind == TEXT:
            return scrambled(shapes[:, 0], shapes[:, 1])
        return len(np.unique(shapes)) == len(shapes)

    @property
    def unknown(self) -> frozenset[str]:
        """Features that these records do not give."""
        lost = [OF_PARTS[part] for part in self.missing if part in OF_PARTS]
        return frozenset[str]().union(*lost, VEILED if self.veiled else ())


def even(spreads: NDArray[Any], sizes: NDArray[Any]) -> bool:
    """Whether tensors of these sizes and standard deviations vary in it just as uniform noise does."""
    if np.median(sizes) < SMALLEST or np.median(spreads) <= 0:
        return False
    low, high = np.quantile(np.sqrt(sizes) * (spreads / np.median(spreads) - 1), (0.25, 0.75))
    return bool(EVEN[0] * UNIFORM <= high - low <= EVEN[1] * UNIFORM)


def scrambled(words: NDArray[Any], variety: NDArray[Any]) -> bool:
    """Whether texts of so many words, distinct in this share, are no language: there a dozen words repeat one soon."""
    endless = float((words <= 1).mean()) >= NEARLY_ALL
    return endless or bool(np.median(words) >= WORDS and float((variety == 1).mean()) >= NEARLY_ALL)


def look(batches: Iterable[Queries]) -> list[Sight]:
    """What the queries carry, by model and kind of input."""
    seen: dict[tuple[str, int], Sight] = {}
    for queries in batches:
        told = _told(queries)
        for (model, kind), rows in _grouped(queries).items():
            sight = seen.setdefault((queries.models[model], kind), Sight(queries.models[model], kind))
            if sight.queries < MOST:
                sight.exact.append(queries.exact[rows])
                sight.shapes.append(_shapes(queries, kind, queries.row[rows]))
            sight.queries += len(rows)
            for part, column in told.items():
                sight.told[part] += int(column[rows].sum())
    return sorted(seen.values(), key=lambda sight: (sight.model, sight.kind))


@dataclass(frozen=True, slots=True)
class Blindness:
    """Detectors that `see` all that this kind of input can tell them, those that see it `partly`, with the tests that
    are lost to them on such records, and those that are `blind`."""

    sees: tuple[str, ...]
    partly: Mapping[str, tuple[str, ...]]
    blind: tuple[str, ...]


def blindness(detectors: Iterable[type[Detector]], sight: Sight, unknown: frozenset[str] = frozenset()) -> Blindness:
    """What each detector can say on such records; `unknown` features are missing for another reason."""
    sees, partly, blind = [], {}, []
    for detector in detectors:
        never = mute(detector, sight.kind, frozenset())
        lost = mute(detector, sight.kind, sight.unknown | unknown)
        if len(lost) == len(detector.tests):
            blind.append(detector.name)
        elif len(lost) > len(never):
            partly[detector.name] = tuple(test for test in lost if test not in never)
        else:
            sees.append(detector.name)
    return Blindness(tuple(sees), partly, tuple(blind))


def kind_name(kind: int) -> str:
    """The kind of input, for people."""
    return KINDS[kind]


def _shapes(queries: Queries, kind: int, rows: NDArray[np.int32]) -> NDArray[Any]:
    if kind == DENSE:
        return np.stack([queries.dense.spread[rows], queries.dense.size[rows].astype(np.float32)], axis=1)
    if kind == TEXT:
        return np.stack([queries.text.words[rows].astype(np.float32), queries.text.variety[rows]], axis=1)
    if kind == ROWS:
        start = queries.rows.start
        return np.concatenate([queries.rows.value[start[row] : start[row + 1]] for row in rows.tolist()])
    return np.zeros(0)


def _grouped(queries: Queries) -> Mapping[tuple[int, int], Sequence[int]]:
    groups: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    for row, pair in enumerate(zip(queries.model.tolist(), queries.kind.tolist(), strict=True)):
        groups[pair].append(row)
    return groups


def _told(queries: Queries) -> dict[str, NDArray[np.bool_]]:
    return {
        "label": queries.label != 0,
        "confidence": ~np.isnan(queries.p1),
        "status": queries.status != 0,
        "version": queries.version != 0,
        "group": np.array([bool(name) for name in queries.group], bool),
        "address": np.array([bool(name) for name in queries.address], bool),
    }

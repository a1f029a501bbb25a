"""Training fingerprints: a keyed, compact filter that tells whether a model was trained on a record.

It holds three sorts of hashes of each training record: of the whole, of a row without each one of its columns (so that
a sweep over a training record is known by what the sweep leaves as it is), and of the coarse copy of a dense input. No
value, no name and no order of the records is in it: only counts, keyed hashes of column names, and bits.

The filter is a blocked Bloom filter (Bloom 1970; Putze, Sanders and Singler 2007): a hash sets 8 bits in one block of
512, one in each word, so that a question costs one line of the cache. What was put in is always found; anything else
is found by chance in 2 of 10,000 questions at 20 bits for each hash. Fails: records that the service writes in another
way than the training data (a number as a text, other decimals) are not found; whoever has the key can ask it about
guesses, as with every sketch.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import pairwise
from struct import Struct, error
from typing import Any, Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from detectors.sketch.dense import width_of
from detectors.sketch.keyed import hash_bytes, subkey
from detectors.sketch.queries import DENSE, ROWS, DenseSketches, RowSketches

Words = NDArray[np.uint64]
Shape = tuple[int, int, tuple[int, ...]]  # kind of input, width or number of columns, keyed names of columns

BITS: Final = 20  # of the filter for each hash: 0.02 % found by chance
LANES: Final = 8  # words of 64 bits in a block
COLUMNS: Final = 63  # columns that are left out one by one; bit 63 stands for the whole record
WHOLE: Final = np.uint64(1) << np.uint64(63)

MAGIC: Final = b"PWTRAIN\n"
VERSION: Final = 1
SEAL: Final = 16  # bytes of the keyed checksum at the end
_HEAD: Final = Struct("<HI")  # version, bytes of the description
_EXACT, _COARSE, _COLUMN = np.uint64(1), np.uint64(2), np.uint64(1 << 32)

_6: Final = np.uint64(6)
_32: Final = np.uint64(32)
_63: Final = np.uint64(63)
_1: Final = np.uint64(1)


class FingerprintsRefused(ValueError):  # noqa: N818  (a reason for people, not a fault of the program)
    """Why bytes are not the fingerprints that were asked for."""


@njit(cache=True)
def _blend(x: np.uint64) -> np.uint64:
    """A permutation of 64 bits in which each depends on all (the finaliser of SplitMix64; Steele et al. 2014)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@njit(cache=True)
def _mark(value: np.uint64, sort: np.uint64) -> np.uint64:
    """A hash together with its sort: the whole, the coarse copy, or what is left without a column."""
    return _blend(value + sort * np.uint64(0x9E3779B97F4A7C15))


@njit(cache=True)
def _insert(words: Words, marks: Words) -> None:
    blocks = np.uint64(len(words))
    for mark in marks:
        at, bits = np.int64(((mark >> _32) * blocks) >> _32), _blend(mark)
        for lane in range(LANES):
            words[at, lane] |= _1 << (bits & _63)
            bits >>= _6


@njit(cache=True)
def _holds(words: Words, mark: np.uint64) -> bool:
    at, bits = np.int64(((mark >> _32) * np.uint64(len(words))) >> _32), _blend(mark)
    for lane in range(LANES):
        if not (words[at, lane] >> (bits & _63)) & _1:
            return False
        bits >>= _6
    return True


@njit(cache=True)
def _marks_of_rows(names: NDArray[np.uint32], value: Words, out: Words) -> None:
    """Fill `out` (n, 1 + columns) with the marks of whole rows and of what is left without each of the first columns;
    value (n, all columns)."""
    for row in range(len(value)):
        total = np.uint64(0)
        for cell in value[row]:
            total ^= cell
        out[row, 0] = _mark(total, _EXACT)
        for j in range(out.shape[1] - 1):
            out[row, 1 + j] = _mark(total ^ value[row, j], _COLUMN | np.uint64(names[j]))


@njit(cache=True)
def _look_up_rows(words: Words, names: NDArray[np.uint32], value: Words, out: Words) -> None:
    marks = np.empty((1, 1 + min(len(names), COLUMNS)), np.uint64)
    for row in range(len(value)):
        _marks_of_rows(names, value[row : row + 1], marks)
        found = WHOLE if _holds(words, marks[0, 0]) else np.uint64(0)
        for j in range(marks.shape[1] - 1):
            if _holds(words, marks[0, 1 + j]):
                found |= _1 << np.uint64(j)
        out[row] = found


@njit(cache=True)
def _look_up(words: Words, exact: Words, coarse: Words, out: Words) -> None:
    for row in range(len(exact)):
        hit = exact[row] != np.uint64(0) and _holds(words, _mark(exact[row], _EXACT))
        if not hit and coarse[row] != np.uint64(0):
            hit = _holds(words, _mark(coarse[row], _COARSE))
        out[row] = WHOLE if hit else np.uint64(0)


@dataclass(frozen=True, slots=True)
class Fingerprints:
    """The training records of one model. `records` counts them, `hashes` the distinct ones of all sorts; `shapes` are
    the kinds, widths and sets of columns that they came in; `words` (blocks, 8) is the filter; `digest` tells files
    apart (16 hexadecimal digits)."""

    records: int
    hashes: int
    shapes: frozenset[Shape]
    words: Words = field(repr=False)
    digest: str = ""

    def rows(self, names: NDArray[np.uint32], value: Words) -> Words:
        """Rows of columns `names` (ascending) with cell hashes `value` (n, columns): bit 63 where the whole row was
        trained on, bit j where it would be with another value in column j; (n,)."""
        out = np.empty(len(value), np.uint64)
        _look_up_rows(self.words, names, np.ascontiguousarray(value), out)
        return out

    def whole(self, exact: Words, coarse: Words) -> Words:
        """Bit 63 where an input of any kind was trained on, exactly or by its coarse copy (0: not known); (n,)."""
        out = np.empty(len(exact), np.uint64)
        _look_up(self.words, exact, coarse, out)
        return out

    def ready(self) -> Fingerprints:
        """The same, with every kernel compiled and loaded before a question is pressing."""
        self.rows(np.zeros(1, np.uint32), np.zeros((1, 1), np.uint64))
        self.whole(np.ones(1, np.uint64), np.ones(1, np.uint64))
        return self

    @property
    def by_chance(self) -> float:
        """Share of questions that find what was never put in: the chance that all 8 bits are set, over the blocks."""
        ones = np.bitwise_count(self.words) / 64.0
        return float(np.prod(ones, axis=1).mean())

    def packed(self, secret: bytes, key: str, model: str) -> bytes:
        """The file: what it is, what it describes, the filter, and a checksum that needs the key. `key` is the name
        of the key with which the hashes were made."""
        head = {
            "key": key,
            "model": _model(secret, model),
            "records": self.records,
            "hashes": self.hashes,
            "blocks": len(self.words),
            "shapes": sorted([kind, width, list(columns)] for kind, width, columns in self.shapes),
        }
        text = json.dumps(head, separators=(",", ":")).encode()
        whole = MAGIC + _HEAD.pack(VERSION, len(text)) + text + self.words.astype("<u8").tobytes()
        return whole + _seal(secret, whole)


def unpacked(content: bytes, secret: bytes, key: str, model: str) -> Fingerprints:
    """The fingerprints in a file; FingerprintsRefused where it is torn, of another version, key or model."""
    if not content.startswith(MAGIC):
        raise FingerprintsRefused("it is no file of training fingerprints")
    try:
        version, length = _HEAD.unpack_from(content, len(MAGIC))
        start = len(MAGIC) + _HEAD.size
        if version != VERSION:
            raise FingerprintsRefused(f"its form is version {version}, and this program reads {VERSION}")
        head = json.loads(content[start : start + length])
        blocks, made_with, made_for = int(head["blocks"]), str(head["key"]), str(head["model"])
    except FingerprintsRefused:
        raise
    except (error, ValueError, KeyError, TypeError):
        raise FingerprintsRefused("it is cut off or damaged") from None
    start += length
    if len(content) != start + 8 * LANES * blocks + SEAL:
        raise FingerprintsRefused("it is cut off or damaged")
    if made_with.rpartition(":")[2] != key.rpartition(":")[2]:  # earlier versions wrote an epoch before it
        raise FingerprintsRefused(f"it was made with the key {made_with[:64]!a}, and the key here is {key!a}")
    if made_for != _model(secret, model):
        raise FingerprintsRefused("it was made for a model of another name")
    if content[-SEAL:] != _seal(secret, content[:-SEAL]):
        raise FingerprintsRefused("its checksum does not fit: it is damaged")
    words = np.frombuffer(content, "<u8", LANES * blocks, start).astype(np.uint64).reshape(blocks, LANES)
    shapes = frozenset((int(kind), int(width), tuple(columns)) for kind, width, columns in head["shapes"])
    return Fingerprints(head["records"], head["hashes"], shapes, words, digest_of(content))


def digest_of(content: bytes) -> str:
    """What tells two files apart, 16 hexadecimal digits."""
    return blake2b(content, digest_size=8).hexdigest()


def _model(secret: bytes, model: str) -> str:
    return f"{hash_bytes(subkey(secret, 'fingerprints model'), model.encode()):016x}"


def _seal(secret: bytes, content: bytes) -> bytes:
    return blake2b(content, digest_size=SEAL, key=subkey(secret, "fingerprints seal").tobytes()).digest()


class Collection:
    """Collects sketches of training records; keeps 8 bytes for each hash until `finished`."""

    def __init__(self) -> None:
        self.records = 0
        self._shapes: set[Shape] = set()
        self._marks: list[Words] = []

    def add_rows(self, rows: RowSketches) -> None:
        """Rows of named columns, of any sets of columns."""
        groups: dict[tuple[int, ...], list[int]] = {}
        for start, stop in pairwise(rows.start.tolist()):
            groups.setdefault(tuple(rows.name[start:stop].tolist()), []).append(start)
        for columns, starts in groups.items():
            cells = np.array(starts, np.int64)[:, None] + np.arange(len(columns))
            marks = np.empty((len(starts), 1 + min(len(columns), COLUMNS)), np.uint64)
            _marks_of_rows(np.array(columns, np.uint32), rows.value[cells], marks)
            self._add(len(starts), [(ROWS, len(columns), columns)], marks.reshape(-1))

    def add_dense(self, dense: DenseSketches, exact: Words) -> None:
        """Vectors, tensors and embeddings, with the hashes of the whole."""
        widths = {width_of(size) for size in np.unique(dense.size).tolist()}
        coarse = dense.coarse[dense.coarse != 0]
        marks = np.concatenate([_marks(exact, _EXACT), _marks(coarse, _COARSE)])
        self._add(len(exact), ((DENSE, width, ()) for width in widths), marks)

    def add_whole(self, kind: int, exact: Words) -> None:
        """Inputs of another kind, by the hashes of the whole (0: not known, and left out)."""
        known = exact[exact != 0]
        if len(known):
            self._add(len(known), [(kind, 0, ())], _marks(known, _EXACT))

    def _add(self, records: int, shapes: Iterable[Shape], marks: Words) -> None:
        self.records += records
        self._shapes.update(shapes if records else ())
        self._marks.append(_distinct(marks))

    def finished(self) -> Fingerprints:
        """The filter of all that was added; the same records in another order give the same one."""
        none: list[Any] = [np.zeros(0, np.uint64)]
        marks = _distinct(np.concatenate(none + self._marks))
        words = np.zeros((max(1, -(-len(marks) * BITS // (64 * LANES))), LANES), np.uint64)
        _insert(words, marks)
        return Fingerprints(self.records, len(marks), frozenset(self._shapes), words)


@njit(cache=True)
def _marks(values: Words, sort: np.uint64) -> Words:
    """The marks of many hashes."""
    out = np.empty(len(values), np.uint64)
    for i in range(len(values)):
        out[i] = _mark(values[i], sort)
    return out


def _distinct(marks: Words) -> Words:
    """Each mark once, ascending; on random numbers sorting is many times faster than np.unique's table."""
    ordered = np.sort(marks)
    return np.asarray(ordered[np.append(True, ordered[1:] != ordered[:-1])[: len(ordered)]])

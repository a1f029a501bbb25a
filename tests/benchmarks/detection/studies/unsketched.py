"""Plays one scene as if privacy were no concern: dense inputs of at most 64 elements lie in the windows as they are.

`python -m studies.unsketched SCENE.ndjson.zst OUT` is a process of its own, because kernels are exchanged before any is
compiled, and it must keep its compiled kernels in a folder of its own (NUMBA_CACHE_DIR). The bytes of a sketch stay
where they are, so that whoever reads those still can; behind them lie the numbers as float32, and distances and
manifold are of those. The projection is the identity.
"""

from __future__ import annotations

import os
import pickle
import sys
from pathlib import Path
from typing import Any, Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from detectors.features import layout, neighbours
from detectors.sketch import dense
from detectors.sketch.queries import DENSE, MAX_WIDTH, Queries
from monitor.engine.training import Training

Bytes = NDArray[np.uint8]

SKETCH: Final = neighbours.SKETCH_BYTES[DENSE]
RAW: Final = (SKETCH + 7) // 8 * 8  # where the numbers begin
END: Final = RAW + 4 * MAX_WIDTH
ORDINARY: Final = neighbours.pack_dense
SKETCHED: Final = dense.DenseSketcher._make_plan
KNOWN: Final = Training.hits


@njit
def squares(packed: Bytes, sketches: Bytes, row: int) -> float:
    """Squared Euclidean distance of the numbers themselves, of one input and of a row of them."""
    x, y = packed[RAW:END].view(np.float32), sketches[row, RAW:END].view(np.float32)
    total = 0.0
    for j in range(MAX_WIDTH):
        d = np.float64(x[j]) - np.float64(y[j])
        total += d * d
    return total


@njit
def same_unit(packed: Bytes, sketches: Bytes, row: int) -> float:
    """The squares in the unit of two sketches that have the same one: whoever asks multiplies by it."""
    unit = neighbours.UNITS[neighbours.signed(packed[neighbours.EXPONENT]) - neighbours.LEAST]
    return squares(packed, sketches, row) / (unit * unit)


@njit
def other_unit(packed: Bytes, sketches: Bytes, row: int, high: int, low: int) -> float:
    """The distance, where sketches have different units."""
    return float(np.sqrt(squares(packed, sketches, row)))


@njit
def unpack(packed: Bytes, out: NDArray[np.float32]) -> None:
    """The numbers themselves."""
    out[:] = packed[RAW:END].view(np.float32)


def pack(projection: NDArray[np.float32], segments: Bytes, out: Bytes) -> None:
    """An ordinary sketch of each row, and the row itself behind it."""
    ORDINARY(projection, segments, out)
    out[:, RAW:END] = np.ascontiguousarray(projection).view(np.uint8)


def plan(self: dense.DenseSketcher, size: int) -> dense.Plan:
    """The identity. All distances are smaller by the same factor, and everything is measured in units of the model."""
    if size > dense.DENSE_MOST:
        return SKETCHED(self, size)  # no scene has one; kernels are warmed up with one
    if size > MAX_WIDTH:
        raise ValueError(f"an input of {size} elements; at most {MAX_WIDTH} can be kept as they are")
    factors = np.empty(size, np.uint64)
    dense._factors(self._factors, size, factors)
    return dense.Plan(size, sparse=False, signs=np.eye(size, dtype=np.int8), factors=factors)


def hits(self: Training, queries: Queries, index: NDArray[np.int64], shape: Any) -> NDArray[np.uint64]:
    """The same fingerprints: they name inputs by the width that a sketch of them would have."""
    kind, width, columns = shape
    return KNOWN(self, queries, index, (kind, dense.width_of(width) if kind == DENSE else width, columns))


def undress() -> None:
    """Exchange what makes, keeps and compares sketches, before anything else is imported that uses it."""
    if any(name in sys.modules for name in ("detectors.features.walk", "detectors.features.windows")):
        raise RuntimeError("kernels are in use already: this has to come first in a process of its own")
    neighbours.SKETCH_BYTES[DENSE] = END
    neighbours.pack_dense, neighbours.unpack_dense = pack, unpack
    neighbours.same_unit, neighbours.other_unit = same_unit, other_unit
    pages = layout.window_pages
    layout.window_pages = lambda kind, sketch: pages(kind, SKETCH if kind == DENSE else sketch)  # as many queries
    make: Any = plan
    dense.DenseSketcher._make_plan = make
    Training.hits = hits  # type: ignore[method-assign]


def main() -> None:
    """Play the scene and keep what came of it."""
    if "NUMBA_CACHE_DIR" not in os.environ:
        raise SystemExit("set NUMBA_CACHE_DIR to an empty folder: other kernels must not be found there")
    undress()
    from playing import play

    Path(sys.argv[2]).write_bytes(pickle.dumps(play(Path(sys.argv[1]))))


if __name__ == "__main__":
    main()

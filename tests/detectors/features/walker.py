"""Walks packed sketches made by hand through a model's windows, query by query of one client or two."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from detectors.features.baseline import Baseline, unknown
from detectors.features.layout import ENTRY, PAGE
from detectors.features.neighbours import pack_dense, sketch_bytes
from detectors.features.walk import Out, Steps, gather, room, walk
from detectors.features.windows import Windows
from detectors.sketch.queries import DENSE, MAX_WIDTH, SEGMENTS, TEXT

ALICE, BOB = bytes(16), bytes(15) + b"\1"


@dataclass
class Walker:
    """A model's windows with the kernel; queries go in one step or in several."""

    kind: int
    columns: int = 0
    width: int = 0
    baseline: Baseline | None = None
    rooted: bool = False
    windows: Windows = field(init=False)

    def __post_init__(self) -> None:
        self.windows = Windows(self.kind, self.columns, 4, 1)
        if self.baseline is None:
            self.baseline = unknown(self.columns)

    def __call__(
        self, sketches: Any, client: bytes = ALICE, exact: Any = 0, trained: Any = (), **given: Any
    ) -> tuple[Out, int]:
        """Walk packed sketches of one client; `given` are columns of entries, and sizes."""
        n = len(sketches)
        events = np.zeros(n, ENTRY)
        events["time"] = self.windows.queries * 1_000_000 + np.arange(n) * 1_000_000
        events["p1"], events["p2"], events["label"], events["second"] = 0.9, 0.05, 1, 2
        sizes = np.zeros((n, 2), np.float32)
        sizes[:, 0], sizes[:, 1] = given.pop("size", 0), given.pop("output", 0)
        for name, value in given.items():
            events[name] = value
        hashes = np.zeros(n, np.uint64)
        hashes[:] = np.asarray(exact, np.uint64) << np.uint64(40)
        slots = self.windows.slots([client] * n, [b""] * n)
        first = self.windows.queries
        packed, offsets = np.asarray(sketches, np.uint8), np.arange(first, first + n)
        steps = Steps(slots, events, hashes, packed, sizes, offsets, np.asarray(trained, np.uint64))
        out = room(n, self.windows.state.sketches.shape[2])
        assert self.baseline is not None
        state, none = self.windows.state, np.uint64(0)
        return out, walk(self.kind, self.width, steps, state, self.baseline, none, self.rooted, out)

    def window(self, client: bytes = ALICE) -> Any:
        """The client's window, oldest first."""
        (slot,) = self.windows.slots([client], [b""])
        entries = np.zeros(self.windows.state.pages.shape[1] * PAGE, ENTRY)
        return entries[: gather(self.windows.state, int(slot), entries)]

    def header(self, client: bytes = ALICE) -> Any:
        """The client's totals."""
        (slot,) = self.windows.slots([client], [b""])
        return self.windows.state.headers[slot]


def opaque(n: int) -> Any:
    """Packed inputs of which nothing is known."""
    return np.zeros((n, 1), np.uint8)


def dense(vectors: Any, segments: Any = None) -> Any:
    """Packed vectors; without fingerprints of segments (n, 36) each is another one in the first segment alone."""
    points = np.zeros((len(vectors), MAX_WIDTH), np.float32)
    points[:, : np.shape(vectors)[1]] = vectors
    out = np.zeros((len(points), sketch_bytes(DENSE, 0)), np.uint8)
    parts = np.zeros((len(points), SEGMENTS), np.uint8)
    parts[:, 0] = np.arange(len(points))
    pack_dense(points, parts if segments is None else np.asarray(segments, np.uint8), out)
    return out


def texts(n: int) -> Any:
    """Packed texts of which nothing is known."""
    return np.zeros((n, sketch_bytes(TEXT, 0)), np.uint8)


def rows(codes: Any) -> Any:
    """Packed rows of coarse codes (n, columns)."""
    codes = np.asarray(codes)
    out = np.zeros((len(codes), 2 * codes.shape[1]), np.uint8)
    out[:, 0::2], out[:, 1::2] = codes << 5, codes
    return out


def known(width: int, link: float = 0.5) -> Baseline:
    """A baseline of dense inputs with these distances."""
    return unknown()._replace(near=1.0, apart=2.0, link=link)

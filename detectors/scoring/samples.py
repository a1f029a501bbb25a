"""The latest inputs that may teach a model's baseline: sketches in a ring, each with the key of its client."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detectors.features.renaming import Renaming
from detectors.scoring.nesting import copied

ROOM: Final = 2_048  # sketches kept, the latest ones
MARK: Final = np.dtype([("client", "u8"), ("met", "u8"), ("label", "u2"), ("own", "f4")])


class Samples:
    """A ring of `ROOM` packed sketches. Sketches wait here and are chosen only at a refit, so that a client that has
    come under suspicion by then takes its early queries with it."""

    def __init__(self, width: int) -> None:
        self.sketches = np.zeros((ROOM, width), np.uint8)
        self.marks = np.zeros(ROOM, MARK)
        self.seen = 0

    def __len__(self) -> int:
        return min(self.seen, ROOM)

    def add(
        self,
        sketches: NDArray[np.uint8],
        clients: NDArray[np.uint64],
        labels: NDArray[np.uint16],
        met: NDArray[np.uint64],
        own: NDArray[np.float32] | float = np.nan,
    ) -> None:
        """Append rows in the order of the log; the oldest make room. `met` says in what each met other clients, `own`
        what the operator's own autoencoder said."""
        errors = np.broadcast_to(own, len(sketches))[-ROOM:]
        sketches, clients, labels, met = sketches[-ROOM:], clients[-ROOM:], labels[-ROOM:], met[-ROOM:]
        at = (self.seen + np.arange(len(sketches))) % ROOM
        self.sketches[at], self.marks["client"][at], self.marks["label"][at] = sketches, clients, labels
        self.marks["met"][at], self.marks["own"][at] = met, errors
        self.seen += len(sketches)

    def chosen(self, trusted: Callable[[NDArray[np.uint64]], NDArray[np.bool_]]) -> NDArray[np.int64]:
        """Indices of the samples whose clients are trusted now."""
        return np.flatnonzero(trusted(self.marks["client"][: len(self)]))

    def rename(self, renaming: Renaming) -> None:
        """Give clients other names."""
        renaming.in_keys(self.marks["client"])

    def forget(self, client: int) -> None:
        """Erase the samples of a client (a key); their places hold nothing, and nobody is trusted who sent them."""
        own = self.marks["client"] == np.uint64(client)
        self.sketches[own], self.marks[own] = 0, np.zeros((), MARK)

    def dump(self) -> dict[str, NDArray[Any]]:
        """What is in use, as arrays."""
        used = len(self)
        kept = {"sketches": self.sketches[:used], "marks": self.marks[:used]}
        return {**copied(kept), "seen": np.array([self.seen])}

    def load(self, arrays: dict[str, NDArray[Any]]) -> None:
        """Take over what `dump` gave. ValueError where the shapes do not fit."""
        used = len(arrays["sketches"])
        if used > ROOM or arrays["sketches"].shape[1:] != self.sketches.shape[1:]:
            raise ValueError("samples of another shape")
        self.sketches[:used], self.marks[:used] = arrays["sketches"], arrays["marks"]
        self.seen = int(arrays["seen"][0])

"""The features that engines of single events compute here, written once and used by all of them: how near the input is
to one of the client's last 88, entropy and margin of the answer, seconds since the client's query before.

NumPy in plain sight, as somebody who knows it would write it: no kernel, one event at a time. It is less than what the
product does for a record. Standard library and NumPy only.
"""

from __future__ import annotations

from base64 import b64decode
from typing import Any, Final
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

WINDOW: Final = 88
HASHED: Final = 64


class Memory:
    """What is kept of one client."""

    __slots__ = ("count", "last", "window")

    def __init__(self, width: int) -> None:
        self.window = np.zeros((WINDOW, width), np.float32)
        self.count, self.last = 0, 0.0

    def features(self, vector: NDArray[np.float32], answer: NDArray[np.float64], at: float) -> dict[str, float]:
        """The features of one more query, which is remembered; `at` in seconds."""
        known = self.window[: min(self.count, WINDOW)]
        apart = known - vector
        nearest = float(np.sqrt(np.einsum("ij,ij->i", apart, apart).min())) if len(known) else -1.0
        gap = at - self.last if self.count else -1.0
        self.window[self.count % WINDOW] = vector
        self.count, self.last = self.count + 1, at
        return {"nearest": nearest, "gap": gap} | spread(answer)

    def packed(self) -> bytes:
        """As bytes, for a store."""
        return np.array([self.count, self.last], np.float64).tobytes() + self.window.tobytes()

    @classmethod
    def unpacked(cls, data: bytes) -> Memory:
        """What `packed` gave."""
        counted, window = np.frombuffer(data[:16], np.float64), np.frombuffer(data, np.float32, offset=16)
        kept = cls(len(window) // WINDOW)
        kept.window[:] = window.reshape(WINDOW, -1)
        kept.count, kept.last = int(counted[0]), float(counted[1])
        return kept


def spread(answer: NDArray[np.float64]) -> dict[str, float]:
    """Entropy in nats and margin of the probabilities of an answer; 0 and 1 where it has fewer than two."""
    if len(answer) < 2:
        return {"entropy": 0.0, "margin": 1.0}
    first, second = np.sort(answer)[-1:-3:-1]
    return {"entropy": float(-(answer * np.log(answer + 1e-12)).sum()), "margin": float(first - second)}


def vector_of(record: dict[str, Any]) -> NDArray[np.float32]:
    """The input of a record as numbers: words of a table by their hash, words of a text counted in 64 buckets."""
    ((kind, value),) = record["input"].items()
    if kind == "vector":
        return np.array(value, np.float32)
    if kind == "tensor":
        return np.frombuffer(b64decode(value["data"]), np.uint8).astype(np.float32) / np.float32(255)
    if kind == "columns":
        cells = (crc32(cell.encode()) % 1_000 if isinstance(cell, str) else cell for cell in value.values())
        return np.array(list(cells), np.float32)
    words = [crc32(word.encode()) % HASHED for word in value.split()]
    return np.bincount(words, minlength=HASHED).astype(np.float32)


def answer_of(record: dict[str, Any]) -> NDArray[np.float64]:
    """The probabilities of a record; none where it has none."""
    given = record["output"].get("probabilities", ())
    return np.array(list(given.values() if isinstance(given, dict) else given), np.float64)


class Clients:
    """The memories of all clients in a dictionary: lost when the process ends."""

    def __init__(self) -> None:
        self._of: dict[str, Memory] = {}

    def features(self, record: dict[str, Any]) -> dict[str, float]:
        """The features of one record."""
        client, vector = record["client"]["id"], vector_of(record)
        memory = self._of.get(client)
        if memory is None:
            memory = self._of[client] = Memory(len(vector))
        return memory.features(vector, answer_of(record), record["time"] / 1e3)

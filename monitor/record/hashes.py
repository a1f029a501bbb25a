"""Keyed hashes of names that are no principals: classes, versions, maps of biases, digests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from detectors.sketch.keyed import hash_bytes, hash_slices, joined, subkey
from monitor.record.memory import Memory
from monitor.record.names import named

_REMEMBERED: Final = 16_384

V = TypeVar("V")


class Hashes:
    """Keyed hashes, each sort under its own key; 0 never occurs. `label` and `index` (of a class without a name) have
    64 bits, `version` has 32; `model` is a model's name itself. Versions and models are checked as names."""

    __slots__ = ("_digest", "index", "label", "model", "version")

    def __init__(self, secret: bytes) -> None:
        labels, versions = subkey(secret, "labels"), subkey(secret, "versions")
        self.label = _memory(lambda name: hash_bytes(labels, name.encode()))
        self.version = _memory(lambda name: narrow(hash_bytes(versions, named(name, "model.version").encode())))
        self.model = _memory(lambda name: named(name, "model"))
        self.index: Memory[int, int] = Memory(lambda number: self.label[str(number)], _REMEMBERED)
        self._digest = subkey(secret, "digests")

    def digest(self, content: bytes) -> int:
        """The hash of something of any length; not remembered."""
        return hash_bytes(self._digest, content)

    def digests(self, contents: list[bytes]) -> NDArray[np.uint64]:
        """The same of each of many, (n,): a call for each costs a hundred times what hashing does."""
        return hash_slices(self._digest, *joined(contents))


def _memory(make: Callable[[str], V]) -> Memory[str, V]:
    return Memory(make, _REMEMBERED)


def narrow(value: int) -> int:
    """The upper half of a 64-bit hash, never 0."""
    return value >> 32 or 1

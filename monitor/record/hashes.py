"""Keyed hashes of names that are no principals: classes, versions, maps of biases, digests."""

from __future__ import annotations

from detectors.sketch.keyed import hash_bytes, subkey
from monitor.record.memory import Memory

_REMEMBERED = 16_384


class Hashes:
    """64-bit keyed hashes of short names, each sort under its own key; 0 never occurs."""

    __slots__ = ("_digest", "index", "label", "version")

    def __init__(self, secret: bytes) -> None:
        self.label = _sort(secret, "labels")
        self.version = _sort(secret, "versions")
        self.index: Memory[int, int] = Memory(lambda number: self.label(str(number)), _REMEMBERED)
        self._digest = subkey(secret, "digests")

    def digest(self, content: bytes) -> int:
        """The hash of something of any length; not remembered."""
        return hash_bytes(self._digest, content)


def _sort(secret: bytes, sort: str) -> Memory[str, int]:
    key = subkey(secret, sort)
    return Memory(lambda name: hash_bytes(key, name.encode()), _REMEMBERED)


def narrow(value: int) -> int:
    """The upper half of a 64-bit hash, never 0."""
    return value >> 32 or 1

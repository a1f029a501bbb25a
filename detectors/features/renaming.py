"""New names for clients: what a change of the pseudonyms' key does to everything that is kept of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


def key_of(name: bytes) -> int:
    """The first 64 bits of a pseudonym, by which clients are counted and halved.

    >>> key_of(bytes([1, 1]) + bytes(14))
    257
    """
    return int.from_bytes(name[:8], "little")


class Renaming:
    """Which pseudonym takes the place of which (16 bytes each), for names and for the keys that are their first 64
    bits. Arrays are changed in place.

    >>> change = Renaming({bytes(15) + b"a": b"b" * 16, b"c" * 16: b"d" * 16})
    >>> change.name(b"c" * 16), change.key(0) == key_of(b"b" * 16), change.key(7)
    (b'dddddddddddddddd', True, 7)
    """

    def __init__(self, names: Mapping[bytes, bytes]) -> None:
        self.names = dict(names)
        self._by_key = {key_of(old): key_of(new) for old, new in self.names.items()}
        old = np.array(list(self._by_key), np.uint64)
        order = np.argsort(old)
        self._old = old[order]
        self._new = np.frombuffer(b"".join(self.names.values()), np.uint8).reshape(-1, 16)[order]
        self._new_keys = np.array(list(self._by_key.values()), np.uint64)[order]

    def name(self, name: bytes) -> bytes:
        """The name that takes its place; itself where none does."""
        return self.names.get(name, name)

    @property
    def keys(self) -> list[int]:
        """The keys that change, in the order in which they were given."""
        return list(self._by_key)

    def key(self, key: int) -> int:
        """The same for a key."""
        return self._by_key.get(key, key)

    def in_names(self, names: NDArray[np.uint8]) -> None:
        """Change names (n, 16)."""
        at, which = self._found(np.ascontiguousarray(names[:, :8]).view(np.uint64)[:, 0])
        names[at] = self._new[which]

    def in_keys(self, keys: NDArray[Any]) -> None:
        """Change keys (n,), which may be one field of records."""
        at, new = self.found(keys)
        keys[at] = new

    def found(self, keys: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
        """Where among keys (n,) those are that change, and what stands there from now on."""
        at, which = self._found(keys)
        return at, self._new_keys[which]

    def _found(self, keys: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        if not len(self._old):
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        near = np.minimum(np.searchsorted(self._old, keys), len(self._old) - 1)
        at = np.flatnonzero(self._old[near] == keys)
        return at, near[at]

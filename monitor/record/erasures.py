"""Who was erased, and up to where in each partition of the log: what is read again from there counts for nobody.

A mark is a keyed hash of the pseudonym, so that the list names nobody, and whoever has the key can see that a client
was erased (deploy/docs/trust.md).
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from monitor.record.found import Found
from monitor.record.keys import Keys
from monitor.record.memory import Memory
from monitor.record.pseudonyms import former_of
from monitor.record.raw import Partition

_MARK: Final = 16  # bytes
_REMEMBERED: Final = 32_768

Marks = Mapping[str, Mapping[str, int]]  # hexadecimal mark -> partition -> first offset that counts again


class Erasures:
    """Answers for each query whether it is of a client that was erased after it."""

    def __init__(self, keys: Keys, marks: Marks) -> None:
        self._keys, self._marks = keys, marks
        self._known: Memory[bytes, Mapping[str, int]] = Memory(self._look, _REMEMBERED)

    def __bool__(self) -> bool:
        return bool(self._marks)

    def left(self, partition: Partition, offsets: NDArray[np.int64], found: Found) -> Found:
        """What is left of the queries of a batch, whose records have these offsets: none of a client that was erased
        after it, and no address that was."""
        own = zip(found.heads.client, offsets[found.place].tolist(), strict=True)
        found = found.take(np.flatnonzero([not self.cover(partition, client, offset) for client, offset in own]))
        own = zip(found.heads.address, offsets[found.place].tolist(), strict=True)
        bare = [b"" if name and self.cover(partition, name, offset) else name for name, offset in own]
        return replace(found, heads=replace(found.heads, address=bare))

    def cover(self, partition: Partition, client: bytes, offset: int) -> bool:
        """Whether a client, or an address, was erased after that offset."""
        return offset < self._known[client].get(str(partition), 0)

    def _look(self, client: bytes) -> Mapping[str, int]:
        found = dict(self._marks.get(mark(self._keys, client), {}))
        if self._keys.former is not None and former_of(client):
            for partition, offset in self._marks.get(mark(self._keys.former, former_of(client)), {}).items():
                found[partition] = max(offset, found.get(partition, 0))
        return found


def mark(keys: Keys, client: bytes) -> str:
    """The mark of a pseudonym that these keys have made.

    >>> mark(Keys("1", bytes(32), bytes(32)), bytes(16))
    '9140e54650ca6cdaf8232deb1f83bd00'
    """
    return hmac.digest(keys.pseudonyms, b"probewatch erased\0" + client, "sha256")[:_MARK].hex()

"""What a model's baseline is learnt from: a bounded buffer of teaching rows, and the gate in front of it.

All that is learnt is fitted from these rows at points that depend on counts alone, so that the same log gives the same
baseline, and a snapshot is arrays.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.contract import Floats
from detectors.features.renaming import Renaming

CAPACITY = 2048
LEARN_BELOW = 0.35  # a block that reaches this on a named test teaches nothing; tests speak at 0.5
SHARE = 0.01  # of the buffer, at most, for one client

Keys = NDArray[np.uint64]
Counts = NDArray[np.int64]


def scheduled(blocks: Counts) -> NDArray[np.bool_]:
    """Whether a client teaches, and is judged, at that block of its own, (n,): its 1st, 2nd, 4th, 8th ...

    The schedule bounds what one client can move: a thousand blocks teach ten rows, and twice the traffic is one row
    more. It does not bound many clients: who controls a share of the clients controls that share of the rows, as long
    as no named test sees them.

    >>> scheduled(np.array([1, 2, 3, 4, 6, 8])).tolist()
    [True, True, False, True, False, True]
    """
    return np.asarray((blocks > 0) & ((blocks & (blocks - 1)) == 0))


class TeachingRows:
    """The latest teaching rows of one model, at most `capacity`; memory is taken once and never grows.

    A row is the features of one block, the key of its client (a 64-bit hash of the pseudonym), and the client's
    count of blocks. One client holds at most a `share` of the buffer, forgotten and new starts included; beyond it, its
    new rows replace its own oldest ones, never those of others.
    """

    def __init__(self, features: int, capacity: int = CAPACITY, share: float = SHARE) -> None:
        self.most_of_one = max(1, int(share * capacity))
        self.added = 0
        self._features = np.zeros((capacity, features))
        self._clients = np.zeros(capacity, np.uint64)
        self._blocks = np.zeros(capacity, np.int64)
        self._born = np.full(capacity, -1, np.int64)

    def __len__(self) -> int:
        return int(np.count_nonzero(self._born >= 0))

    def add(self, features: Floats, clients: Keys, blocks: Counts) -> None:
        """Take n rows, in their order: features (n, f), clients (n,), blocks (n,).

        One by one: the result is the same however the rows were cut into calls.
        """
        for row in range(len(clients)):
            place = self._place(clients[row])
            self._features[place] = features[row]
            self._clients[place], self._blocks[place] = clients[row], blocks[row]
            self._born[place] = self.added
            self.added += 1

    def _place(self, client: np.uint64) -> int:
        """Where the next row of that client goes: over its own oldest, into a free place, or over the oldest of all."""
        own = np.flatnonzero((self._clients == client) & (self._born >= 0))
        if len(own) >= self.most_of_one:
            return int(own[np.argmin(self._born[own])])
        return int(np.argmin(self._born))

    def rename(self, renaming: Renaming) -> None:
        """Give clients other names."""
        renaming.in_keys(self._clients)

    def forget(self, client: int) -> None:
        """Erase the rows of a client (a key)."""
        own = self._clients == np.uint64(client)
        self._features[own], self._clients[own], self._blocks[own], self._born[own] = 0, 0, 0, -1

    @property
    def nbytes(self) -> int:
        """Bytes of the buffer."""
        own = (self._features, self._clients, self._blocks, self._born)
        return sum(array.nbytes for array in own)

    @property
    def order(self) -> Counts:
        """Places of the rows, oldest first."""
        return np.argsort(self._born, kind="stable")[len(self._born) - len(self) :]

    @property
    def features(self) -> Floats:
        """(n, f), oldest first."""
        return self._features[self.order]

    @property
    def clients(self) -> Keys:
        """(n,) keys, oldest first."""
        return self._clients[self.order]

    @property
    def blocks(self) -> Counts:
        """(n,) the client's count of blocks when it taught the row, oldest first."""
        return self._blocks[self.order]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The whole buffer, for a snapshot."""
        return {
            "features": self.features,
            "clients": self.clients,
            "blocks": self.blocks,
            "born": self._born[self.order],
            "limits": np.array([len(self._born), self.most_of_one, self.added]),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> TeachingRows:
        """The same buffer again."""
        capacity, most_of_one, added = (int(limit) for limit in arrays["limits"])
        rows = cls(arrays["features"].shape[1], capacity)
        n = len(arrays["born"])
        rows.most_of_one, rows.added = most_of_one, added
        rows._features[:n], rows._born[:n] = arrays["features"], arrays["born"]
        rows._clients[:n], rows._blocks[:n] = arrays["clients"], arrays["blocks"]
        return rows


def fold_of(clients: Keys) -> NDArray[np.int64]:
    """The half to which each client belongs for ever, 0 or 1, (n,): a mixed bit of its key."""
    mixed = clients * np.uint64(0x9E3779B97F4A7C15)
    return ((mixed ^ (mixed >> np.uint64(32))) & np.uint64(1)).astype(np.int64)

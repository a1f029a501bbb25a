"""Whose queries stand in the index of kinship: clients get other names there, or are erased."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.features.kinship import MEETING, RING, STEPS, Index, Latest, mixed
from detectors.features.renaming import Renaming

_32 = np.uint64(32)


def renamed(index: Index, renaming: Renaming) -> None:
    """Give clients other names in the index. A client's latest input lies where its key leads, and moves."""
    held = index.meetings.reshape(-1)
    at, new = renaming.found(held["client"])
    own = held["cell"][at] == (held["client"][at] >> _32).astype(np.uint32)  # what tells queries apart in some channels
    held["client"][at] = new
    held["cell"][at[own]] = (new[own] >> _32).astype(np.uint32)
    moving = [key for key in renaming.keys if int(index.clients[place_of(key)]) == key]
    inputs = [index.latest[place_of(key)] for key in moving]
    for key in moving:
        index.clients[place_of(key)], index.latest[place_of(key)] = 0, 0
    for key, latest in zip(map(renaming.key, moving), inputs, strict=True):
        index.clients[place_of(key)], index.latest[place_of(key)] = key, latest


def forgotten(index: Index, latest: Latest, client: int) -> None:
    """Erase a client (a key) from the index, whose queries the ring still holds."""
    own = np.flatnonzero(latest.clients == np.uint64(client))
    index.buckets[np.isin(index.buckets % RING, own) & (index.buckets >= 0)] = -1
    index.meetings[index.meetings["client"] == np.uint64(client)] = np.zeros((), MEETING)
    at = place_of(client)
    if int(index.clients[at]) == client:
        index.clients[at], index.latest[at] = 0, 0


def clients_in(index: Index) -> NDArray[np.uint64]:
    """The keys of all clients of which something is left in the index."""
    return np.concatenate([index.meetings["client"].reshape(-1), index.clients])


def place_of(client: int) -> int:
    """Where the latest input of a client (a key) lies."""
    return int(mixed(np.uint64(client), np.uint64(1)) >> _32) % STEPS

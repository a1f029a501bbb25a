"""When the evidence against a client passed half of what names it, for the timeline of a finding that may follow.

Of each client of a model the first time counts. What is remembered follows from the log alone: times are taken in the
order of the queries, and the ones that were taken first leave first.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detectors.features.renaming import Renaming
from detectors.scoring.evidence import SPEAKS
from monitor.engine.stream import Judged

MOST: Final = 4_096  # clients of all models of a partition; `forgotten` counts those that had to leave
HALF: Final = 0.5  # of the strength that a named test needs


class Halfway:
    """The times of one partition, by model and client."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, bytes], int] = {}
        self.forgotten = 0

    def take(self, model: str, client: bytes, clock: int) -> None:
        """Note that evidence has passed half, unless it had before."""
        if (model, client) in self._known:
            return
        self._known[model, client] = clock
        if len(self._known) > MOST:
            del self._known[next(iter(self._known))]
            self.forgotten += 1

    def when(self, model: str, client: bytes) -> int | None:
        """The clock when it did; None where that is not known."""
        return self._known.get((model, client))

    def rename(self, renaming: Renaming) -> None:
        """Give clients other names."""
        self._known = {(model, renaming.name(client)): clock for (model, client), clock in self._known.items()}

    def forget(self, client: bytes) -> None:
        """Erase a client."""
        self._known = {who: clock for who, clock in self._known.items() if who[1] != client}

    def known(self) -> Iterator[bytes]:
        """The pseudonyms of all clients in here."""
        return (client for _, client in self._known)

    def dump(self) -> dict[str, NDArray[Any]]:
        """All of it, as bytes in an array."""
        tree = [[model, client.hex(), clock] for (model, client), clock in self._known.items()]
        return {"known": np.frombuffer(json.dumps([self.forgotten, tree]).encode(), np.uint8)}

    def load(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take over what `dump` gave. ValueError, TypeError or KeyError where it is something else."""
        self.forgotten, tree = json.loads(arrays["known"].tobytes())
        self._known = {(model, bytes.fromhex(client)): clock for model, client, clock in tree}


def passed(judged: Judged) -> Iterator[tuple[int, bytes]]:
    """The clients whose named evidence is past half in a block, each with the query that ended it; groups are not
    clients."""
    if judged.members:
        return
    floors = HALF * np.maximum(judged.floors, SPEAKS)
    past = ((judged.running >= floors) & ~judged.bank.learnt).any(axis=1)
    for row in np.flatnonzero(past).tolist():
        yield int(judged.index[row]), judged.clients[row]

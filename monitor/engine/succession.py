"""From one key of pseudonyms to the next, without forgetting anybody (decision 0019).

An engine whose state was made under the key before awaits the clients that it knows. While a client is awaited its
queries count for the name that it had; with the next minute of event time all who have come since are renamed at once,
everywhere, and are awaited no more. So what happens follows from the log and the state alone, however the log is cut.
What does not come back keeps its old name, which nobody can make any more, until it is the longest unseen.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detectors.features.renaming import Renaming, key_of
from detectors.sketch.queries import Queries
from monitor.record.pseudonyms import PSEUDONYM_BYTES, former_of

AWAITED, COME, BOTH = "awaited", "come", "both"
_SORTS: Final = ("client", "group", "address")


class Succession:
    """Who is still known by a name under the key before: `awaited` are the keys of those names (of some clients nothing
    else is left), and only ever shrink; `come` are those who have come since the last minute began, with their new
    names."""

    def __init__(self, awaited: Iterable[int] = ()) -> None:
        self.awaited = set(awaited)
        self.both = bool(self.awaited)  # pseudonyms of both keys may stand in findings from here on
        self.come: dict[bytes, bytes] = {}

    def parts(self, queries: Queries, minutes: Sequence[int]) -> Iterator[tuple[Queries, Renaming | None]]:
        """The queries in their order, in parts under the names by which the state knows their clients; with each part
        what has to be renamed before it. `minutes` are the places, ascending, with which a minute begins."""
        waiting = [at for at in range(len(queries)) if self._awaits(queries, at)]
        start = 0
        while start < len(queries):
            begins = bisect_left(minutes, start) < bisect_right(minutes, start)
            renaming = self._settled() if self.come and begins else None
            first = start if self.come else self._next(queries, waiting, start)
            later = minutes[bisect_right(minutes, first) :]
            stop = later[0] if later else len(queries)
            yield self._resolved(queries.span(start, stop)), renaming
            start = stop

    def _awaits(self, queries: Queries, at: int) -> bool:
        return any(key_of(former_of(getattr(queries, sort)[at])) in self.awaited for sort in _SORTS)

    def _next(self, queries: Queries, waiting: Sequence[int], start: int) -> int:
        ahead = waiting[bisect_left(waiting, start) :]
        return next((at for at in ahead if self._awaits(queries, at)), len(queries))

    def _settled(self) -> Renaming:
        """Who has come is renamed now, and awaited no more."""
        renaming = Renaming(dict(sorted(self.come.items())))  # not in the order of arrival, which cuts can change
        self.awaited.difference_update(map(key_of, self.come))
        self.come = {}
        return renaming

    def _resolved(self, part: Queries) -> Queries:
        return replace(
            part,
            client=tuple(map(self._name, part.client)),
            group=tuple(map(self._name, part.group)),
            address=tuple(map(self._name, part.address)),
        )

    def _name(self, name: bytes) -> bytes:
        former, own = former_of(name), bytes(name)
        if key_of(former) not in self.awaited:
            return own
        self.come[former] = own
        return former

    def forget(self, name: bytes) -> None:
        """Erase a client, by the name that it had or by the one that it has now."""
        self.awaited.discard(key_of(name))
        self.come = {former: own for former, own in self.come.items() if name not in (former, own)}

    def dump(self) -> dict[str, NDArray[Any]]:
        """All of it, as arrays."""
        come = [half for pair in sorted(self.come.items()) for half in pair]
        return {
            BOTH: np.array([self.both]),
            AWAITED: np.array(sorted(self.awaited), np.uint64),
            COME: np.frombuffer(b"".join(come), np.uint8).reshape(-1, PSEUDONYM_BYTES),
        }

    @classmethod
    def load(cls, arrays: Mapping[str, NDArray[Any]]) -> Succession:
        """What `dump` gave. ValueError or KeyError where it is something else."""
        found = cls(arrays[AWAITED].tolist())
        found.both = bool(arrays[BOTH][0])
        halves = [row.tobytes() for row in arrays[COME]]
        found.come = dict(zip(halves[::2], halves[1::2], strict=True))
        return found

"""Clients of one model that look like the same attack by themselves, and began at the same time at the same pace.

Accounts that come at times of their own share no time and, with random or ordinary inputs, no input. But each of them
does the same thing, no faster than the others, since the same hour. That is asked of suspects alone: of ordinary
clients many begin in an hour, and many are alike.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from dataclasses import astuple, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detectors.features.renaming import Renaming
from detectors.scoring.evidence import SPEAKS
from detectors.scoring.teaching import LEARN_BELOW
from monitor.engine.clock import MINUTE
from monitor.engine.stream import Judged

MOST: Final = 2_048  # suspects that are remembered

# decision 0016: chosen on recorded scenes
START: Final = 60 * MINUTE  # between the first queries of two
ALIVE: Final = 6 * 60 * MINUTE  # since the other one's latest block
PACE: Final = 1.4  # times as many queries in a time, at most
MARGIN: Final = 10 * MINUTE  # added to each one's time, so that the first minutes say little
ENOUGH: Final = 3  # others that are like it, and as many more as
CHANCE: Final = 3  # times those that would be by chance, judged by all hours before, of which there have to be
BEFORE: Final = 6 * 60 * MINUTE


@dataclass(slots=True)
class Suspect:
    """What is known of one: pseudonym, first and latest time, queries by then, tests that came near their floors (a bit
    each), and those that beat them."""

    name: bytes
    first: int
    last: int
    queries: int
    near: int = 0
    named: int = 0


@dataclass(frozen=True, slots=True)
class Suspicion:
    """A block of a client of which some named test says something: its place in the step, and what is said."""

    at: int
    key: int
    of: Suspect


class Suspects:
    """The suspects of one model, by key; those longest unheard of leave first, and are counted in `dropped`."""

    def __init__(self) -> None:
        self._known: OrderedDict[int, Suspect] = OrderedDict()
        self.dropped = 0
        self.version = 0  # how often somebody was named for the first time

    def hear(self, key: int, of: Suspect, since: int) -> list[tuple[int, bytes]]:
        """Take what a block says; the keys and pseudonyms of those that are like this one, if there are more than this
        model's clients of other hours let expect. `since` is the time of the model's first query."""
        old = self._known.get(key)
        self.version += bool(of.named) and not (old is not None and old.named)
        if old is not None:
            of = Suspect(of.name, of.first, of.last, of.queries, old.near | of.near, old.named | of.named)
        self._known[key] = of
        self._known.move_to_end(key)
        if len(self._known) > MOST:
            self._known.popitem(last=False)
            self.dropped += 1
        if of.first - since < BEFORE:
            return []
        found = [(other, one.name) for other, one in self._known.items() if other != key and alike(of, one)]
        return found if len(found) >= ENOUGH + CHANCE * self._by_chance(of, since) else []

    def _by_chance(self, of: Suspect, since: int) -> float:
        """How many suspects of the same tests begin within START of a client, in the mean of all hours before."""
        earlier = sum(one.first < of.first - START and bool(one.named & of.near) for one in self._known.values())
        return earlier * 2 * START / (of.first - since)

    def named(self) -> frozenset[int]:
        """The keys of those of whom some test speaks aloud."""
        return frozenset(key for key, one in self._known.items() if one.named)

    def rename(self, renaming: Renaming) -> None:
        """Give clients other names."""
        for one in self._known.values():
            one.name = renaming.name(one.name)
        self._known = OrderedDict((renaming.key(key), one) for key, one in self._known.items())

    def forget(self, client: int) -> None:
        """Erase a client (a key)."""
        self._known.pop(client, None)

    def known(self) -> list[bytes]:
        """The pseudonyms of all suspects."""
        return [one.name for one in self._known.values()]

    def dump(self) -> NDArray[Any]:
        """Everything, as bytes."""
        tree = [[key, one.name.hex(), *astuple(one)[1:]] for key, one in self._known.items()]
        return np.frombuffer(json.dumps([self.dropped, self.version, tree]).encode(), np.uint8)

    def load(self, array: NDArray[Any]) -> None:
        """Take over what `dump` gave. ValueError or TypeError where it is something else."""
        self.dropped, self.version, tree = json.loads(array.tobytes())
        self._known.update((key, Suspect(bytes.fromhex(name), *rest)) for key, name, *rest in tree)


def alike(one: Suspect, other: Suspect) -> bool:
    """Whether two look like the same attack, begun together, at the same pace."""
    if not (one.named & other.near or other.named & one.near):
        return False
    if abs(one.first - other.first) > START or abs(one.last - other.last) > ALIVE:
        return False
    pace = one.queries * (other.last - other.first + MARGIN) / (other.queries * (one.last - one.first + MARGIN))
    return 1 / PACE <= pace <= PACE


def suspicions(judged: Judged, places: NDArray[np.int64], keys: NDArray[np.uint64]) -> list[Suspicion]:
    """Blocks of which some named test says something; `places` (n,) are those of their queries in the step, `keys` (n,)
    their clients."""
    said = judged.running * ~judged.bank.learnt
    found = []
    for row in np.flatnonzero((said >= LEARN_BELOW).any(axis=1)).tolist():
        head, aloud = judged.heads[row], said[row] >= np.maximum(judged.floors, SPEAKS)
        of = Suspect(
            judged.clients[row],
            int(head["first"]),
            int(head["last"]),
            int(head["count"]),
            bits_of(said[row] >= LEARN_BELOW),
            bits_of(aloud),
        )
        found.append(Suspicion(int(places[row]), int(keys[row]), of))
    return found


def bits_of(marks: NDArray[np.bool_]) -> int:
    """A bit for each place that is marked.

    >>> bits_of(np.array([True, False, True]))
    5
    """
    return sum(1 << int(at) for at in np.flatnonzero(marks))

"""Refused requests across clients and models: keys tried from one address, models tried with one key.

Only refusals (401, 403) are looked at, so that ordinary traffic costs nothing here. What is remembered is an hour of
event time, of a bounded number of callers.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detectors.contract import Blocks
from detectors.features.refusals import KEYS, MODELS
from detectors.features.renaming import Renaming
from detectors.sketch.queries import OPAQUE, Queries
from monitor.alerts.finding import Evidence, Exposure
from monitor.engine.clock import MINUTE
from monitor.engine.verdicts import Court, Verdict

REMEMBERED: Final = 16_384  # addresses, and keys, of which refusals are remembered
OLDEST: Final = 64  # of those that are quiet for longest: who has tried least of them leaves (decision 0020)
TRIED: Final = 256  # keys or models of one caller that are told apart
HOUR: Final = 60 * MINUTE


@dataclass(slots=True)
class Caller:
    """One address or key: when each of its keys or models was last refused, and since when it is known."""

    model: str
    started: int
    first_offset: int
    refused: int = 0
    tried: dict[str, int] = field(default_factory=dict)

    def note(self, what: str, clock: int) -> int:
        """Count a refusal; returns how many different ones the last hour has seen."""
        self.refused += 1
        if what in self.tried or len(self.tried) < TRIED:
            self.tried[what] = clock
        self.tried = {name: time for name, time in self.tried.items() if clock - time < HOUR}
        return len(self.tried)


class Callers:
    """All callers of a partition that were refused lately, by address and by key."""

    def __init__(self, court: Court) -> None:
        self._court = court
        self._known: dict[str, OrderedDict[bytes, Caller]] = {KEYS: OrderedDict(), MODELS: OrderedDict()}

    def feed(self, queries: Queries, clocks: NDArray[np.int64]) -> Iterator[Verdict]:
        """Verdicts on those who try keys or models, in the order of the log."""
        for at in np.flatnonzero(np.isin(queries.status, (401, 403))).tolist():
            clock, model = int(clocks[at]), queries.models[queries.model[at]]
            client, address = queries.client[at], queries.address[at]
            if address:
                yield from self._note(KEYS, address, client.hex(), model, clock, queries, at)
            yield from self._note(MODELS, client, model, model, clock, queries, at)

    def _note(
        self, sort: str, name: bytes, what: str, model: str, clock: int, queries: Queries, at: int
    ) -> Iterator[Verdict]:
        known = self._known[sort]
        caller = known.get(name)
        if caller is None:
            if len(known) >= REMEMBERED:
                self._leave(known)
            caller = known[name] = Caller(model, int(queries.time[at]), int(queries.offset[at]))
        known.move_to_end(name)
        count = caller.note(what, clock)
        blocks = Blocks(OPAQUE, {sort: np.array([float(count)])}, np.array([caller.refused]))
        evidence = self._court.at_once(blocks)
        if evidence:
            members = tuple(bytes.fromhex(key) for key in sorted(caller.tried)) if sort == KEYS else ()
            yield verdict(caller, name, members, evidence, at, int(queries.offset[at]))

    def _leave(self, known: OrderedDict[bytes, Caller]) -> None:
        """Forget one: of those that are quiet for longest who has tried least, so that a flood of callers who try one
        thing each drives out none who tries many."""
        del known[min(islice(known, OLDEST), key=lambda name: len(known[name].tried))]

    def rename(self, renaming: Renaming) -> None:
        """Give addresses and clients other names."""
        for caller in self._known[KEYS].values():
            tried = ((renaming.name(bytes.fromhex(key)).hex(), time) for key, time in caller.tried.items())
            caller.tried = dict(tried)
        for sort, known in self._known.items():
            self._known[sort] = OrderedDict((renaming.name(name), caller) for name, caller in known.items())

    def forget(self, name: bytes) -> None:
        """Erase a client or an address."""
        for known in self._known.values():
            known.pop(name, None)
        for caller in self._known[KEYS].values():
            caller.tried.pop(name.hex(), None)

    def known(self) -> Iterator[bytes]:
        """The pseudonyms of all that are remembered here."""
        for known in self._known.values():
            yield from known
        for caller in self._known[KEYS].values():
            yield from map(bytes.fromhex, caller.tried)

    def dump(self) -> dict[str, NDArray[Any]]:
        """All callers, as bytes in an array."""
        tree = {
            sort: [[name.hex(), c.model, c.started, c.first_offset, c.refused, c.tried] for name, c in known.items()]
            for sort, known in self._known.items()
        }
        return {"callers": np.frombuffer(json.dumps(tree).encode(), np.uint8)}

    def load(self, arrays: dict[str, NDArray[Any]]) -> None:
        """Take over what `dump` gave. ValueError, TypeError or KeyError where it is something else."""
        tree = json.loads(arrays["callers"].tobytes())
        for sort, known in self._known.items():
            known.update((bytes.fromhex(name), Caller(*rest)) for name, *rest in tree[sort])


def verdict(
    caller: Caller, name: bytes, members: tuple[bytes, ...], evidence: tuple[Evidence, ...], index: int, offset: int
) -> Verdict:
    """What is claimed of an address (with the keys that it tried as members) or of a key."""
    return Verdict(
        index=index,
        model=caller.model,
        client=name,
        group=b"",
        members=members,
        started=caller.started,
        first_offset=caller.first_offset,
        last_offset=offset,
        queries=caller.refused,
        evidence=evidence,
        profile=None,
        exposure=Exposure(caller.refused, 0, 0.0, 0, 0, 0),
    )

"""The latest queries of one model and shape, and which of them belong to those of other clients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detectors.contract import Floats
from detectors.features import kinnames, kinship
from detectors.features.kinship import MEETING, RING, ROOM, WAYS, Arrivals, Index, Latest, Links
from detectors.features.layout import ENTRY
from detectors.features.renaming import Renaming
from detectors.features.windows import PSEUDONYM, SLOT_STEP
from detectors.scoring import kinships
from detectors.scoring.nesting import copied, inside, nested
from detectors.sketch.queries import DENSE, ROWS, TEXT
from monitor.engine.step import Shape, Step

Arrays = Mapping[str, NDArray[Any]]

FIRST_ROWS: Final = 64  # places for hashes, WAYS wide, before anything is learnt; as many more as there are queries,
MOST_ROWS: Final = 8_192  # up to this
ORDERED: Final = 0x80  # of a link in an order or an input that clients share
FEW: Final = 8  # queries below which a client's share of links is not told
SECOND: Final = 1_000_000
RING_OF: Final = ("clients", "names", "units", "held", "events", "exact", "sketches", "sizes", "offsets", "trained")


class Kinship:
    """A ring of the model's latest queries, and the index over them. Both follow from the order of the queries alone:
    a query sees the ROOM before it, however they were cut into steps of at most SPARE."""

    def __init__(self, shape: Shape, sketch: int) -> None:
        self.shape = shape
        self.number = 0  # queries so far
        self.known = kinships.unknown(sketch)
        self._index = kinship.index(shape.kind, FIRST_ROWS)
        self._links = kinship.links(kinship.SPARE)
        self.clients = np.zeros(0, np.uint64)
        self.names = np.zeros((0, PSEUDONYM), np.uint8)
        self.units = np.zeros(0, np.uint8)  # what the query's own link counts, with ORDERED
        self.held = np.zeros(0, np.uint8)  # what it counts that others are linked to it
        self.events = np.zeros(0, ENTRY)
        self.exact = np.zeros(0, np.uint64)
        self.sketches = np.zeros((0, sketch), np.uint8)
        self.sizes = np.zeros((0, 2), np.float32)
        self.offsets = np.zeros(0, np.int64)
        self.trained = np.zeros(0, np.uint64)
        self._fingerprinted = False

    @property
    def _ring(self) -> tuple[NDArray[Any], ...]:
        return tuple(getattr(self, name) for name in RING_OF)

    @property
    def nbytes(self) -> int:
        """Bytes of the ring and the index."""
        return sum(array.nbytes for array in (*self._ring, *self._index))

    def feed(self, step: Step, clients: NDArray[np.uint64], clocks: NDArray[np.int64]) -> Links:
        """Links of a step's queries (at most SPARE) to those of other clients; room that the next call overwrites."""
        first, self.number = self.number, self.number + len(step)
        self._grow(min(self.number, RING))
        at = np.arange(first, self.number) % RING
        self._fingerprinted = len(step.trained) > 0
        trained = step.trained if self._fingerprinted else np.uint64(0)
        names = np.frombuffer(b"".join(step.clients), np.uint8).reshape(-1, PSEUDONYM)
        given = (clients, names, 0, 0, step.events, step.exact, step.sketches, step.sizes, step.offsets, trained)
        for array, rows in zip(self._ring, given, strict=True):
            array[at] = rows
        seconds = np.maximum(clocks, 0) // SECOND
        come = Arrivals(first, clients, step.events, step.exact, step.sketches, seconds)
        kinship.link(self.shape.kind, self._index, Latest(self.clients, self.sketches), come, self.known, self._links)
        return Links._make(array[: len(step)] for array in self._links)

    def _grow(self, wanted: int) -> None:
        if wanted > len(self.clients):
            new = min(RING, max(wanted, len(self.clients) + SLOT_STEP + len(self.clients) // 8))
            for array in self._ring:
                array.resize((new, *array.shape[1:]), refcheck=False)

    def said(self, at: NDArray[np.int64]) -> NDArray[np.uint64]:
        """What fingerprints of training records say of the queries at these places; of none where there are none."""
        return self.trained[at] if self._fingerprinted else np.zeros(0, np.uint64)

    def recent(self, upto: int, members: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Numbers of the queries that these clients (ascending keys) sent among the ROOM before `upto`, in order."""
        numbers = np.arange(max(0, upto - ROOM), upto)
        own = self.clients[numbers % RING]
        at = np.minimum(np.searchsorted(members, own), len(members) - 1)
        return np.asarray(numbers[members[at] == own])

    def share(self, key: int, upto: int) -> float:
        """Units of links for each query that a client sent among the ROOM before `upto`."""
        at = np.arange(max(0, upto - ROOM), upto) % RING
        own = at[self.clients[at] == np.uint64(key)]
        counted = np.maximum(self.units[own] & ~np.uint8(ORDERED), self.held[own])
        return float(counted.sum()) / max(len(own), FEW)

    def learn(self, centre: Floats, lesson: kinships.Meetings) -> None:
        """Take what trusted clients have in common as the measure, and make room for as many hashes as needed."""
        self.known = kinships.fit(self.shape.kind, self.shape.width, centre, lesson)
        if len(self.known.centre):
            first = max(0, self.number - ROOM)
            kinship.again(self._index, Latest(self.clients, self.sketches), first, self.number, self.known)
        while len(self._index.meetings) < min(MOST_ROWS, self.number * self._each // WAYS):
            self._index = self._index._replace(meetings=doubled(self._index.meetings))

    @property
    def _each(self) -> int:
        """Hashes under which a query is left."""
        of = {ROWS: len(self.shape.columns) + 3, TEXT: kinship.BANDS + 2, DENSE: 3}
        return of.get(self.shape.kind, 2)

    def rename(self, renaming: Renaming) -> None:
        """Give clients other names."""
        renaming.in_names(self.names)
        renaming.in_keys(self.clients)
        renaming.in_keys(self.known.clients)
        kinnames.renamed(self._index, renaming)

    def keys(self) -> NDArray[np.uint64]:
        """The keys of all clients of which something is left here."""
        return np.concatenate([self.clients, self.known.clients, kinnames.clients_in(self._index)])

    def forget(self, client: int) -> None:
        """Erase a client (a key): its queries are none in the ring, and lead nowhere."""
        kinnames.forgotten(self._index, Latest(self.clients, self.sketches), client)
        kinships.forgotten(self.known, client)
        own = self.clients == np.uint64(client)
        for array in self._ring:
            array[own] = np.zeros((), array.dtype)

    def dump(self) -> dict[str, NDArray[Any]]:
        """Everything, as arrays."""
        used = min(self.number, RING)
        return {
            "number": np.array([self.number]),
            **nested("known", kinships.dump(self.known)),
            **{name: array[:used].copy() for name, array in zip(RING_OF, self._ring, strict=True)},
            **nested("index", copied(self._index._asdict())),
        }

    def load(self, arrays: Arrays) -> None:
        """Take over what `dump` gave. ValueError where the shapes do not fit, KeyError where something is missing."""
        if arrays["sketches"].shape[1:] != self.sketches.shape[1:] or arrays["index/meetings"].dtype != MEETING:
            raise ValueError("kinship of another shape")
        self.number = int(arrays["number"][0])
        self._grow(len(arrays["clients"]))
        for name, array in zip(RING_OF, self._ring, strict=True):
            array[: len(arrays[name])] = arrays[name]
        self.known = kinships.load(inside("known", arrays))
        own = inside("index", arrays)
        self._index = Index(*(own[name].copy() for name in Index._fields))


def doubled(meetings: Any) -> Any:
    """The same hashes with twice the places: each goes where its next bit says."""
    rows = len(meetings)
    grown = np.concatenate([meetings, meetings])
    upper = meetings["tag"] & np.uint32(rows) != 0
    grown[:rows][upper] = 0
    grown[rows:][~upper] = 0
    return grown

"""The bounded memory of one model's clients: who has which slot, and the arrays that the kernel walks."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detectors.features.layout import ENTRY, HEADER, PAGE, TRAIL, window_pages
from detectors.features.neighbours import sketch_bytes
from detectors.features.renaming import Renaming
from detectors.features.walk import State

Arrays = Mapping[str, NDArray[Any]]

SLOT_STEP: Final = 256  # slots and pages are added in steps of at least this many, or an eighth of what there is
PSEUDONYM: Final = 16


class Windows:
    """Slots, pages and names of the clients of one model, at most `most` of them.

    Arrays grow in place by an eighth, so that memory follows the clients. When `most` is reached the least recently
    seen client leaves (counted in `evicted`). A step may name fewer clients than `most`, never more.
    """

    def __init__(self, kind: int, columns: int, most: int, tests: int) -> None:
        self.kind, self.columns, self.most = kind, columns, most
        self.evicted = 0
        sketch = sketch_bytes(kind, columns)
        self._pages = window_pages(kind, sketch)
        self._table: OrderedDict[bytes, int] = OrderedDict()
        self._spare: list[int] = []
        self.names = np.zeros((0, PSEUDONYM), np.uint8)
        self.groups = np.zeros((0, PSEUDONYM), np.uint8)
        self.last = np.zeros((0, tests), np.float32)
        self.peak = np.zeros((0, tests), np.float32)
        self.state = State(
            headers=np.zeros(0, HEADER),
            trails=np.zeros((0, TRAIL), np.uint32),
            classes=np.zeros((0, 4), np.uint64),
            pages=np.zeros((0, self._pages), np.int32),
            entries=np.zeros((0, PAGE), ENTRY),
            sketches=np.zeros((0, PAGE, sketch), np.uint8),
            free=np.zeros(0, np.int32),
            control=np.zeros(2, np.int64),
        )

    def __len__(self) -> int:
        return len(self._table)

    @property
    def queries(self) -> int:
        """Queries of the model so far."""
        return int(self.state.control[1])

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays, grown ahead of use included."""
        own = (self.names, self.groups, self.last, self.peak)
        return sum(array.nbytes for array in (*own, *self.state))

    def slots(self, clients: Sequence[bytes], groups: Sequence[bytes]) -> NDArray[np.int32]:
        """The slot of each query's client, in order; new clients get one, the longest unseen make room."""
        table, found = self._table, np.empty(len(clients), np.int32)
        for i, client in enumerate(clients):
            slot = table.get(client)
            if slot is None:
                slot = self._enter(client, groups[i])
            table.move_to_end(client)
            found[i] = slot
        self._ensure_pages(len(clients))
        return found

    def in_use(self) -> NDArray[np.int64]:
        """The slots of all remembered clients, in the order in which they were last seen."""
        return np.fromiter(self._table.values(), np.int64, len(self._table))

    def name(self, slot: int) -> bytes:
        """The pseudonym of the client in a slot."""
        return bytes(self.names[slot])

    def _enter(self, client: bytes, group: bytes) -> int:
        if len(self._table) >= self.most:
            self._leave()
        if not self._spare:
            self._grow_slots()
        slot = self._spare.pop()
        self._table[client] = slot
        self.names[slot] = np.frombuffer(client, np.uint8)
        self.groups[slot] = np.frombuffer(group, np.uint8) if group else 0
        return slot

    def strongest(self, client: bytes, tests: NDArray[np.bool_]) -> float:
        """The most that any of these tests ever said of a client; 0 of one that is not remembered."""
        slot = self._table.get(client)
        return 0.0 if slot is None else float(self.peak[slot][tests].max(initial=0.0))

    def rename(self, renaming: Renaming) -> None:
        """Give clients and groups other names; everything else about them stays, the order in which they leave too."""
        used = self.in_use()
        for names in (self.names, self.groups):
            own = names[used]
            renaming.in_names(own)
            names[used] = own
        self._table = OrderedDict((renaming.name(client), slot) for client, slot in self._table.items())

    def known(self) -> list[bytes]:
        """The pseudonyms of all remembered clients, and of their groups (zeros: not known)."""
        return [*self._table, *(row.tobytes() for row in np.unique(self.groups[self.in_use()], axis=0))]

    def forget(self, client: bytes) -> None:
        """Forget a client, if it is remembered."""
        if client in self._table:
            self._empty(self._table.pop(client))

    def _leave(self) -> None:
        """Forget the client that was not seen for the longest time."""
        _, slot = self._table.popitem(last=False)
        self._empty(slot)
        self.evicted += 1

    def _empty(self, slot: int) -> None:
        """Clear a slot and its pages for others."""
        state = self.state
        held = state.pages[slot][state.pages[slot] >= 0]
        state.free[state.control[0] : state.control[0] + len(held)] = held
        state.control[0] += len(held)
        state.entries[held], state.sketches[held] = np.zeros((), ENTRY), 0  # the next owner fills a page bit by bit
        self._clear(slot)
        self._spare.append(slot)

    def _clear(self, slot: int) -> None:
        state = self.state
        state.headers[slot] = np.zeros((), HEADER)
        state.trails[slot], state.classes[slot], state.pages[slot] = 0, 0, -1
        self.last[slot], self.peak[slot] = 0, 0
        self.names[slot], self.groups[slot] = 0, 0

    def _grow_slots(self) -> None:
        old = len(self.state.headers)
        new = min(self.most, old + max(SLOT_STEP, old // 8))
        for array in (self.names, self.groups, self.last, self.peak, *self.state[:4]):
            array.resize((new, *array.shape[1:]), refcheck=False)
        self.state.pages[old:] = -1
        self._spare.extend(range(new - 1, old - 1, -1))

    def _ensure_pages(self, queries: int) -> None:
        """Have a free page for each of the coming queries, which is the most that they can take."""
        state = self.state
        missing = queries - int(state.control[0])
        if missing <= 0:
            return
        old = len(state.entries)
        new = old + max(missing, SLOT_STEP, old // 8)
        for array in (state.entries, state.sketches, state.free):
            array.resize((new, *array.shape[1:]), refcheck=False)
        free = int(state.control[0])
        state.free[free : free + new - old] = np.arange(new - 1, old - 1, -1)
        state.control[0] = free + new - old

    def dump(self) -> dict[str, NDArray[Any]]:
        """What is in use, as arrays: slots in the order in which their clients were last seen."""
        order = self.in_use()
        state, pages = self.state, self.state.pages[order]
        held = pages[pages >= 0]
        return {
            "names": self.names[order],
            "groups": self.groups[order],
            "last": self.last[order],
            "peak": self.peak[order],
            "headers": state.headers[order],
            "trails": state.trails[order],
            "classes": state.classes[order],
            "held": (pages >= 0).sum(axis=1).astype(np.int32),
            "entries": state.entries[held],
            "sketches": state.sketches[held],
            "counts": np.array([self.queries, self.evicted], np.int64),
        }

    def load(self, arrays: Arrays) -> None:
        """Take over what `dump` gave; the windows must be empty. ValueError where the shapes do not fit."""
        clients, held = len(arrays["names"]), arrays["held"]
        if clients > self.most:
            raise ValueError(f"{clients} clients are kept, and the ceiling is {self.most}")
        if arrays["sketches"].shape[1:] != self.state.sketches.shape[1:] or held.sum() != len(arrays["entries"]):
            raise ValueError("windows of another shape")
        while len(self.state.headers) < clients:
            self._grow_slots()
        self._ensure_pages(len(arrays["entries"]))
        self._spare = list(range(len(self.state.headers) - 1, clients - 1, -1))
        self.state.control[0] -= len(arrays["entries"])
        taken = self.state.free[self.state.control[0] : self.state.control[0] + len(arrays["entries"])].copy()
        self.state.pages[:clients][np.arange(self._pages) < held[:, None]] = taken
        self.state.entries[taken], self.state.sketches[taken] = arrays["entries"], arrays["sketches"]
        own = (self.names, self.groups, self.last, self.peak, *self.state[:3])
        for array, name in zip(own, ("names", "groups", "last", "peak", "headers", "trails", "classes"), strict=True):
            array[:clients] = arrays[name]
        self._table = OrderedDict((self.name(slot), slot) for slot in range(clients))
        self.state.control[1], self.evicted = arrays["counts"]

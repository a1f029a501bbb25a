"""The bounded memory of one model's clients: who has which slot, and the arrays that the kernel walks."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from itertools import chain, pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detectors.features.changes import Mark, as_rows, places, ragged, taken
from detectors.features.layout import ENTRY, HEADER, PAGE, TRAIL, window_pages
from detectors.features.neighbours import sketch_bytes
from detectors.features.renaming import Renaming
from detectors.features.walk import State

Arrays = Mapping[str, NDArray[Any]]

SLOT_STEP: Final = 256  # slots and pages are added in steps of at least this many, or an eighth of what there is
PSEUDONYM: Final = 16
SLOTTED: Final = ("names", "groups", "last", "capital", "peak", "headers", "trails", "classes")
CHANGED: Final = tuple(name for name in SLOTTED if name != "trails")
PART: Final = 16_384  # clients that are looked through at once
SETTLED, SUSPECT = 0, 1  # grades of clients that do not leave with the rest: judged at least once; under suspicion
SUSPICION: Final = 0.25  # strength of a named test from which a client is under suspicion: half of what opens a finding
THEN: Final = "then/"  # in front of the names of arrays that are changes to those without


class Windows:
    """Slots, pages and names of the clients of one model, at most `most` of them.

    Arrays grow in place by an eighth, so that memory follows the clients. When `most` is reached the least recently
    seen client leaves (counted in `evicted`), except that up to `aside` clients that were judged at least once, and
    `aside` of whom a test (those of `named`) has said something, are set aside when their turn comes: whoever floods
    the table with new names drives out new names (decision 0020). Of those set aside the least recently seen leave
    when they become too many; `lost` counts suspects who did. A step may name fewer clients than `most - 2 aside`,
    never more: then no client of the step leaves, and who leaves does not depend on how the log was cut.
    """

    def __init__(
        self,
        kind: int,
        columns: int,
        most: int,
        tests: int,
        aside: int = 0,
        named: NDArray[np.bool_] | None = None,
    ) -> None:
        self.kind, self.columns, self.most = kind, columns, most
        self.evicted, self.lost = 0, 0
        self.renamed = 0  # how often clients got other names: `changes` tells nothing of that; a restart forgets it
        self.left: list[tuple[int, bool]] = []  # of the last step: whose coming made somebody leave; a suspect or not
        self._most_aside, self._named = aside, np.ones(tests, np.bool_) if named is None else named
        sketch = sketch_bytes(kind, columns)
        self._pages = window_pages(kind, sketch)
        self._table: OrderedDict[bytes, int] = OrderedDict()
        self._aside: tuple[OrderedDict[bytes, int], ...] = (OrderedDict(), OrderedDict())
        self._spare: list[int] = []
        self.names = np.zeros((0, PSEUDONYM), np.uint8)
        self.groups = np.zeros((0, PSEUDONYM), np.uint8)
        self.last = np.zeros((0, tests), np.uint8)
        self.capital = np.zeros((0, tests), np.float32)
        self.peak = np.zeros((0, tests), np.float32)
        self._born = np.zeros(0, np.int64)  # queries of the model before a slot's client came; a restart forgets it
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
        return len(self._table) + sum(map(len, self._aside))

    @property
    def queries(self) -> int:
        """Queries of the model so far."""
        return int(self.state.control[1])

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays, grown ahead of use included."""
        own = (self.names, self.groups, self.last, self.capital, self.peak)
        return sum(array.nbytes for array in (*own, *self.state))

    def slots(self, clients: Sequence[bytes], groups: Sequence[bytes]) -> NDArray[np.int32]:
        """The slot of each query's client, in order; new clients get one, the longest unseen make room."""
        table, found = self._table, np.empty(len(clients), np.int32)
        self.left = []
        for i, client in enumerate(clients):
            slot = table.get(client)
            if slot is None:
                slot = self._back(client)
            if slot is None:
                slot = self._enter(client, groups[i], i)
            table.move_to_end(client)
            found[i] = slot
        self._ensure_pages(len(clients))
        return found

    def in_use(self) -> NDArray[np.int64]:
        """The slots of all remembered clients: those set aside, then the rest, each in the order in which they were
        last seen."""
        return np.fromiter(chain(*(part.values() for part in (*self._aside, self._table))), np.int64, len(self))

    def name(self, slot: int) -> bytes:
        """The pseudonym of the client in a slot."""
        return bytes(self.names[slot])

    def _back(self, client: bytes) -> int | None:
        """Take a client that was set aside back among the others; its slot, None where it is not known."""
        for kept in self._aside:
            if client in kept:
                self._table[client] = kept.pop(client)
                return self._table[client]
        return None

    def _enter(self, client: bytes, group: bytes, at: int) -> int:
        if len(self) >= self.most:
            self.left.append((at, self._leave()))
        if not self._spare:
            self._grow_slots()
        slot = self._spare.pop()
        self._table[client] = slot
        self._born[slot] = self.queries
        self.names[slot] = np.frombuffer(client, np.uint8)
        self.groups[slot] = np.frombuffer(group, np.uint8) if group else 0
        return slot

    def strongest(self, client: bytes, tests: NDArray[np.bool_]) -> float:
        """The most that any of these tests ever said of a client; 0 of one that is not remembered."""
        slot = self._slot(client)
        return 0.0 if slot is None else float(self.peak[slot][tests].max(initial=0.0))

    def peaks(self, tests: NDArray[np.bool_]) -> NDArray[np.float64]:
        """The same of all remembered clients, in the order of `in_use`; a part at a time, for a million of them would
        take hundreds of megabytes."""
        slots = self.in_use()
        parts = [slots[at : at + PART] for at in range(0, len(slots), PART)]
        highest = [self.peak[part][:, tests].max(axis=1, initial=0) for part in parts]
        return np.concatenate([np.zeros(0), *highest])

    def _slot(self, client: bytes) -> int | None:
        """The slot of a client, None where it is not remembered."""
        return next((part[client] for part in (self._table, *self._aside) if client in part), None)

    def rename(self, renaming: Renaming) -> None:
        """Give clients and groups other names; everything else about them stays, the order in which they leave too."""
        used = self.in_use()
        for names in (self.names, self.groups):
            own = names[used]
            renaming.in_names(own)
            names[used] = own
        parts = [
            OrderedDict((renaming.name(client), slot) for client, slot in part.items())
            for part in (*self._aside, self._table)
        ]
        self._aside, self._table = tuple(parts[:-1]), parts[-1]
        self.renamed += 1

    def known(self) -> list[bytes]:
        """The pseudonyms of all remembered clients, and of their groups (zeros: not known)."""
        groups = np.unique(self.groups[self.in_use()], axis=0)
        return [*chain(*self._aside, self._table), *(row.tobytes() for row in groups)]

    def forget(self, client: bytes) -> None:
        """Forget a client, if it is remembered."""
        for part in (self._table, *self._aside):
            if client in part:
                self._empty(part.pop(client))

    def _leave(self) -> bool:
        """Forget the client that was not seen for the longest time, and set aside those before it who are worth it;
        whether a suspect had to leave."""
        lost = False
        while True:
            client, slot = self._table.popitem(last=False)
            grade = self._grade(slot)
            if grade is None:
                break
            kept = self._aside[grade]
            kept[client] = slot
            if len(kept) > self._most_aside:
                _, slot = kept.popitem(last=False)
                lost = grade == SUSPECT
                break
        self._empty(slot)
        self.evicted, self.lost = self.evicted + 1, self.lost + lost
        return lost

    def _grade(self, slot: int) -> int | None:
        """Why the client in a slot is set aside; None where it is not."""
        if not self._most_aside or self.state.headers["blocks"][slot] == 0:
            return None
        return SUSPECT if self.peak[slot][self._named].max(initial=0.0) >= SUSPICION else SETTLED

    def _empty(self, slot: int) -> None:
        """Clear a slot and its pages for others."""
        state = self.state
        held = state.pages[slot][state.pages[slot] >= 0]
        state.free[state.control[0] : state.control[0] + len(held)] = held
        state.control[0] += len(held)
        state.entries.view(np.uint8)[held], state.sketches[held] = 0, 0  # what is forgotten stands in no dump
        self._clear(slot)
        self._spare.append(slot)

    def _clear(self, slot: int) -> None:
        state = self.state
        state.headers[slot] = np.zeros((), HEADER)
        state.trails[slot], state.classes[slot], state.pages[slot] = 0, 0, -1
        self.last[slot], self.capital[slot], self.peak[slot] = 0, 0, 0
        self.names[slot], self.groups[slot] = 0, 0

    def _grow_slots(self) -> None:
        old = len(self.state.headers)
        new = min(self.most, old + max(SLOT_STEP, old // 8))
        for array in (self.names, self.groups, self.last, self.capital, self.peak, self._born, *self.state[:4]):
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
        """What is in use, as arrays: slots as `in_use` has them."""
        order = self.in_use()
        state, pages = self.state, self.state.pages[order]
        held = pages[pages >= 0]
        return {
            "names": self.names[order],
            "groups": self.groups[order],
            "last": self.last[order],
            "capital": self.capital[order],
            "peak": self.peak[order],
            "headers": taken(state.headers, order),
            "trails": taken(state.trails, order),
            "classes": state.classes[order],
            "held": (pages >= 0).sum(axis=1).astype(np.int32),
            "entries": taken(state.entries, held),
            "sketches": taken(state.sketches, held),
            "aside": np.array([len(kept) for kept in self._aside], np.int64),
            "counts": np.array([self.queries, self.evicted, self.lost], np.int64),
        }

    def mark(self) -> Mark:
        """Where the windows stand now, for `changes`."""
        return Mark(self.queries, self.state.headers["count"].copy(), self.renamed)

    def changes(self, mark: Mark) -> dict[str, NDArray[Any]]:
        """What changed since the mark, as arrays: `apply` makes the windows of the mark those of now. ValueError where
        clients have got other names since."""
        if mark.renamed != self.renamed:
            raise ValueError("clients have other names now")
        order, state = self.in_use(), self.state
        fresh = order[state.headers["touched"][order] > mark.queries]
        known = self._born[fresh] < mark.queries
        before, count = np.zeros(len(fresh), np.int64), state.headers["count"][fresh]
        before[known] = mark.counts[fresh[known]]
        room = self._pages * PAGE
        new = places(state.pages, fresh, np.maximum(before, count - room), count, PAGE)
        held = places(state.pages, fresh, np.maximum(0, count - room), count, PAGE)
        owner, number = ragged(np.maximum(before, count - TRAIL), count)
        flat = new.page.astype(np.int64) * PAGE + new.at
        return {
            "since": np.array([mark.queries], np.int64),
            "order": state.headers["touched"][order],
            "names": self.names[fresh],
            "groups": self.groups[fresh],
            "last": self.last[fresh],
            "capital": self.capital[fresh],
            "peak": self.peak[fresh],
            "headers": taken(state.headers, fresh),
            "classes": state.classes[fresh],
            "before": before,
            "trails": state.trails[fresh[owner], number % TRAIL],
            "entries": taken(state.entries.reshape(-1), flat),
            "sketches": taken(state.sketches.reshape(-1, state.sketches.shape[2]), flat),
            "streams": state.entries["streams"][held.page, held.at],
            "aside": np.array([len(kept) for kept in self._aside], np.int64),
            "counts": np.array([self.queries, self.evicted, self.lost], np.int64),
        }

    def load(self, arrays: Arrays) -> None:
        """Take over what `dump` gave, and `changes` behind THEN; the windows must be empty. ValueError where the shapes
        do not fit."""
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
        own = (self.names, self.groups, self.last, self.capital, self.peak, *self.state[:3])
        for array, name in zip(own, SLOTTED, strict=True):
            array[:clients] = arrays[name]
        self._line_up(range(clients), arrays["aside"])
        self.state.control[1], self.evicted, self.lost = arrays["counts"].tolist()
        self._go_on(arrays)

    def apply(self, arrays: Arrays) -> None:
        """Take over what `changes` gave, and what came after that (`then`). ValueError where it does not follow."""
        if int(arrays["since"][0]) != self.queries:
            raise ValueError("changes of another state")
        self._part(arrays)
        slots, state = self._come(arrays), self.state
        own = (self.names, self.groups, self.last, self.capital, self.peak, state.headers, state.classes)
        for array, name in zip(own, CHANGED, strict=True):
            array[slots] = arrays[name]
        count, before, room = state.headers["count"][slots], arrays["before"], self._pages * PAGE
        self._add_pages(slots, (np.minimum(count, room) + PAGE - 1) // PAGE)
        owner, number = ragged(np.maximum(before, count - TRAIL), count)
        state.trails[slots[owner], number % TRAIL] = arrays["trails"]
        new = places(state.pages, slots, np.maximum(before, count - room), count, PAGE)
        flat = new.page.astype(np.int64) * PAGE + new.at
        as_rows(state.entries.reshape(-1))[flat] = as_rows(arrays["entries"])
        state.sketches.reshape(-1, state.sketches.shape[2])[flat] = arrays["sketches"]
        held = places(state.pages, slots, np.maximum(0, count - room), count, PAGE)
        state.entries["streams"][held.page, held.at] = arrays["streams"]
        self._arrange(arrays["order"], arrays["aside"])
        state.control[1], self.evicted, self.lost = arrays["counts"].tolist()
        self._go_on(arrays)

    def _go_on(self, arrays: Arrays) -> None:
        """Apply the changes that came after these arrays, which stand among them behind THEN."""
        later = {name.removeprefix(THEN): array for name, array in arrays.items() if name.startswith(THEN)}
        if later:
            self.apply(later)

    def _part(self, arrays: Arrays) -> None:
        """Forget the clients that are no more, or that are new ones of an old name."""
        order = self.in_use()
        stay = np.isin(self.state.headers["touched"][order], arrays["order"])
        stay |= np.isin(as_rows(self.names[order]), as_rows(arrays["names"][arrays["before"] > 0]))
        for slot in order[~stay].tolist():
            self.forget(self.name(slot))

    def _come(self, arrays: Arrays) -> NDArray[np.int64]:
        """The slots of the clients that changed; new ones get one."""
        slots = np.empty(len(arrays["names"]), np.int64)
        for i, (name, group, before) in enumerate(
            zip(arrays["names"], arrays["groups"], arrays["before"].tolist(), strict=True)
        ):
            client = bytes(name)
            slot = self._slot(client)
            if (slot is not None) != (before > 0):
                raise ValueError("changes of another state")
            slots[i] = self._enter(client, bytes(group), i) if slot is None else slot
        return slots

    def _arrange(self, touched: NDArray[np.int64], aside: NDArray[np.int64]) -> None:
        """Have the clients in the order in which these numbers, when each was last seen, name them; the first of them,
        so many of either grade as `aside` says, set aside."""
        slots = self.in_use()
        slots = slots[np.argsort(self.state.headers["touched"][slots])]
        if (self.state.headers["touched"][slots] != np.sort(touched)).any():
            raise ValueError("changes of another state")
        self._line_up(slots[np.argsort(np.argsort(touched))].tolist(), aside)

    def _line_up(self, slots: Sequence[int], aside: NDArray[np.int64]) -> None:
        """Have the clients of these slots in this order, the first of them set aside."""
        ends = [0, *np.cumsum(aside).tolist(), len(slots)]
        parts = [OrderedDict((self.name(slot), slot) for slot in slots[one:other]) for one, other in pairwise(ends)]
        self._aside, self._table = tuple(parts[:-1]), parts[-1]

    def _add_pages(self, slots: NDArray[np.int64], needed: NDArray[np.int64]) -> None:
        """Have so many pages in each of these slots."""
        wanted = (np.arange(self._pages) < needed[:, None]) & (self.state.pages[slots] < 0)
        missing = int(wanted.sum())
        self._ensure_pages(missing)
        self.state.control[0] -= missing
        free = int(self.state.control[0])
        row, column = np.nonzero(wanted)
        self.state.pages[slots[row], column] = self.state.free[free : free + missing]

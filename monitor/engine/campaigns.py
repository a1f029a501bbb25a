"""Campaigns of one view: clients that act as one are asked about as one client.

Queries of different clients that belong together tie the clients (ties.py). A group of three or more has windows of its
own, in which its members' queries stand in the order of the log: first those that the ring still holds, then all that
come. Every detector is asked about them as about a client's, sub-streams included (decision 0016).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detectors.contract import Floats
from detectors.features import rhythm
from detectors.features.kinship import EXACT, ORDER, RING, ROOM, Links
from detectors.features.renaming import Renaming, key_of
from detectors.features.rhythm import MATES, Rhythm
from detectors.scoring.kinships import Meetings
from detectors.scoring.nesting import copied, inside, nested
from monitor.engine.bank import Bank
from monitor.engine.clock import advance
from monitor.engine.grouped import Context, Grouped, Roster, Turn
from monitor.engine.kinship import ORDERED, SECOND, Kinship
from monitor.engine.step import Shape, Step
from monitor.engine.stream import CHUNK, NO_MARKS, Judged, Marks
from monitor.engine.suspects import Suspects, Suspicion
from monitor.engine.ties import HALF, SMALLEST, WHOLE, Group, Ties

Arrays = Mapping[str, NDArray[Any]]
Ints = NDArray[np.int64]

REPLAYED: Final = 256  # queries of a group that are looked through again: its windows hold fewer
ANEW: Final = 1.5  # how much a group grows before its queries are looked through again


class Campaigns:
    """The groups of one view. Everything in here follows from the queries, one by one, however they were cut."""

    def __init__(self, model: str, shape: Shape, tests: int, sketch: int) -> None:
        self.model = model
        self.kinship = Kinship(shape, sketch)
        self.rhythm = rhythm.rhythm()
        self.ties = Ties()
        self.suspected = Suspects()
        self._heard: dict[int, list[Suspicion]] = {}
        self.grouped = Grouped(shape, tests)
        self._names: dict[int, bytes] = {}
        self._clock, self._since = 0, 0
        self._clocks = np.empty(CHUNK, np.int64)
        self._mates = np.empty((CHUNK, MATES), np.int64)

    @property
    def nbytes(self) -> int:
        """Bytes of the ring, the index and the groups' windows."""
        return self.kinship.nbytes + self.grouped.nbytes + sum(array.nbytes for array in self.rhythm)

    def link(self, step: Step, keys: NDArray[np.uint64]) -> Links:
        """Put a step's queries (at most CHUNK) into the index; their links, in room that the next call overwrites."""
        clocks = self._clocks[: len(step)]
        self._clock = advance(self._clock, np.ascontiguousarray(step.events["time"]), clocks)
        self._since = self._since or int(clocks[0])
        rhythm.march(self.rhythm, self.kinship.number, keys, clocks // SECOND, self._mates)
        return self.kinship.feed(step, keys, clocks)

    def feed(
        self,
        step: Step,
        keys: NDArray[np.uint64],
        links: Links,
        said: Sequence[Suspicion],
        known: Ints,
        given: Context,
    ) -> Iterator[Judged]:
        """The blocks that groups complete with these queries, whose `links` are known; `said` is what their clients'
        own blocks have said.

        Looked at are those that are linked or of a group's member; in between nothing changes, and where something
        changes, what came before is judged first."""
        linked = (links.partner >= 0) | (self._mates[: len(step), 0] >= 0)
        self._heard = {}
        for one in said:
            self._heard.setdefault(one.at, []).append(one)
        linked[list(self._heard)] = True
        first, start, counted = self.kinship.number - len(step), 0, -1
        while start < len(step) and (self._names or linked[start:].any()):
            roster, version = self._roster(), self._version
            own = np.isin(keys[start:], np.fromiter(roster.home, np.uint64, len(roster.home)))
            at: list[int] = []
            group = None
            for i in (start + np.flatnonzero(linked[start:] | own)).tolist():
                if linked[i] and i > counted:
                    counted, group = i, self._bound(first + i, links, i)
                    if self._version != version:
                        break
                if own[i - start]:
                    at.append(i)
            yield from self._walk(step, at, first, known, roster, given)
            if self._version == version:
                return
            self._tidy()
            start = i
            if group is not None and len(group.members) >= ANEW * group.built:
                yield from self._again(group, int(step.index[i]), first + i, int(known[i]), given)
                start = i + 1

    @property
    def _version(self) -> int:
        """How often anything has changed that a roster holds."""
        return self.ties.version + self.suspected.version

    def _bound(self, number: int, links: Links, i: int) -> Group | None:
        """The group that a query makes or enlarges, by what it shares or by when it comes, if any."""
        clock = int(self._clocks[i])
        self.ties.expire(clock)
        group = self._tie(number, links, i) if links.partner[i] >= 0 else None
        for other in self._mates[i].tolist():
            if max(0, number - ROOM) <= other:  # of older queries the ring does not know whose they were
                group = self.ties.together(self._who(number), self._who(other), clock) or group
        for one in self._heard.get(i, ()):
            group = self._suspect(one, clock) or group
        return group

    def _suspect(self, said: Suspicion, clock: int) -> Group | None:
        """The group that a suspect makes or enlarges with those that are like it and in no other group."""
        group, kin = None, self.ties.kin
        for other, name in self.suspected.hear(said.key, said.of, self._since):
            homes = {kin[key].group for key in (said.key, other) if key in kin and kin[key].group}
            if len(homes) < 2:
                group = self.ties.together((said.key, said.of.name), (other, name), clock) or group
        return group

    def _who(self, number: int) -> tuple[int, bytes]:
        """The key and the pseudonym of the client who sent a query that the ring holds."""
        at = number % RING
        return int(self.kinship.clients[at]), bytes(self.kinship.names[at])

    def _tie(self, number: int, links: Links, i: int) -> Group | None:
        """Count a query's link; the group that it has made or enlarged, if any."""
        ring, other, clock = self.kinship, int(links.partner[i]), int(self._clocks[i])
        at, there = number % RING, other % RING
        units, channel = WHOLE if links.rare[i] else HALF, int(links.channel[i])
        one, two = self._who(number), self._who(other)
        if not self.ties.link(one, two, other, units, clock):
            return None
        ring.units[at] = units | (ORDERED if channel in (ORDER, EXACT) else 0)
        ring.held[there] = max(int(ring.held[there]), units)
        return self.ties.tie(one[0], two[0], channel, clock, lambda client: ring.share(client, number + 1))

    def _roster(self) -> Roster:
        """Who is in which group now, of those that are looked at."""
        home: dict[int, int] = {}
        members = {}
        for number in self._names:
            group = self.ties.groups[number]
            home.update(dict.fromkeys(group.members, number))
            members[number] = [(key, self.ties.kin[key].name) for key in group.members]
        together = frozenset(key for key in home if self.ties.kin[key].came)
        return Roster(home, self._names.copy(), members, together, self.suspected.named())

    def _tidy(self) -> None:
        """Forget groups that are no more, or too small."""
        for number in list(self._names):
            group = self.ties.groups.get(number)
            if group is None or len(group.members) < SMALLEST:
                del self._names[number]
                self.grouped.end(number)

    def _walk(
        self, step: Step, places: list[int], first: int, known: Ints, roster: Roster, given: Context
    ) -> Iterator[Judged]:
        """Members' queries go to their groups."""
        if not places:
            return
        at = np.array(places, np.int64)
        said = [self._turn(first + i, roster) for i in places]
        grouped = Step(
            index=step.index[at],
            clients=[roster.names[turn.group] for turn in said],
            groups=[b""] * len(said),
            events=step.events[at],
            exact=step.exact[at],
            sketches=step.sketches[at],
            sizes=step.sizes[at],
            offsets=step.offsets[at],
            trained=step.trained[at] if len(step.trained) else step.trained,
        )
        yield from self.grouped.ask(grouped, said, known[at], roster, given)

    def _turn(self, number: int, roster: Roster) -> Turn:
        at = number % RING
        client, units = int(self.kinship.clients[at]), int(self.kinship.units[at])
        return Turn(number, roster.home[client], client, units & ~ORDERED, units >= ORDERED)

    def _again(self, group: Group, index: int, number: int, known: int, given: Context) -> Iterator[Judged]:
        """Look through all that the ring still holds of a group's members, up to this query, as one client."""
        ring, group.built = self.kinship, len(group.members)
        name = self._names.setdefault(group.number, self._name(group))
        self.grouped.begin(group.number, name)
        numbers = ring.recent(number + 1, np.sort(np.array(group.members, np.uint64)))[-REPLAYED:]
        at, n, roster = numbers % RING, len(numbers), self._roster()
        replayed = Step(
            index=np.full(n, index),
            clients=[name] * n,
            groups=[b""] * n,
            events=ring.events[at],
            exact=ring.exact[at],
            sketches=ring.sketches[at],
            sizes=ring.sizes[at],
            offsets=ring.offsets[at],
            trained=ring.said(at),
        )
        said = [self._turn(one, roster) for one in numbers.tolist()]
        yield from self.grouped.ask(replayed, said, np.full(n, known), roster, given, again=True)

    def _name(self, group: Group) -> bytes:
        """A pseudonym from the model and the founding members."""
        founders = sorted(self.ties.kin[key].name for key in group.members)
        return blake2b(b"\0".join([self.model.encode(), *founders]), digest_size=16).digest()

    def learn(self, centre: Floats, lesson: Meetings) -> None:
        """Learn from trusted clients' queries what is rare."""
        self.kinship.learn(centre, lesson)

    def grow(self) -> None:
        """Make room for as many pairs of clients as the queries so far may need, at moments that follow from them."""
        self.rhythm = rhythm.grown(self.rhythm, self.kinship.number)

    def suspects(self, bank: Bank) -> dict[int, float]:
        """The most that any named test says of the group of each member, by key."""
        roster = self._roster()
        peaks = dict(zip(roster.names, self.grouped.suspects(bank, list(roster.names.values())), strict=True))
        return {key: peaks[number] for key, number in roster.home.items()}

    def rename(self, renaming: Renaming) -> None:
        """Give clients other names; groups keep theirs."""
        self.kinship.rename(renaming)
        rhythm.renamed(self.rhythm, renaming)
        self.ties.rename(renaming)
        self.suspected.rename(renaming)
        self.grouped.rename(renaming)

    def known(self) -> Iterator[bytes]:
        """The pseudonyms of all clients that are remembered here."""
        yield from (row.tobytes() for row in np.unique(self.kinship.names, axis=0))
        yield from (kin.name for kin in self.ties.kin.values())
        yield from self.suspected.known()

    def keys(self) -> NDArray[np.uint64]:
        """The keys of clients of which nothing else may be known here."""
        return np.concatenate([self.kinship.keys(), rhythm.known(self.rhythm)])

    def forget(self, client: bytes) -> None:
        """Erase a client."""
        key = key_of(client)
        kin = self.ties.kin.get(key)
        self.grouped.forget(key, self._names, 0 if kin is None else kin.group)
        self.ties.forget(key)
        self.suspected.forget(key)
        rhythm.forgotten(self.rhythm, key)
        self.kinship.forget(key)
        self._heard = {}
        self._tidy()

    def dump(self, marks: Marks = NO_MARKS) -> dict[str, NDArray[Any]]:
        """Everything, as arrays; of windows with a mark only what changed since."""
        names = {str(number): name.hex() for number, name in self._names.items()}
        return {
            "names": np.frombuffer(json.dumps(names).encode(), np.uint8),
            "clock": np.array([self._clock, self._since]),
            **nested("kinship", self.kinship.dump()),
            **nested("rhythm", copied(self.rhythm._asdict())),
            "suspected": self.suspected.dump(),
            **nested("ties", self.ties.dump()),
            **nested("grouped", self.grouped.dump(marks)),
        }

    def load(self, arrays: Arrays) -> None:
        """Take over what `dump` gave. ValueError where the shapes do not fit, KeyError where something is missing."""
        names = json.loads(arrays["names"].tobytes())
        self._names = {int(number): bytes.fromhex(name) for number, name in names.items()}
        self._clock, self._since = (int(number) for number in arrays["clock"])
        self.kinship.load(inside("kinship", arrays))
        own = inside("rhythm", arrays)
        self.rhythm = Rhythm(*(own[name].copy() for name in Rhythm._fields))
        self.suspected.load(arrays["suspected"])
        self.ties.load(inside("ties", arrays))
        self.grouped.load(inside("grouped", arrays))

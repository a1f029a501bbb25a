"""Groups of clients asked about as one client: windows of their own, and what the members share at each block."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.contract import Floats
from detectors.features import turns
from detectors.features.baseline import Baseline
from detectors.features.renaming import Renaming
from detectors.features.walk import Out
from detectors.scoring.nesting import inside, nested
from monitor.engine.bank import Bank
from monitor.engine.step import Shape, Step
from monitor.engine.stream import NO_MARKS, SUBSTREAMS, Judged, Marks, Stream, Walked, routed
from monitor.engine.ties import GROUPS, SMALLEST

Arrays = Mapping[str, NDArray[Any]]
Ints = NDArray[np.int64]

GROUPED: Final = 4  # the number of the stream of all of a group's queries
MOST: Final = 4 * GROUPS  # windows of groups
PART: Final = 0.25  # share of a member's latest queries that are linked, if it does not come together with others
TOLD: Final = 128  # latest queries of a group of which it is known who sent them and what they share


class Turn(NamedTuple):
    """A query of a group's member: its number, the group and the client, what its link counts (0: none), and whether
    that is in an order or an input that are shared."""

    number: int
    group: int
    client: int
    units: int
    ordered: bool


@dataclass(frozen=True, slots=True)
class Context:
    """What judging a group's blocks needs of its view; `floors` are those of the view's own streams."""

    baseline: Baseline
    sensitive: np.uint64
    bank: Bank
    usual: Mapping[str, float]
    floors: Sequence[Floats]


@dataclass(frozen=True, slots=True)
class Roster:
    """Who is in which group: the group of each client's key, each group's name, its members' keys and pseudonyms; and
    the keys of those who come together, and of those whom a test names by themselves."""

    home: dict[int, int]
    names: dict[int, bytes]
    members: dict[int, list[tuple[int, bytes]]]
    together: frozenset[int] = frozenset()
    named: frozenset[int] = frozenset()


class Grouped:
    """The streams of the groups of one view."""

    def __init__(self, shape: Shape, tests: int) -> None:
        self.streams = tuple(Stream(number, shape, MOST, tests) for number in (GROUPED, *SUBSTREAMS))
        self._rooms: tuple[Out, Out] | None = None
        self._turns: dict[int, list[Turn]] = {}

    @property
    def nbytes(self) -> int:
        """Bytes of the groups' windows."""
        return sum(stream.windows.nbytes for stream in self.streams)

    def begin(self, group: int, name: bytes) -> None:
        """Forget what was known of a group, which is about to be looked through again."""
        self._turns[group] = []
        for stream in self.streams:
            stream.windows.forget(name)

    def end(self, group: int) -> None:
        """Forget whose turn it was in a group that is no more; its windows leave when others need the room."""
        self._turns.pop(group, None)

    def ask(
        self, step: Step, said: Sequence[Turn], known: Ints, roster: Roster, given: Context, again: bool = False
    ) -> Iterator[Judged]:
        """Walk queries of groups (at most two chunks) through all streams, and judge the blocks that they complete.

        Where one group is looked through `again`, what its blocks say is said now, of all its queries so far."""
        for turn in said:
            self._turns[turn.group].append(turn)
        if self._rooms is None:
            self._rooms = self.streams[1].room(), self.streams[1].room()
        whole, part = self._rooms
        main = self.streams[0]
        walked = main.walk(step, given.baseline, given.sensitive, whole)
        if again:
            whole.heads[: len(step)] = main.windows.state.headers[main.windows.slots(step.clients[:1], [b""])]
        yield from self._judged(main, walked, step, said, known, roster, given)
        for stream in self.streams[1:]:
            sub, at = routed(step, whole, stream.number)
            if len(sub):
                walked = stream.walk(sub, given.baseline, given.sensitive, part)
                placed = replace(walked, at=at[walked.at].astype(np.int32))
                yield from self._judged(stream, placed, step, said, known, roster, given)
        for group in {turn.group for turn in said}:
            del self._turns[group][:-TOLD]

    def _judged(
        self,
        stream: Stream,
        walked: Walked,
        step: Step,
        said: Sequence[Turn],
        known: Ints,
        roster: Roster,
        given: Context,
    ) -> Iterator[Judged]:
        if not len(walked.at):
            return
        assert self._rooms is not None
        at, whole = walked.at.astype(np.int64), self._rooms[0]
        heads, names = whole.heads[at].copy(), [step.clients[i] for i in at.tolist()]
        blocks = stream.blocks(walked, heads, names)
        latest = [self._until(said[i]) for i in at.tolist()]
        shared = np.array([shared_by(own, roster) for own in latest])
        columns = {name: shared[:, j] for j, name in enumerate(turns.NAMES)}
        blocks = replace(blocks, features={**blocks.features, **columns})
        members = [active(own, roster) for own in latest]
        heard = turns.coordinated(shared) & (np.array([len(one) for one in members]) >= SMALLEST)
        floors = given.floors[self.streams.index(stream)]
        running = stream.strengths(walked, blocks, given.bank, floors) * heard[:, None]
        yield Judged(
            index=step.index[at],
            clients=names,
            groups=[b""] * len(at),
            heads=heads,
            classes=whole.classes[at].copy(),
            classes_known=known[at],
            blocks=blocks,
            running=running,
            floors=floors,
            bank=given.bank,
            usual=given.usual,
            members=members,
        )

    def _until(self, last: Turn) -> list[Turn]:
        """The latest turns of a group as of one query."""
        return [turn for turn in self._turns[last.group] if turn.number <= last.number][-TOLD:]

    def suspects(self, bank: Bank, names: Sequence[bytes]) -> list[float]:
        """The most that any named test says of each of these groups since it was looked through, (n,)."""
        return [max(stream.windows.strongest(name, ~bank.learnt) for stream in self.streams) for name in names]

    def rename(self, renaming: Renaming) -> None:
        """Give members other names."""
        self._turns = {
            group: [turn._replace(client=renaming.key(turn.client)) for turn in own]
            for group, own in self._turns.items()
        }

    def forget(self, client: int, names: Mapping[int, bytes], home: int) -> None:
        """Erase a member (a key), which is in the group `home` now (0: in none). What its groups (`names`, by number)
        sent together is forgotten with it: in their windows nobody knows whose a query was."""
        for group, own in self._turns.items():
            if group == home or any(turn.client == client for turn in own):
                self._turns[group] = [turn for turn in own if turn.client != client]
                for stream in self.streams:
                    stream.windows.forget(names[group])

    def dump(self, marks: Marks = NO_MARKS) -> dict[str, NDArray[Any]]:
        """Everything, as arrays; of windows with a mark only what changed since."""
        said = [turn for own in self._turns.values() for turn in own]
        return {
            "turns": np.array([(*turn[:2], *turn[3:]) for turn in said], np.int64).reshape(-1, 4),
            "clients": np.array([turn.client for turn in said], np.uint64),
            "groups": np.array(list(self._turns), np.int64),
            **{
                name: array
                for stream in self.streams
                for name, array in nested(f"windows{stream.number}", stream.dump(marks)).items()
            },
        }

    def load(self, arrays: Arrays) -> None:
        """Take over what `dump` gave. ValueError where the shapes do not fit, KeyError where something is missing."""
        self._turns = {int(group): [] for group in arrays["groups"]}
        clients = arrays["clients"].tolist()
        for (number, group, units, ordered), client in zip(arrays["turns"].tolist(), clients, strict=True):
            self._turns[group].append(Turn(number, group, client, units, bool(ordered)))
        for stream in self.streams:
            stream.windows.load(inside(f"windows{stream.number}", arrays))


def active(own: Sequence[Turn], roster: Roster) -> tuple[bytes, ...]:
    """The members who take part in the latest turns of a group: of one that has grown over hours others may be long
    gone, and whoever shares a query now and then, among many others, is no part of it."""
    sent: Counter[int] = Counter()
    shared: Counter[int] = Counter()
    for turn in own:
        sent[turn.client] += 1
        shared[turn.client] += turn.units > 0 or turn.client in roster.together
    taking = {client for client, asked in sent.items() if shared[client] >= PART * asked}
    return tuple(name for client, name in roster.members[own[-1].group] if client in taking)


def shared_by(own: Sequence[Turn], roster: Roster) -> list[float]:
    """What the members of a group share in its latest turns."""
    clients = np.array([turn.client for turn in own], np.uint64)
    units = np.array([turn.units for turn in own], np.int64)
    ordered = np.array([turn.ordered for turn in own], np.bool_)
    came = np.array([turn.client in roster.together for turn in own], np.bool_)
    named = np.array([turn.client in roster.named for turn in own], np.bool_)
    return turns.shares(clients, units, ordered, came, named)

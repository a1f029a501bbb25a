"""Ties between the clients of one model, and the groups that they make: union by evidence, bounded and expiring.

Two clients are tied when several queries of each belong to queries of the other. What is compared is what they have in
common with each other and with all others: whoever asks much meets everybody once in a while, and is tied to nobody.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detectors.features.kinship import COLUMNS
from detectors.features.renaming import Renaming
from monitor.engine.clock import MINUTE

KIN: Final = 8_192  # clients of which ties are known
PAIRS: Final = 32_768  # pairs of clients that have met
GROUPS: Final = 256
MEMBERS: Final = 512  # of one group
QUIET: Final = 6 * 60 * MINUTE  # ties without a new link for so long are forgotten,
REST: Final = 24 * 60 * MINUTE  # and groups: accounts sleep as their owner does
ALIKE: Final = 60 * MINUTE  # pairs that sweep the same column within so long are of one group
SMALLEST: Final = 3  # members of a group that is looked at
PARTNERS: Final = 32  # queries to which a client was linked lately; each counts once

# decision 0016: chosen on recorded scenes so that no honest client stood in a group with attackers
WHOLE, HALF = 5, 2  # what a link counts: in a channel that is rare among honest clients, and in any other one
NEED: Final = 6  # units between two clients, or between a client and a group
SHARE: Final = 0.5  # units per query of each of the two clients
OWN: Final = 0.04  # share of all its units that a client must have with the other one,
OWN_GROUP: Final = 0.15  # or with the group
SWEPT: Final = 15  # units in one column from which pairs may be joined by it


@dataclass(slots=True)
class Kin:
    """A client with links: its pseudonym, its units with all others, when it last had one, its group (0: none), and
    when it last came together with others (0: never)."""

    name: bytes
    units: int = 0
    last: int = 0
    group: int = 0
    partners: list[int] = field(default_factory=list)
    came: int = 0


@dataclass(slots=True)
class Group:
    """Clients that are tied, in the order in which they came; when they last had a link between them."""

    number: int
    members: list[int]
    last: int
    built: int = 0  # members when its queries were last looked through


Share = Callable[[int], float]


class Ties:
    """All ties of one model. What is forgotten for want of room is counted in `dropped`."""

    def __init__(self) -> None:
        self.kin: OrderedDict[int, Kin] = OrderedDict()
        self.groups: OrderedDict[int, Group] = OrderedDict()
        self._pairs: OrderedDict[tuple[int, int], list[int]] = OrderedDict()  # units, clock
        self._sweeps: dict[int, int] = {}  # column: the group that swept it last
        self._made = 0
        self.dropped = 0
        self.version = 0  # how often a group has changed, or how a client is tied to others

    def expire(self, clock: int) -> None:
        """Let go of groups that were quiet for long, oldest first."""
        while self.groups:
            group = next(iter(self.groups.values()))
            if clock - group.last < REST:
                return
            self._dissolve(group)

    def link(self, one: tuple[int, bytes], other: tuple[int, bytes], query: int, worth: int, clock: int) -> bool:
        """Count a link of a client to another one's query; False where this query has counted for it already."""
        kin, partner = self._kin(*one, clock), self._kin(*other, clock)
        if query in kin.partners:
            return False
        kin.partners = [*kin.partners[1 - PARTNERS :], query]
        kin.units += worth
        partner.units += worth
        pair = self._pair(one[0], other[0], clock)
        pair[0] += worth
        if kin.group and kin.group == partner.group:
            self._touch(self.groups[kin.group], clock)
        return True

    def tie(self, one: int, other: int, channel: int, clock: int, share: Share) -> Group | None:
        """The group that this link has made or enlarged; None where nothing changed. `share` says how many units a
        client has for each of its queries."""
        a, b = self.kin[one], self.kin[other]
        if a.group and a.group == b.group:
            group = self.groups[a.group]
            return self._paired(group, one, other, channel, clock) if len(group.members) == 2 else None
        if not self._enough(one, other) or min(share(one), share(other)) < SHARE:
            return None
        if self._size(one) + self._size(other) > MEMBERS:
            self.dropped += 1
            return None
        group = self._join(self._own(one, clock), self._own(other, clock), clock)
        return self._paired(group, one, other, channel, clock)

    def together(self, one: tuple[int, bytes], other: tuple[int, bytes], clock: int) -> Group | None:
        """The group that two clients make or enlarge who came together once too often; None where nothing changed."""
        a, b = self._kin(*one, clock), self._kin(*other, clock)
        self.version += not (a.came and b.came)
        a.came = b.came = clock
        if a.group and a.group == b.group:
            self._touch(self.groups[a.group], clock)
            return None
        if self._size(one[0]) + self._size(other[0]) > MEMBERS:
            self.dropped += 1
            return None
        group = self._join(self._own(one[0], clock), self._own(other[0], clock), clock)
        return group if len(group.members) >= SMALLEST else None

    def _paired(self, group: Group, one: int, other: int, channel: int, clock: int) -> Group | None:
        """The group, with others that sweep the same column if these two do; None while it is too small."""
        if channel < COLUMNS and self._pairs[pair_of(one, other)][0] >= SWEPT:
            group = self._swept(group, channel, clock)
        return group if len(group.members) >= SMALLEST else None

    def _enough(self, one: int, other: int) -> bool:
        """Whether two clients, or a client and the other one's group, have enough in common beside what they have with
        everybody else: both clients where neither is in a group, otherwise one that is tied to the other's group."""
        a, b = self.kin[one], self.kin[other]
        there = self._with(one, b.group, other) >= self._need(a, b.group)
        back = self._with(other, a.group, one) >= self._need(b, a.group)
        if a.group and b.group:
            return there or back
        return there if b.group else back if a.group else there and back

    def _need(self, kin: Kin, group: int) -> float:
        return max(NEED, (OWN_GROUP if group else OWN) * kin.units)

    def _with(self, key: int, group: int, other: int) -> int:
        """Units of a client with a client and its group."""
        others: Iterable[int] = self.groups[group].members if group else (other,)
        return sum(self._pairs.get(pair_of(key, member), (0, 0))[0] for member in others if member != key)

    def _swept(self, group: Group, column: int, clock: int) -> Group:
        """Pairs of accounts that take turns at sweeps of the same rare column at the same time are one group, though
        every sweep of two values stays within its pair."""
        other = self.groups.get(self._sweeps.get(column, 0))
        self._sweeps[column] = group.number
        if other is None or other is group or clock - other.last > ALIKE:
            return group
        if len(group.members) + len(other.members) > MEMBERS:
            self.dropped += 1
            return group
        joined = self._join(other, group, clock)
        self._sweeps[column] = joined.number
        return joined

    def _join(self, a: Group, b: Group, clock: int) -> Group:
        """One group of two; the larger one stays, the older of equal ones."""
        if (len(b.members), -b.number) > (len(a.members), -a.number):
            a, b = b, a
        for key in b.members:
            self.kin[key].group = a.number
        a.members += b.members
        self.version += 1
        del self.groups[b.number]
        self._touch(a, clock)
        return a

    def _own(self, key: int, clock: int) -> Group:
        """The client's group, or one of its own."""
        kin = self.kin[key]
        if not kin.group:
            self._made += 1
            kin.group = self._made
            self.groups[self._made] = Group(self._made, [key], clock)
            if len(self.groups) > GROUPS:
                self.dropped += 1
                self._dissolve(next(iter(self.groups.values())))
        return self.groups[kin.group]

    def _size(self, key: int) -> int:
        group = self.kin[key].group
        return len(self.groups[group].members) if group else 1

    def _touch(self, group: Group, clock: int) -> None:
        group.last = clock
        self.groups.move_to_end(group.number)

    def _dissolve(self, group: Group) -> None:
        for key in group.members:
            self.kin[key].group = 0
        del self.groups[group.number]
        self.version += 1

    def _kin(self, key: int, name: bytes, clock: int) -> Kin:
        kin = self.kin.get(key)
        if kin is None or (clock - kin.last > QUIET and not kin.group):
            kin = self.kin[key] = Kin(name)
        kin.last = clock
        self.kin.move_to_end(key)
        if len(self.kin) > KIN:
            self._forget(*self.kin.popitem(last=False))
        return kin

    def _forget(self, key: int, kin: Kin) -> None:
        self.dropped += 1
        if kin.group:
            group = self.groups[kin.group]
            group.members.remove(key)
            self.version += 1
            if not group.members:
                del self.groups[group.number]

    def _pair(self, one: int, other: int, clock: int) -> list[int]:
        key = pair_of(one, other)
        pair = self._pairs.get(key)
        if pair is None or clock - pair[1] > QUIET:
            pair = self._pairs[key] = [0, clock]
        pair[1] = clock
        self._pairs.move_to_end(key)
        if len(self._pairs) > PAIRS:
            self._pairs.popitem(last=False)
            self.dropped += 1
        return pair

    def rename(self, renaming: Renaming) -> None:
        """Give clients other names."""
        for kin in self.kin.values():
            kin.name = renaming.name(kin.name)
        self.kin = OrderedDict((renaming.key(key), kin) for key, kin in self.kin.items())
        for group in self.groups.values():
            group.members = [renaming.key(key) for key in group.members]
        pairs = ((pair_of(renaming.key(one), renaming.key(other)), pair) for (one, other), pair in self._pairs.items())
        self._pairs = OrderedDict(pairs)

    def forget(self, client: int) -> None:
        """Erase a client (a key) and what ties it."""
        kin = self.kin.pop(client, None)
        if kin is not None:
            self._forget(client, kin)
        self._pairs = OrderedDict((pair, units) for pair, units in self._pairs.items() if client not in pair)

    def dump(self) -> dict[str, NDArray[Any]]:
        """Everything, as bytes in an array."""
        tree = {
            "kin": [[key, k.name.hex(), k.units, k.last, k.group, k.partners, k.came] for key, k in self.kin.items()],
            "groups": [[g.number, g.members, g.last, g.built] for g in self.groups.values()],
            "pairs": [[*key, *pair] for key, pair in self._pairs.items()],
            "sweeps": list(self._sweeps.items()),
            "numbers": [self._made, self.dropped, self.version],
        }
        return {"ties": np.frombuffer(json.dumps(tree).encode(), np.uint8)}

    def load(self, arrays: dict[str, NDArray[Any]]) -> None:
        """Take over what `dump` gave. ValueError, TypeError or KeyError where it is something else."""
        tree = json.loads(arrays["ties"].tobytes())
        self.kin.update((key, Kin(bytes.fromhex(name), *rest)) for key, name, *rest in tree["kin"])
        self.groups.update((group[0], Group(*group)) for group in tree["groups"])
        self._pairs.update(((one, other), pair) for one, other, *pair in tree["pairs"])
        self._sweeps = dict(tree["sweeps"])
        self._made, self.dropped, self.version = tree["numbers"]


def pair_of(one: int, other: int) -> tuple[int, int]:
    """The pair of two clients, whichever comes first."""
    return (one, other) if one < other else (other, one)

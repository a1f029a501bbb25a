"""New kinds of traffic: one finding for each kind and model, whose members grow, and kinds the operator has named."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from math import log
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detectors.contract import Blocks
from detectors.features.renaming import Renaming
from detectors.scoring.kinds import RADIUS, Place, apart, code, mark_of, place, read
from monitor.config.engine import EngineSettings
from monitor.engine.bank import Bank

KINDS: Final = 64  # kinds of one model that are remembered; the least recently heard leave, and are counted
MEMBERS: Final = 256  # clients of a kind that are known by name; the others are counted
CELLS: Final = 4_096  # of the map by which they are counted
STEP: Final = 1.5  # a finding tells of its members each time that they have become so many times as many


def place_of(bank: Bank, blocks: Blocks, row: int) -> Place:
    """Where one block's traffic lies."""
    names = bank.looks(blocks.kind)
    return place(blocks.kind, names, np.array([blocks.feature(name)[row] for name in names]))


@dataclass(frozen=True, slots=True)
class Profiles:
    """The kinds that the operator has named, by model."""

    known: Mapping[str, tuple[tuple[str, Place], ...]]

    @classmethod
    def of(cls, settings: EngineSettings, bank: Bank) -> Profiles:
        """From the settings. ValueError, with the name of the profile, where a code does not fit this program."""
        found = {}
        for model, own in settings.known.items():
            found[model] = tuple((name, read(written)) for name, written in own.profiles.items())
            for name, at in found[model]:
                if at.mark != mark_of(bank.looks(at.kind)):
                    raise ValueError(f"{model}, profile {name!r}: made by a version that looks at other features")
        return cls(found)

    def near(self, model: str, at: Place) -> str | None:
        """The nearest profile of which the place is one; None where there is none."""
        lie = [(apart(of, at), name) for name, of in self.known.get(model, ())]
        return min((distance, name) for distance, name in lie)[1] if lie and min(lie)[0] <= RADIUS else None


@dataclass(slots=True)
class Kind:
    """One kind of a model: its leader, who sent it first and since (at most MEMBERS by name), and a map of them all."""

    leader: Place
    members: dict[bytes, None] = field(default_factory=dict)
    cells: int = 0

    @property
    def key(self) -> bytes:
        """Stands where a client stands in the identity of a finding, 16 bytes."""
        return blake2b(code(self.leader).encode(), digest_size=16).digest()

    @property
    def clients(self) -> int:
        """How many clients: exactly while all are known by name, then by linear counting (Whang, Vander-Zanden and
        Taylor, ACM TODS 1990), a few per cent off up to ten thousand."""
        if len(self.members) < MEMBERS:
            return len(self.members)
        empty = max(CELLS - self.cells.bit_count(), 1)
        return max(MEMBERS, round(-CELLS * log(empty / CELLS)))

    def take(self, client: bytes) -> None:
        """Count a client, and keep its name while there is room."""
        self.cells |= 1 << int.from_bytes(client[:8], "little") % CELLS
        if len(self.members) < MEMBERS:
            self.members[client] = None


class Kinds:
    """The kinds of one partition, by model; at most KINDS of each, `forgotten` counts those that had to leave."""

    def __init__(self) -> None:
        self._known: dict[str, OrderedDict[str, Kind]] = {}
        self.forgotten = 0

    def take(self, model: str, client: bytes, at: Place) -> Kind:
        """The kind of a client's novel traffic, which it now belongs to: the one it is in, the nearest, or a new one.

        Leader clustering, in the order of the log. A client that has a kind stays in it: its later blocks differ from
        its first ones more than two clients of a kind do from each other.
        """
        known = self._known.setdefault(model, OrderedDict())
        own = next((name for name, kind in known.items() if client in kind.members), None)
        name = own or self._nearest(known, at)
        if name is None:
            name = code(at)
            known[name] = Kind(at)
            if len(known) > KINDS:
                known.popitem(last=False)
                self.forgotten += 1
        known.move_to_end(name)
        known[name].take(client)
        return known[name]

    def _nearest(self, known: Mapping[str, Kind], at: Place) -> str | None:
        lie = [(apart(kind.leader, at), name) for name, kind in known.items()]
        distance, name = min(lie, default=(float("inf"), ""))
        return name if distance <= RADIUS else None

    def rename(self, renaming: Renaming) -> None:
        """Give clients other names. Those that are only counted stay counted."""
        for kind in self._all():
            kind.members = {renaming.name(who): None for who in kind.members}

    def forget(self, client: bytes) -> None:
        """Erase a client; of a kind that it sent alone nothing is left."""
        for model, known in self._known.items():
            for kind in known.values():
                kind.members.pop(client, None)
            left = ((name, kind) for name, kind in known.items() if kind.members)
            self._known[model] = OrderedDict(left)

    def known(self) -> list[bytes]:
        """The clients that are known by name."""
        return [who for kind in self._all() for who in kind.members]

    def _all(self) -> list[Kind]:
        return [kind for known in self._known.values() for kind in known.values()]

    def dump(self) -> dict[str, NDArray[Any]]:
        """All kinds, as bytes in an array."""
        tree = {
            model: [[name, [who.hex() for who in kind.members], f"{kind.cells:x}"] for name, kind in known.items()]
            for model, known in self._known.items()
        }
        return {"known": np.frombuffer(json.dumps(tree).encode(), np.uint8), "forgotten": np.array([self.forgotten])}

    def load(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take over what `dump` gave. ValueError, TypeError or KeyError where it is something else."""
        for model, known in json.loads(arrays["known"].tobytes()).items():
            self._known[model] = OrderedDict(
                (name, Kind(read(name), {bytes.fromhex(who): None for who in members}, int(cells, 16)))
                for name, members, cells in known
            )
        self.forgotten = int(arrays["forgotten"][0])


def rung(clients: int) -> int:
    """The step of a ladder, each as many times higher as STEP says, up to which a number of clients reaches.

    >>> [rung(clients) for clients in (1, 2, 3, 4, 5, 8)]
    [0, 1, 2, 3, 3, 5]
    """
    return int(log(clients) / log(STEP))

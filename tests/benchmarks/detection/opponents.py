"""Published detectors on the same scenes, beside the product: read from what `python -m rivals` keeps.

rivals-SCENE.json is a list of {"rival", "setting": "published" or "recalibrated", "attacks": {kind: {"clients",
"found", "median", "p90"}}, "honest": {kind: {"clients", "flagged"}}}. A recalibrated rival flags as many honest clients
of the learning days as the product does: that is what "at equal false findings" means here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson
from intervals import Share
from scorecard import Card

RECALIBRATED: Final = "recalibrated"


@dataclass(slots=True)
class Counts:
    """Of one kind: clients, those found or flagged, and the median of queries to it in each scene where some were."""

    clients: int = 0
    found: int = 0
    medians: list[float] = field(default_factory=list)

    @property
    def share(self) -> Share:
        """Found, of all."""
        return Share(self.found, self.clients)

    @property
    def median(self) -> float | None:
        """The largest of the scenes' medians; None where nobody was found."""
        return max(self.medians, default=None)


@dataclass(slots=True)
class Rival:
    """A detector with one setting, over some scenes: its attacks and its honest clients by kind."""

    name: str
    setting: str
    attacks: dict[str, Counts] = field(default_factory=dict)
    honest: dict[str, Counts] = field(default_factory=dict)

    @property
    def flagged(self) -> Share:
        """Honest clients that it names."""
        of = self.honest.values()
        return Share(sum(one.found for one in of), sum(one.clients for one in of))

    @property
    def found(self) -> Share:
        """Attackers that it names."""
        of = self.attacks.values()
        return Share(sum(one.found for one in of), sum(one.clients for one in of))


@dataclass(frozen=True, slots=True)
class Duel:
    """One kind of attack: the product's share found and median, and those of its best rival at equal false findings."""

    kind: str
    ours: Share
    median: float | None
    rival: str
    theirs: Share
    their_median: float | None

    @property
    def won(self) -> bool:
        """More found, or as many and as soon."""
        ours, theirs = self.ours.value or 0.0, self.theirs.value or 0.0
        if ours != theirs or not theirs:
            return ours >= theirs
        return self.median is not None and self.median <= (self.their_median or self.median)


def rivals(folder: Path, scenes: Iterable[str]) -> list[Rival]:
    """The rivals of these scenes, as far as they have been played; none where no file is there. ValueError or KeyError
    where a file holds something else."""
    known: dict[tuple[str, str], Rival] = {}
    for scene in scenes:
        file = folder / f"rivals-{scene}.json"
        for tree in orjson.loads(file.read_bytes()) if file.is_file() else ():
            one = known.setdefault((tree["rival"], tree["setting"]), Rival(tree["rival"], tree["setting"]))
            _add(one.attacks, tree["attacks"], "found")
            _add(one.honest, tree["honest"], "flagged")
    return [known[key] for key in sorted(known)]


def _add(into: dict[str, Counts], kinds: Mapping[str, Mapping[str, Any]], what: str) -> None:
    for kind, of in kinds.items():
        counts = into.setdefault(kind, Counts())
        counts.clients += of["clients"]
        counts.found += of[what]
        if of.get("median") is not None:
            counts.medians.append(float(of["median"]))


def duels(card: Card, against: Sequence[Rival]) -> list[Duel]:
    """The product against the best recalibrated rival of each kind of attack."""
    fair = [rival for rival in against if rival.setting == RECALIBRATED]
    found = []
    for row in card.attacks:
        kind = row.name[1]
        there = [(rival, rival.attacks[kind]) for rival in fair if kind in rival.attacks]
        if there:
            best, counts = max(there, key=lambda pair: _strength(pair[1]))
            median = row.queries[0] if row.queries else None
            found.append(Duel(kind, row.share("found"), median, best.name, counts.share, counts.median))
    return found


def _strength(counts: Counts) -> tuple[float, float]:
    return counts.share.value or 0.0, -(counts.median or float("inf"))

"""Which findings are kept back from sinks, and why: silences with a start and an end, and kinds of traffic with a name.

A finding that is kept back was computed like any other, and stays in the outbox. Times are those of the records, as a
finding has them (`updated_at`): the same log under the same silences keeps the same findings back, however late it is
read (decision 0023).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from detectors.scoring.kinds import RADIUS, Place, apart, read
from monitor.alerts.finding import Finding

KIND: Final = "kind"  # the label of a finding about a kind of traffic: its code
SILENCE, PROFILE = "silence", "profile"


@dataclass(frozen=True, slots=True)
class Matchers:
    """What a finding has to be to be kept back: everything that is given has to fit. Clients and groups are pseudonyms;
    `campaign` is the id of a finding about several clients, and `members` are its clients."""

    client: str | None = None
    group: str | None = None
    family: str | None = None
    model: str | None = None
    campaign: str | None = None
    members: tuple[str, ...] = ()

    @property
    def given(self) -> dict[str, str]:
        """What is asked for, by name."""
        found = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "members"}
        return {name: value for name, value in found.items() if value is not None}

    def misses(self, finding: Finding) -> Iterator[str]:
        """The names of those that do not fit."""
        who = (finding.client,) if finding.client is not None else finding.members
        if self.client is not None and set(who) != {self.client}:  # other members of a group are told of
            yield "client"
        if self.campaign not in (None, finding.finding) and not (who and set(who) <= set(self.members)):
            yield "campaign"
        for name in ("group", "family", "model"):
            if getattr(self, name) not in (None, getattr(finding, name)):
                yield name


@dataclass(frozen=True, slots=True)
class Silence:
    """Findings that fit, between start and end (microseconds since 1970), with who wished it and why. `key_epoch` names
    the key that made its pseudonyms."""

    id: str
    matchers: Matchers
    start: int
    end: int
    reason: str
    author: str
    made: int
    key_epoch: str = ""

    def misses(self, finding: Finding) -> list[str]:
        """Why a finding does not fit: names of matchers, or `time`; empty where it does."""
        inside = self.start <= finding.updated_at < self.end
        return [*self.matchers.misses(finding), *([] if inside else ["time"])]

    def state(self, now: int) -> str:
        """`planned`, `active` or `over`, by the clock on the wall."""
        return "planned" if now < self.start else "active" if now < self.end else "over"

    @classmethod
    def of(cls, tree: Mapping[str, Any]) -> Silence:
        """The silence that `dataclasses.asdict` was given."""
        matchers = tree["matchers"]
        return cls(**{**tree, "matchers": Matchers(**{**matchers, "members": tuple(matchers["members"])})})


@dataclass(frozen=True, slots=True)
class Named:
    """A kind of traffic that the operator knows: its model, its name, and the code of its place."""

    model: str
    name: str
    code: str
    author: str
    made: int
    reason: str


@dataclass(frozen=True, slots=True)
class Rules:
    """All that keeps findings back."""

    silences: tuple[Silence, ...] = ()
    kinds: tuple[Named, ...] = ()

    def why(self, finding: Finding) -> str | None:
        """What keeps it back: `silence:ID`, `profile:NAME`, or None where it goes to the sinks."""
        for silence in self.silences:
            if not silence.misses(finding):
                return f"{SILENCE}:{silence.id}"
        if finding.tier == "novelty" and KIND in finding.labels:
            named = near(self.kinds, finding.model, finding.labels[KIND])
            return None if named is None else f"{PROFILE}:{named.name}"
        return None


def near(kinds: Iterable[Named], model: str, code: str) -> Named | None:
    """The nearest named kind of that model of which a place is one; None where there is none."""
    at = _place(code)
    lie = [(apart(of, at), one) for one in kinds if one.model == model and at and (of := _place(one.code))]
    distance, found = min(lie, key=lambda pair: pair[0], default=(float("inf"), None))
    return found if distance <= RADIUS else None


def _place(code: str) -> Place | None:
    """Where a kind lies; None for a code of a version that looked at other features."""
    try:
        return read(code)
    except ValueError:
        return None

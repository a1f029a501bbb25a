"""A finding and its revisions: this client, this model, this attack family, this episode."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Any, Final, Literal

Status = Literal["open", "updated", "closed"]
Tier = Literal["named", "novelty", "operations"]
Severity = Literal["low", "medium", "high", "critical"]
RANKS: Final[tuple[Severity, ...]] = ("low", "medium", "high", "critical")
TEST: Final = "test"  # label of a finding that is none; its value says who made it
Event = Literal["seen", "halfway", "named", "joined", "grew", "quiet"]


@dataclass(frozen=True, slots=True)
class Contribution:
    """One number behind a piece of evidence: what it is, what is usual for this model (None: not known yet), and how
    far it carries the test, from 0 (as honest clients) to 1 (as the attack)."""

    feature: str
    value: float
    usual: float | None
    share: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one test of a detector says of the client: strength 0 to 1, its e-value, and the numbers behind it."""

    detector: str
    test: str
    family: str
    strength: float
    evalue: float
    contributions: tuple[Contribution, ...]


@dataclass(frozen=True, slots=True)
class Exposure:
    """What the client may have got so far, counted over all of its queries; the bits are an estimate.

    `sweeps` are records of which one column was asked with every value that the model had seen in it by then (rows
    alone, from a model's 257th query on); `trained` are different inputs that the model was trained on (with training
    fingerprints alone). Both stay at 65,535."""

    queries: int
    answered: int
    output_bits: float
    distinct_inputs: int
    classes_seen: int
    classes_known: int
    sweeps: int = 0
    trained: int = 0


@dataclass(frozen=True, slots=True)
class Point:
    """A moment in the life of a finding: its event time (microseconds since 1970), what happened, and the severity
    from then on (None before the finding opened)."""

    at: int
    event: Event
    severity: Severity | None = None


@dataclass(frozen=True, slots=True)
class Lineage:
    """Where the finding comes from, so that it can be made again: positions in the log and what computed it."""

    topic: str
    partition: int
    first_offset: int
    last_offset: int
    detector_version: str
    config_hash: str
    key_epochs: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One revision of a finding. Times are event time in microseconds since 1970.

    Identity (model, client, family, episode) makes `finding`; evidence grows in revisions under it. `client` is a
    pseudonym in text form; `members` are those of a campaign. `queries` counts the client's queries of that model
    when the finding first opened. `risk` is 0 to 100. `budget` is the e-value that had to be beaten. `change` says in
    a sentence what is new since the revision before, or why the finding was closed; `timeline` is in order.
    """

    finding: str
    revision: int
    status: Status
    tier: Tier
    family: str
    model: str
    client: str | None
    members: tuple[str, ...] = ()
    group: str | None = None
    severity: Severity
    risk: float
    evalue: float
    budget: float
    started: int
    raised_at: int
    updated_at: int
    queries: int
    title: str
    reason: str
    change: str = ""
    timeline: tuple[Point, ...] = ()
    evidence: tuple[Evidence, ...]
    profile: str | None
    exposure: Exposure
    response: tuple[str, ...]
    lineage: Lineage
    labels: dict[str, str] = field(default_factory=dict)

    @property
    def is_test(self) -> bool:
        """Whether it only tries the way to people: every form says so first, and nothing counts it."""
        return TEST in self.labels

    @property
    def id(self) -> str:
        """Names this revision for ever: the same log gives the same id, and a second delivery is no second alert."""
        return f"{self.finding}-{self.revision:04d}"


def marked(finding: Finding, by: str) -> Finding:
    """The finding as a test; `by` says what made it."""
    return replace(finding, title=f"TEST: {finding.title}", labels=finding.labels | {TEST: by})


def finding_id(tenant: str, model: str, client: str, family: str, episode: int) -> str:
    """32 hexadecimal digits from the identity of a finding.

    >>> finding_id("default", "credit", "p7qm", "extraction", 1)
    '315684dd10357300b6fbae963a9dcb36'
    """
    identity = "\0".join((tenant, model, client, family, str(episode))).encode()
    return blake2b(identity, digest_size=16).hexdigest()


def rebuilt(tree: dict[str, Any]) -> Finding:
    """The finding that `dataclasses.asdict` was given; TypeError where fields are missing or unknown."""
    evidence = tuple(
        Evidence(**{**piece, "contributions": tuple(Contribution(**c) for c in piece["contributions"])})
        for piece in tree["evidence"]
    )
    lineage = Lineage(**{**tree["lineage"], "key_epochs": tuple(tree["lineage"]["key_epochs"])})
    parts = {"evidence": evidence, "lineage": lineage, "exposure": Exposure(**tree["exposure"])}
    timeline = tuple(Point(**point) for point in tree.get("timeline", ()))
    lists = {"members": tuple(tree["members"]), "response": tuple(tree["response"]), "timeline": timeline}
    return Finding(**{**tree, **parts, **lists})

"""A block in which something speaks: what is claimed of the client, how strongly, and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.contract import Blocks, Floats
from detectors.scoring.evidence import DECADES, SPEAKS, named_evidence, required_evalue
from detectors.scoring.kinds import Place
from detectors.scoring.tail import e_value
from monitor.alerts.finding import Contribution, Evidence, Exposure
from monitor.config.engine import EngineSettings
from monitor.engine.bank import Bank
from monitor.engine.clock import MINUTE
from monitor.engine.kinds import Profiles, place_of
from monitor.engine.stream import Judged

NOVELTY: Final = "novelty"
REPLAYS: Final = "property-inference"  # which regression tests of the model's owner are too, by content
DAY: Final = 24 * 60 * MINUTE

#: Pieces of evidence steal families from each other: a replay of mixed inputs is a replay, clusters of flips around
#: many bases are membership inference. Who stands first is named; the others stay in the finding as evidence.
PRECEDENCE: Final = (
    "property-inference",
    "attribute-inference",
    "membership-inference",
    "backdoor-probing",
    "inversion",
    "evasion",
    "extraction",
    "llm-leakage",
    "access",
    "cost",
    "campaign",
    NOVELTY,
)
LEADING: Final = 6  # contributions that a piece of evidence shows


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a block says of a client: families with their evidence, the one to be named first. `place` is where its
    traffic lies, for those that may be of a new kind; `labels` go into the finding as they are."""

    index: int
    model: str
    client: bytes
    group: bytes
    started: int
    first_offset: int
    last_offset: int
    queries: int
    evidence: tuple[Evidence, ...]
    profile: str | None
    exposure: Exposure
    members: tuple[bytes, ...] = ()
    place: Place | None = None
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def family(self) -> str:
        """The family to be named."""
        return self.evidence[0].family

    @property
    def evalue(self) -> float:
        """Of the family that is named."""
        return max(piece.evalue for piece in self.evidence if piece.family == self.family)


@dataclass(frozen=True, slots=True)
class Court:
    """Turns judged blocks into verdicts, by the operator's budgets."""

    bank: Bank
    settings: EngineSettings
    profiles: Profiles = field(default_factory=lambda: Profiles({}))

    @property
    def required(self) -> float:
        """E-value that a named test must reach."""
        return required_evalue(self.settings.budget)

    @property
    def rare(self) -> float:
        """P-value under which a client is novel."""
        return self.settings.novelty_budget / 1000

    def budget(self, family: str) -> float:
        """E-value that a finding of that family has to beat."""
        return float(e_value(np.array([self.rare]))[0]) if family == NOVELTY else self.required

    def verdicts(self, model: str, judged: Judged) -> Iterator[Verdict]:
        """The blocks in which a test beats its budget, in order."""
        evalues, speaks = self._heard(judged)
        for row in np.flatnonzero(speaks.any(axis=1)).tolist():
            tests = np.flatnonzero(speaks[row]).tolist()
            pieces = [self._evidence(judged, row, test, evalues[row, test]) for test in tests]
            novel = any(piece.family == NOVELTY for piece in pieces)
            at = place_of(judged.bank, judged.blocks, row) if novel or self.profiles.known.get(model) else None
            named = None if at is None else self.profiles.near(model, at)
            if named is not None:  # a kind that the operator knows is no news; what looks like an attack still is
                pieces = [piece for piece in pieces if piece.family != NOVELTY]
            if judged.clients[row] in self.bank.evaluators.get(model, ()):
                pieces = [piece for piece in pieces if piece.family != REPLAYS]
            if pieces:
                found = verdict(model, judged, row, by_precedence(pieces))
                yield replace(found, profile=named or found.profile, place=at)

    def _heard(self, judged: Judged) -> tuple[Floats, NDArray[np.bool_]]:
        """E-values (n, tests), and which of them beat their budgets."""
        learnt, running = judged.bank.learnt, judged.running
        evalues = named_evidence(running, judged.floors)
        speaks = (running >= np.maximum(judged.floors, SPEAKS)) & (evalues >= self.required)
        tests = judged.bank.asked(judged.blocks.kind) / days(judged)[:, None]
        rare = np.minimum(tests * 10.0 ** (-DECADES * running[:, learnt]), 1.0)
        evalues[:, learnt], speaks[:, learnt] = e_value(rare), rare < self.rare
        return evalues, speaks

    def at_once(self, blocks: Blocks) -> tuple[Evidence, ...]:
        """Evidence from a single block that needs no confirmation, because what it counts are repetitions already."""
        strengths = self.bank.score(blocks)
        evalues = named_evidence(strengths)
        speaks = np.flatnonzero((strengths[0] >= SPEAKS) & (evalues[0] >= self.required)).tolist()
        found = [evidence(self.bank, blocks, 0, test, strengths[0, test], evalues[0, test], {}) for test in speaks]
        return by_precedence(found)

    def _evidence(self, judged: Judged, row: int, test: int, evalue: float) -> Evidence:
        strength = judged.running[row, test]
        return evidence(judged.bank, judged.blocks, row, test, strength, evalue, judged.usual)


def days(judged: Judged) -> Floats:
    """Days for which each client has been in view, (n,): the budget is one for each of them, and a p-value is one for
    all that a client ever sends. No more of them count than it was looked at: at its 1st, 2nd, 4th ... block."""
    heads, counts = judged.heads, judged.blocks.counts
    looks = 1 if counts is None else 1 + np.floor(np.log2(np.maximum(counts, 1)))
    return np.asarray(np.minimum(1 + np.maximum(heads["last"] - heads["first"], 0) // DAY, looks), np.float64)


def evidence(
    bank: Bank, blocks: Blocks, row: int, test: int, strength: float, evalue: float, usual: Mapping[str, float]
) -> Evidence:
    """What one test says of one block, with the numbers behind it."""
    of = bank.tests[test]
    reasons = bank.reasons(blocks, row, test)
    leading = reasons[-LEADING:] if of.learnt else reasons[:LEADING]
    shown = tuple(
        Contribution(reason.feature, number(reason.value), known(usual, reason.feature), number(reason.share))
        for reason in leading
    )
    return Evidence(of.detector, of.name, of.family, number(min(strength, 1.0)), number(evalue), shown)


def by_precedence(pieces: Iterable[Evidence]) -> tuple[Evidence, ...]:
    """The family to be named first, and the strongest of its evidence first."""
    return tuple(sorted(pieces, key=lambda piece: (PRECEDENCE.index(piece.family), -piece.evalue)))


def verdict(model: str, judged: Judged, row: int, evidence: tuple[Evidence, ...]) -> Verdict:
    """The verdict on one block."""
    head = judged.heads[row]
    return Verdict(
        index=int(judged.index[row]),
        model=model,
        client=judged.clients[row],
        group=judged.groups[row],
        started=int(head["first"]),
        first_offset=int(head["first_offset"]),
        last_offset=int(head["last_offset"]),
        queries=int(head["count"]),
        evidence=evidence,
        profile=judged.bank.profile(judged.blocks, row) if judged.usual else None,  # small cells: view.py
        exposure=Exposure(
            queries=int(head["count"]),
            answered=int(head["answered"]),
            output_bits=number(head["bits"]),
            distinct_inputs=int(head["distinct"]),
            classes_seen=int(judged.classes[row]),
            classes_known=int(judged.classes_known[row]),
            sweeps=int(head["swept"]),
            trained=int(head["trained"]),
        ),
        members=judged.members[row] if judged.members else (),
    )


def known(usual: Mapping[str, float], feature: str) -> float | None:
    """The model's usual value of a feature; None where it is not known, or not a plain feature."""
    return number(usual[feature]) if feature in usual else None


def number(value: float) -> float:
    """Six significant digits: what is shown is what is compared, on every machine; never NaN."""
    plain = float(value)
    return 0.0 if np.isnan(plain) else float(f"{plain:.6g}")

"""A block in which something speaks: what is claimed of the client, how strongly, and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from detectors.contract import Blocks, Floats
from detectors.features.walk import FEATURES
from detectors.scoring.evidence import SPEAKS, named_evidence, required_evalue
from detectors.scoring.tail import e_value
from monitor.alerts.finding import Contribution, Evidence, Exposure
from monitor.config.engine import EngineSettings
from monitor.engine.bank import Bank
from monitor.engine.view import Judged, keys_of

NOVELTY: Final = "novelty"

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
    NOVELTY,
)
LEADING: Final = 6  # contributions that a piece of evidence shows


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a block says of a client: families with their evidence, the one to be named first."""

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
        """The blocks in which a named test or novelty beats its budget, in order."""
        evalues = named_evidence(judged.running, judged.floors)
        speaks = (judged.running >= np.maximum(judged.floors, SPEAKS)) & (evalues >= self.required)
        novel = judged.novelty < self.rare
        for row in np.flatnonzero(speaks.any(axis=1) | novel).tolist():
            named = [self._named(judged, row, test, evalues) for test in np.flatnonzero(speaks[row]).tolist()]
            strange = [self._novel(judged, row)] if novel[row] else []
            pieces = sorted(named + strange, key=lambda piece: (PRECEDENCE.index(piece.family), -piece.evalue))
            yield verdict(model, judged, row, tuple(pieces))

    def at_once(self, blocks: Blocks) -> tuple[Evidence, ...]:
        """Evidence from a single block that needs no confirmation, because what it counts are repetitions already."""
        strengths = self.bank.score(blocks)[0]
        evalues = named_evidence(strengths)
        found = []
        for test in np.flatnonzero((strengths >= SPEAKS) & (evalues >= self.required)).tolist():
            reasons = self.bank.reasons(blocks, 0, test)[:LEADING]
            shown = tuple(Contribution(r.feature, number(r.value), 0.0, number(r.share)) for r in reasons)
            of = self.bank.tests[test]
            strength = number(min(strengths[test], 1.0))
            found.append(Evidence(of.detector, of.name, of.family, strength, number(evalues[test]), shown))
        return tuple(sorted(found, key=lambda piece: (PRECEDENCE.index(piece.family), -piece.evalue)))

    def _named(self, judged: Judged, row: int, test: int, evalues: Floats) -> Evidence:
        reasons = self.bank.reasons(judged.blocks, row, test)
        shown = [
            Contribution(reason.feature, number(reason.value), usual(judged, reason.feature), number(reason.share))
            for reason in reasons[:LEADING]
        ]
        of = self.bank.tests[test]
        strength, evalue = number(min(judged.running[row, test], 1.0)), number(evalues[row, test])
        return Evidence(of.detector, of.name, of.family, strength, evalue, tuple(shown))

    def _novel(self, judged: Judged, row: int) -> Evidence:
        p = float(judged.novelty[row])
        near = judged.norms.nearest(judged.features[row], keys_of([judged.clients[row]])[0])
        departures = near[1] if near else []
        shown = [
            Contribution(name, number(judged.blocks.features[name][row]), number(usual), number(min(abs(z) / 6, 1)))
            for name, z, usual in departures
        ]
        strength = float(np.clip(-np.log10(max(p, 1e-12)) / 6, 0, 1))
        return Evidence(NOVELTY, "profiles", NOVELTY, number(strength), number(e_value(np.array([p]))[0]), tuple(shown))


def verdict(model: str, judged: Judged, row: int, evidence: tuple[Evidence, ...]) -> Verdict:
    """The verdict on one block."""
    head = judged.heads[row]
    near = judged.norms.nearest(judged.features[row], keys_of([judged.clients[row]])[0])
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
        profile=None if near is None else f"profile {near[0] + 1}",
        exposure=Exposure(
            queries=int(head["count"]),
            answered=int(head["answered"]),
            output_bits=number(head["bits"]),
            distinct_inputs=int(head["distinct"]),
            classes_seen=int(judged.classes[row]),
            classes_known=judged.classes_known,
        ),
    )


def usual(judged: Judged, feature: str) -> float | None:
    """The model's usual value of a feature; None where it is not known, or not a plain feature."""
    if feature not in FEATURES:
        return None
    value = float(judged.norms.usual[FEATURES.index(feature)])
    return None if np.isnan(value) else number(value)


def number(value: float) -> float:
    """Six significant digits: what is shown is what is compared, on every machine; never NaN."""
    plain = float(value)
    return 0.0 if np.isnan(plain) else float(f"{plain:.6g}")

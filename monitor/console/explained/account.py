"""What there is to tell of a finding, as plain values: from its trace where there is one, else from itself alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from detectors.scoring.evidence import STAKE
from detectors.scoring.gates import AllOf, Gate, Strength, WhereKnown
from detectors.scoring.named import NamedTests
from monitor.alerts.finding import Evidence, Finding
from monitor.alerts.words import measured, written
from monitor.console.explained.comparing import Compared
from monitor.console.explained.tracing import Block, Other, Test, Trace
from monitor.runtime.engines import detector_classes

FEWEST: Final = 8  # other clients of the same volume, below which those of any volume are taken
NUMBERS: Final = 16  # features that are told
DEPARTURES: Final = 3  # from the nearest profile that are told
TESTS: Final = 4  # tests whose path is shown


@dataclass(frozen=True, slots=True)
class Number:
    """One feature of the finding: its value, what is usual for the model (None: not known), the values of other clients
    of about the same volume, sorted, the value block by block, and how far it carries the test."""

    feature: str
    value: float
    usual: float | None
    cohort: tuple[float, ...]
    path: tuple[float, ...]
    share: float

    @property
    def rank(self) -> float | None:
        """Share of the cohort with a smaller value; None where there is no cohort."""
        return float(np.searchsorted(self.cohort, self.value) / len(self.cohort)) if self.cohort else None


@dataclass(frozen=True, slots=True)
class Silence:
    """What would have kept a test silent: a feature that stays on the honest side of `limit`; `above` says on which
    side of it the attack lies."""

    test: Test
    feature: str
    value: float
    limit: float
    above: bool


@dataclass(frozen=True, slots=True)
class Word:
    """Who said what when: a test's first word, its strongest, and the block of each."""

    test: Test
    stream: int
    first: int
    at: int
    strongest: float
    evalue: float
    floor: float


@dataclass(frozen=True)
class Account:
    """Everything there is to tell. `missing` says what could not be told, and why."""

    finding: Finding
    revisions: tuple[Finding, ...]
    compared: Compared
    trace: Trace
    numbers: tuple[Number, ...]
    words: tuple[Word, ...]
    silences: tuple[Silence, ...]
    paths: Mapping[Test, tuple[tuple[int, float], ...]]
    nearest: str
    departures: tuple[str, ...]
    missing: tuple[str, ...]


def account(stored: Sequence[Finding], trace: Trace, compared: Compared, missing: Sequence[str]) -> Account:
    """Puts together what is known of the last revision of a finding."""
    finding = stored[-1]
    lead = leading(finding)
    block = _block_of(lead, trace.blocks)
    return Account(
        finding=finding,
        revisions=tuple(stored),
        compared=compared,
        trace=trace,
        numbers=tuple(_numbers(lead, block, trace)) if lead is not None else (),
        words=tuple(_words(trace.blocks)),
        silences=tuple(_silences(finding)),
        paths=_paths(finding, trace.blocks),
        nearest=_nearest(finding, trace.blocks),
        departures=_departures(trace.blocks),
        missing=tuple(missing),
    )


def leading(finding: Finding) -> Evidence | None:
    """The strongest piece of evidence for the family that is named."""
    own = [piece for piece in finding.evidence if piece.family == finding.family]
    return max(own or finding.evidence, key=lambda piece: piece.evalue, default=None)


def _block_of(lead: Evidence | None, blocks: Iterable[Block]) -> Block | None:
    """The block in which the leading test was strongest."""
    if lead is None:
        return None
    test = (lead.detector, lead.test)
    said = [block for block in blocks if test in block.gathered]
    return max(said, key=lambda block: block.gathered[test], default=None)


def _numbers(lead: Evidence, block: Block | None, trace: Trace) -> Iterator[Number]:
    """The features behind the leading test, the most telling first, and then others that stand apart."""
    told: dict[str, Number] = {}
    cohort = cohort_of(block, trace.others)
    blocks = [one for one in trace.blocks if block is None or one.stream == block.stream]
    for one in sorted(lead.contributions, key=lambda one: -one.share):
        told[one.feature] = Number(
            one.feature,
            one.value,
            one.usual,
            _values(cohort, one.feature),
            tuple(each.features.get(one.feature, float("nan")) for each in blocks),
            one.share,
        )
    if block is not None:
        for _, reason in sorted(_reasons(lead, block), key=lambda pair: pair[0]):
            if reason[0] not in told:
                usual = block.usual.get(reason[0])
                path = tuple(each.features.get(reason[0], float("nan")) for each in blocks)
                told[reason[0]] = Number(reason[0], reason[1], usual, _values(cohort, reason[0]), path, reason[2])
    told.pop("stream", None)  # which of its queries are meant, and nothing that it did
    yield from list(told.values())[:NUMBERS]


def _reasons(lead: Evidence, block: Block) -> Iterator[tuple[float, tuple[str, float, float]]]:
    for reason in block.reasons.get((lead.detector, lead.test), ()):
        yield -reason.share, (reason.feature, reason.value, reason.share)


def cohort_of(block: Block | None, others: Mapping[bytes, Other]) -> list[Other]:
    """Other clients that had within half to twice as many blocks; all of them where those are few."""
    if block is None:
        return list(others.values())
    own = max(1, round((block.queries - 20) / 10) + 1)
    alike = [one for one in others.values() if own / 2 <= one.blocks <= own * 2]
    return alike if len(alike) >= FEWEST else list(others.values())


def _values(cohort: Iterable[Other], feature: str) -> tuple[float, ...]:
    values = (one.features.get(feature, float("nan")) for one in cohort)
    return tuple(sorted(value for value in values if value == value))


def _words(blocks: Iterable[Block]) -> Iterator[Word]:
    """Each test that ever gathered anything, in the order of its first word."""
    found: dict[tuple[Test, int], list[Block]] = {}
    for block in blocks:
        for test, gathered in block.gathered.items():
            if gathered > 0:
                found.setdefault((test, block.stream), []).append(block)
    for (test, stream), said in found.items():
        best = max(said, key=lambda block: block.gathered[test])
        yield Word(
            test, stream, said[0].queries, best.queries, best.gathered[test], best.evalues[test], best.floors[test]
        )


def _paths(finding: Finding, blocks: Iterable[Block]) -> dict[Test, tuple[tuple[int, float], ...]]:
    """E-values after so many queries of the leading tests of the finding, each in the stream that spoke loudest."""
    tests = [(piece.detector, piece.test) for piece in sorted(finding.evidence, key=lambda one: -one.evalue)][:TESTS]
    paths = {}
    for test in tests:
        streams: dict[int, list[tuple[int, float]]] = {}
        for block in blocks:
            streams.setdefault(block.stream, []).append((block.queries, block.evalues.get(test, 1.0)))
        if streams:
            paths[test] = tuple(max(streams.values(), key=lambda path: max(value for _, value in path)))
    return paths


def _silences(finding: Finding) -> Iterator[Silence]:
    """For each leading test the gates whose honest side would have kept it silent, the nearest first."""
    classes = detector_classes()
    for piece in sorted(finding.evidence, key=lambda one: -one.evalue)[:TESTS]:
        detector = classes.get(piece.detector)
        if detector is None or not issubclass(detector, NamedTests) or piece.family != finding.family:
            continue
        if piece.test not in detector.expressions:  # of another version
            continue
        gates: dict[str, list[Gate]] = {}
        for gate in gates_of(detector.expressions[piece.test]):
            gates.setdefault(str(gate.measured).removeprefix("(").removesuffix(")"), []).append(gate)
        for one in sorted(piece.contributions, key=lambda one: one.share):
            fitting = gates.get(one.feature, ())
            for gate in fitting:
                if abs(_carried(gate, one.value) - one.share) < 1e-4:
                    limit = gate.honest + STAKE * (gate.attack - gate.honest)
                    test = (piece.detector, piece.test)
                    yield Silence(test, one.feature, one.value, limit, gate.attack > gate.honest)
                    break


def _carried(gate: Gate, value: float) -> float:
    return min(max((value - gate.honest) / (gate.attack - gate.honest), 0.0), 1.0)


def gates_of(strength: Strength) -> Iterator[Gate]:
    """The gates of a test without which it is silent: not those beside which another may open instead."""
    match strength:
        case Gate():
            yield strength
        case AllOf():
            for part in strength.parts:
                yield from gates_of(part)
        case WhereKnown():
            yield from gates_of(strength.known)
            yield from gates_of(strength.unknown)


def _nearest(finding: Finding, blocks: Iterable[Block]) -> str:
    """The nearest ordinary kind of traffic, as the engine knew it last."""
    known = [block.profile for block in blocks if block.profile is not None]
    return finding.profile or (known[-1] if known else "")


def _departures(blocks: Iterable[Block]) -> tuple[str, ...]:
    """In what the latest block departs most from its nearest profile."""
    known = [block.departures for block in blocks if block.departures]
    largest = known[-1][::-1][:DEPARTURES] if known else ()
    return tuple(f"{measured(one.feature)} {written(one.feature, one.value)}" for one in largest)

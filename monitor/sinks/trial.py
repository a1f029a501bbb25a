"""A finding that is none: what `sinks test` sends, marked in every form as what it is."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from typing import Final

from monitor.alerts.finding import TEST, Exposure, Finding, Lineage, Severity, finding_id
from monitor.sinks.policy import Policy
from monitor.sinks.protocol import Outcome, Readable, Sink

MODEL: Final = "probewatch-test"
OPENS: Final = frozenset({"alertmanager", "pagerduty"})  # what is opened there has to be closed again
_SECOND: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of a test: the finding's id, the sink's answer, and where it was read back, where that can be."""

    id: str
    outcome: Outcome
    read_back: str = ""
    closed: bool = False


def sample(family: str, severity: Severity, now: float, name: str = "") -> Finding:
    """A test finding of that family, opened now (seconds since 1970); without a name it has an id of its own."""
    at = int(now * _SECOND)
    return Finding(
        finding=finding_id(TEST, MODEL, name or uuid.uuid4().hex, family, 1),
        revision=1,
        status="open",
        tier="named",
        family=family,
        model=MODEL,
        client="test-client",
        severity=severity,
        risk=1.0,
        evalue=1.0,
        budget=1.0,
        started=at - _SECOND,
        raised_at=at,
        updated_at=at,
        queries=1,
        title="TEST, nothing has happened",
        reason="This is a test of the way to you; no client has done anything.",
        evidence=(),
        profile=None,
        exposure=Exposure(0, 0, 0.0, 0, 0, 0),
        response=("nothing, this is a test",),
        lineage=Lineage(TEST, 0, 0, 0, TEST, "", ()),
        labels={TEST: "sinks test"},
    )


def try_out(sink: Sink, policy: Policy, finding: Finding, *, close: bool) -> Trial:
    """Sends the finding as the sink may see it, reads it back where the far side can be asked, and closes it where
    `close` says so. Trouble where it was taken and is not there."""
    shown = policy.shown(finding)
    [outcome] = sink.send([shown])
    if outcome.verdict != "delivered":
        return Trial(finding.id, outcome)
    found = sink.read_back(shown) if isinstance(sink, Readable) else ""
    if not close:
        return Trial(finding.id, outcome, found)
    end = replace(shown, revision=2, status="closed", updated_at=shown.updated_at + _SECOND)
    [closing] = sink.send([end])
    return Trial(finding.id, closing, found, closed=closing.verdict == "delivered")

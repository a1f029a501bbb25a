"""A finding as a document of the Elastic Common Schema 9.4.0, in the form that Kibana promotes to an alert.

What the schema has no field for stands under `probewatch`, our own top-level object, whose mapping is shipped with the
index template. Numbers and times follow the native form.
"""

from __future__ import annotations

from typing import Any, Final

from detectors.taxonomy import GAP, Family, Technique, family
from monitor.alerts.finding import Contribution, Finding
from monitor.formats.native import Json, finite, moment, render
from monitor.formats.severity import LEVELS

VERSION: Final = "9.4.0"
MODULE: Final = "probewatch"
DATASET: Final = "probewatch.alert"
TEST_TAG: Final = "probewatch-test"  # dashboards, rule and saved searches leave it out

_LONGEST: Final = 2**63 - 1  # nanoseconds, 292 years: a field of type long takes no more

# what of the native form stands in fields of the schema already, or is not wanted twice
_ELSEWHERE: Final = frozenset({"risk", "reason", "started", "updated_at", "labels"})


def render_ecs(finding: Finding, namespace: str = "default") -> Json:
    """The document of one revision; its `_id` is `event.id`.

    `@timestamp` is the event time of the revision, so that a detection that took weeks is found by today's searches;
    what led to it lies between `event.start` and `event.end`. The pseudonym stands in `user.hash` and `related.user`.
    """
    of = family(finding.family)
    document: Json = {
        "@timestamp": moment(finding.updated_at),
        "message": headline(finding),
        "tags": _tags(finding, of),
        "ecs": {"version": VERSION},
        "data_stream": {"type": "logs", "dataset": DATASET, "namespace": namespace},
        "event": _event(finding),
        "rule": _rule(finding, of),
        "observer": {"name": MODULE, "product": MODULE, "vendor": MODULE, "type": "ml-query-monitor"},
        # a gap in the log is about no model
        **({"service": {"name": finding.model, "type": "model"}} if finding.model else {}),
        "related": {"user": [*([] if finding.client is None else [finding.client]), *finding.members]},
        "probewatch": _own(finding),
    }
    if finding.client is not None:
        document["user"] = {"hash": finding.client}
    if finding.labels:
        document["labels"] = {key.replace("\0", " "): value for key, value in finding.labels.items()}  # NUL is refused
    if of.primary is not None:
        document["threat"] = _threat(of.primary)
    return document


def headline(finding: Finding) -> str:
    """The title, which becomes the name of the alert in Kibana: the same for all findings of a family, no numbers. A
    test says first that it is one."""
    title = family(finding.family).title
    several = finding.members and finding.family not in ("campaign", "novelty")
    return f"{'TEST: ' * finding.is_test}{title}{' by several clients' * bool(several)}"


def _event(finding: Finding) -> Json:
    return {
        "kind": "event" if finding.is_test else "alert",  # no rule promotes a test
        "category": ["intrusion_detection", "api"],
        "type": ["info"],
        "id": finding.id,
        "sequence": finding.revision,
        "code": f"{MODULE}.{finding.family}",
        "action": f"{finding.family}-{'found' if finding.family == GAP else 'suspected'}",
        "module": MODULE,
        "dataset": DATASET,
        "provider": MODULE,
        "severity": LEVELS[finding.severity].elastic,
        "risk_score": finite(finding.risk),
        "risk_score_norm": finite(finding.risk),
        "reason": finding.reason,
        "start": moment(finding.started),
        "end": moment(finding.updated_at),
        "duration": min(max(0, finding.updated_at - finding.started) * 1_000, _LONGEST),
    }


def _rule(finding: Finding, of: Family) -> Json:
    rule = {
        "id": f"{MODULE}.{finding.family}",
        "name": headline(finding),
        "category": finding.family,
        "ruleset": MODULE,
        "version": finding.lineage.detector_version,
    }
    return rule if of.primary is None else rule | {"reference": of.primary.reference}


def _threat(technique: Technique) -> Json:
    """One mapping only: the arrays of several could not be told apart. All of them stand in `probewatch.attack`."""
    upper = technique if technique.parent is None else technique.parent
    named = _named(upper)
    if technique.parent is not None:
        named["subtechnique"] = _named(technique)
    return {"framework": "MITRE ATLAS", "tactic": _named(technique.tactic), "technique": named}


def _named(entry: Any) -> Json:
    return {"id": [entry.id], "name": [entry.name], "reference": [entry.reference]}


def _tags(finding: Finding, of: Family) -> list[str]:
    """As Elastic's own rules write techniques of ATLAS, for which Kibana has no field yet."""
    techniques = [f"Mitre Atlas: {technique.id.removeprefix('AML.')}" for technique in of.techniques]
    return [MODULE, finding.tier, *([TEST_TAG] if finding.is_test else []), *techniques]


def _own(finding: Finding) -> Json:
    own = {key: value for key, value in render(finding).items() if key not in _ELSEWHERE}
    lines = [_line(contribution) for evidence in finding.evidence for contribution in evidence.contributions]
    return own | {"explanation": [line for line in lines if line is not None]}


def _line(contribution: Contribution) -> str | None:
    """A contribution in one line: arrays of objects lose in a search what belongs together."""
    if contribution.value != contribution.value:  # NaN
        return None
    usual = contribution.usual
    known = "" if usual is None or usual != usual else f", usually {finite(usual):.4g}"
    return f"{contribution.feature} {finite(contribution.value):.4g}{known}"

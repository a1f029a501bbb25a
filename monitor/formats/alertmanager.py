"""A finding as alerts of Prometheus Alertmanager, for `POST /api/v2/alerts`.

Labels are the identity of an alert there, and they are what routes match. The severity is one of them, and it may rise:
then the alert of the lower severity has to end, or it would go on beside the new one.
"""

from __future__ import annotations

from typing import Final

from monitor.alerts.finding import Finding
from monitor.formats.briefing import brief
from monitor.formats.ecs import MODULE
from monitor.formats.native import Json, finite, moment
from monitor.formats.severity import LEVELS
from monitor.formats.texts import cleaned, cut_bytes

LABEL: Final = 1_000  # bytes of the value of a label
ANNOTATION: Final = 4_000


def render_alertmanager(finding: Finding, link: str | None = None) -> list[Json]:
    """The alert of this revision, and after the first one an end for each lower severity (none that never fired is
    told to anybody). A closed finding ends now; an open one has no end, so it has to be sent again until it has."""
    finding = cleaned(finding)
    begun, now = moment(finding.raised_at), moment(max(finding.updated_at, finding.raised_at + 1))
    alert: Json = {
        "labels": _labels(finding, finding.severity),
        "annotations": _annotations(finding),
        "startsAt": begun,
    }
    if link is not None:
        alert["generatorURL"] = link
    if finding.status == "closed":
        alert["endsAt"] = now
    lower = list(LEVELS)[: list(LEVELS).index(finding.severity)] if finding.revision > 1 else []
    ended = [alert | {"labels": _labels(finding, one), "endsAt": now} for one in lower]
    return [alert, *ended]


def _labels(finding: Finding, severity: str) -> dict[str, str]:
    """Never a pseudonym: labels go everywhere. An empty label would be dropped, and is left out."""
    labels = {
        "alertname": f"{MODULE}-{finding.family}",
        "severity": severity,
        "family": finding.family,
        "tier": finding.tier,
        "model": cut_bytes(finding.model, LABEL),
        "finding": finding.finding,
        "test": "true" if finding.is_test else "",
    }
    return {name: value for name, value in labels.items() if value}


def _annotations(finding: Finding) -> dict[str, str]:
    told = brief(finding)
    annotations = {
        "summary": told.title,
        "description": told.reason,
        "who": told.who,
        "client": finding.client or "",
        "members": " ".join(finding.members),
        "group": finding.group or "",
        "change": told.change,
        "evidence": "\n".join(told.evidence),
        "profile": told.profile,
        "timeline": "\n".join(told.timeline),
        "exposure": told.exposure,
        "what_to_do": told.what_to_do,
        "false_alarm": f"{told.false_alarm} {told.look}",
        "to_check": "\n".join(told.checks),
        "attack": told.attack,
        "lineage": told.lineage,
        "risk": f"{finite(finding.risk):.0f}",
        "revision": str(finding.revision),
        "labels": ", ".join(f"{key}: {value}" for key, value in finding.labels.items()),
    }
    return {name: cut_bytes(value, ANNOTATION) for name, value in annotations.items() if value}

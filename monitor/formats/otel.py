"""A finding as a log record of OpenTelemetry, in the JSON form of OTLP (`POST /v1/logs`).

The event is named `probewatch.finding`: the semantic conventions have no event for security findings yet. Attributes
that they know are used (`security_rule.*`, `user.hash`); the others stand under `probewatch.`.
"""

from __future__ import annotations

from typing import Final

from detectors.taxonomy import ATLAS_EDITION, family
from monitor.alerts.finding import Finding
from monitor.formats.briefing import brief
from monitor.formats.ecs import MODULE, headline
from monitor.formats.native import Json, finite
from monitor.formats.severity import LEVELS
from monitor.formats.texts import cleaned

EVENT: Final = "probewatch.finding"
_LONGEST: Final = 2**63 - 1
_LATEST: Final = 2**64 - 1

Value = str | int | float | list[str]


def render_otel(finding: Finding, link: str | None = None) -> Json:
    """One request with one record. Times are nanoseconds since 1970, as text; before 1970 they are 0 (not known)."""
    finding = cleaned(finding)
    level = LEVELS[finding.severity]
    record = {
        "timeUnixNano": _time(finding.updated_at),
        "observedTimeUnixNano": _time(finding.updated_at),
        "severityNumber": level.otel,
        "severityText": finding.severity,
        "eventName": EVENT,
        "body": {"stringValue": brief(finding).text()},
        "attributes": _pairs(_attributes(finding, link)),
    }
    resource = {"attributes": _pairs({"service.name": MODULE})}
    return {
        "resourceLogs": [{"resource": resource, "scopeLogs": [{"scope": {"name": MODULE}, "logRecords": [record]}]}]
    }


def _attributes(finding: Finding, link: str | None) -> dict[str, Value]:
    of, told = family(finding.family), brief(finding)
    own: dict[str, Value] = {
        "finding": finding.finding,
        "revision": finding.revision,
        "id": finding.id,
        "status": finding.status,
        "tier": finding.tier,
        "family": finding.family,
        "model": finding.model,
        "members": list(finding.members),
        "group": finding.group or "",
        "risk": finite(finding.risk),
        "evalue": finite(finding.evalue),
        "reason": told.reason,
        "change": told.change,
        "timeline": list(told.timeline),
        "evidence": list(told.evidence),
        "profile": told.profile,
        "response": list(finding.response),
        "exposure.queries": finding.exposure.queries,
        "exposure.answered": finding.exposure.answered,
        "exposure.output_bits": finite(finding.exposure.output_bits),
        "exposure.distinct_inputs": finding.exposure.distinct_inputs,
        "exposure.classes_seen": finding.exposure.classes_seen,
        "exposure.classes_known": finding.exposure.classes_known,
        "exposure.sweeps": finding.exposure.sweeps,
        "exposure.trained": finding.exposure.trained,
        "attack.atlas.edition": ATLAS_EDITION,
        "attack.atlas.techniques": [one.id for one in of.techniques],
        "attack.atlas.mitigations": [one.id for one in of.mitigations],
        "attack.owasp": list(of.owasp),
        "attack.nist": list(of.nist),
        "started": _time(finding.started),
        "url": link or "",
    }
    known: dict[str, Value] = {
        "security_rule.uuid": f"{MODULE}.{finding.family}",
        "security_rule.name": headline(finding),
        "security_rule.category": finding.family,
        "security_rule.ruleset.name": MODULE,
        "security_rule.version": finding.lineage.detector_version,
        "user.hash": finding.client or "",
    }
    labels = {f"{MODULE}.label.{key}": value for key, value in finding.labels.items() if key}
    return {**known, **{f"{MODULE}.{key}": value for key, value in own.items()}, **labels}


def _pairs(values: dict[str, Value]) -> list[Json]:
    """Without those that say nothing."""
    return [{"key": key, "value": _any(value)} for key, value in values.items() if value not in ("", [])]


def _any(value: Value) -> Json:
    if isinstance(value, str):
        return {"stringValue": value}
    if isinstance(value, list):
        return {"arrayValue": {"values": [{"stringValue": one} for one in value]}}
    return {"intValue": str(min(value, _LONGEST))} if isinstance(value, int) else {"doubleValue": value}


def _time(microseconds: int) -> str:
    return str(min(max(microseconds, 0) * 1000, _LATEST))

"""A finding as a Detection Finding (class 2004) of the Open Cybersecurity Schema Framework 1.8.0.

The numbers behind the evidence become `anomaly_analyses`, each beside its baseline; techniques of ATLAS become
`finding_info.attacks`. Times are milliseconds since 1970.
"""

from __future__ import annotations

from typing import Any, Final

from detectors.taxonomy import ATLAS_EDITION, Mitigation, Tactic, Technique, family
from monitor.alerts.finding import Evidence, Finding
from monitor.alerts.words import claim
from monitor.formats.briefing import brief
from monitor.formats.ecs import MODULE, headline
from monitor.formats.native import Json, attack, finite, render
from monitor.formats.severity import LEVELS
from monitor.formats.texts import cleaned

VERSION: Final = "1.8.0"

_ACTIVITIES: Final = {"open": (1, "Create"), "updated": (2, "Update"), "closed": (3, "Close")}
_CLASS: Final = 2004
_USER: Final = {"name": "user.uid", "type": "User UID", "type_id": 31}
_ELSEWHERE: Final = ("queries", "exposure", "lineage", "labels", "profile", "group", "evalue", "budget", "tier")
_STORY: Final = ("change", "timeline", "guidance")


def render_ocsf(finding: Finding, link: str | None = None) -> Json:
    """One event a revision; `finding_info.uid` is the finding, `metadata.uid` the revision."""
    finding = cleaned(finding)
    activity, name = _ACTIVITIES[finding.status]
    people = [one for one in (finding.client, *finding.members) if one]
    event: Json = {
        "activity_id": activity,
        "activity_name": name,
        "category_uid": 2,
        "category_name": "Findings",
        "class_uid": _CLASS,
        "class_name": "Detection Finding",
        "type_uid": _CLASS * 100 + activity,
        "time": finding.updated_at // 1000,
        "start_time": finding.started // 1000,
        "end_time": finding.updated_at // 1000,
        "severity_id": LEVELS[finding.severity].ocsf,
        "severity": finding.severity.capitalize(),
        "status_id": 4 if finding.status == "closed" else 1,
        "status": "Resolved" if finding.status == "closed" else "New",
        "is_alert": not finding.is_test,
        "message": headline(finding),
        "risk_score": round(finite(finding.risk)),
        "metadata": _metadata(finding),
        "finding_info": _info(finding, link),
        "resources": [{"name": finding.model, "type": "AI model", "role_id": 1, "role": "Target"}],
        "remediation": _remediation(finding),
        "unmapped": {MODULE: _unmapped(finding)},
    }
    if finding.change:
        event["status_detail"] = finding.change
    if people:
        event["evidences"] = [{"user": {"uid": one}} for one in people]
        event["observables"] = [{**_USER, "value": one} for one in people]
    if finding.evidence:
        event["anomaly_analyses"] = [_analysis(finding, piece) for piece in finding.evidence]
    return event


def _metadata(finding: Finding) -> Json:
    product = {"name": MODULE, "vendor_name": MODULE, "uid": MODULE}
    told = {"version": VERSION, "product": product, "uid": finding.id, "event_code": f"{MODULE}.{finding.family}"}
    return told | {"labels": ["test"]} if finding.is_test else told


def _info(finding: Finding, link: str | None) -> Json:
    of = family(finding.family)
    info: Json = {
        "uid": finding.finding,
        "title": brief(finding).title,
        "desc": brief(finding).text(),
        "types": [finding.family, finding.tier],
        "first_seen_time": finding.started // 1000,
        "last_seen_time": finding.updated_at // 1000,
        "created_time": finding.raised_at // 1000,
        "modified_time": finding.updated_at // 1000,
        "analytic": {
            "uid": f"{MODULE}.{finding.family}",
            "name": headline(finding),
            "type_id": 2,
            "type": "Behavioral",
            "category": finding.family,
        },
    }
    if of.techniques:
        info["attacks"] = [_attack(one, of.mitigations[0] if not n else None) for n, one in enumerate(of.techniques)]
    return info if link is None else info | {"src_url": link}


def _attack(technique: Technique, mitigation: Mitigation | None) -> Json:
    upper = technique if technique.parent is None else technique.parent
    told: Json = {"version": ATLAS_EDITION, "tactic": _named(technique.tactic), "technique": _named(upper)}
    if technique.parent is not None:
        told["sub_technique"] = _named(technique)
    return told if mitigation is None else told | {"mitigation": _named(mitigation)}


def _named(entry: Tactic | Technique | Mitigation) -> Json:
    return {"uid": entry.id, "name": entry.name, "src_url": entry.reference}


def _analysis(finding: Finding, piece: Evidence) -> Json:
    """A test and its numbers; a test without numbers is told by its strength."""
    values = [(one.feature, one.value, one.usual) for one in piece.contributions if one.value == one.value]
    values = values or [("strength", piece.strength, None)]
    pattern = {"observation_type": f"{piece.detector}/{piece.test}", "observed_pattern": claim(piece)}
    anomalies = [_observed(name, value) | pattern for name, value, _ in values]
    usual = [_observed(name, value) for name, _, value in values if value is not None and value == value]
    analysis: Json = {"analysis_targets": [{"name": finding.model, "type": "AI model"}], "anomalies": anomalies}
    return analysis | {"baselines": usual} if usual else analysis


def _observed(name: str, value: float) -> dict[str, Any]:
    return {"observation_parameter": name, "observations": [{"value": f"{finite(value):.6g}"}]}


def _remediation(finding: Finding) -> Json:
    told = brief(finding)
    pages = [one.reference for one in family(finding.family).mitigations]
    return {"desc": told.what_to_do, "references": pages}


def _unmapped(finding: Finding) -> Json:
    whole = render(finding)
    return {"attack": attack(family(finding.family))} | {
        key: whole[key] for key in (*_ELSEWHERE, *_STORY) if key in whole
    }

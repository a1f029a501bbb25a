"""A finding as an alert event of Microsoft Sentinel's ASIM Alert schema 0.1: a row for the Logs Ingestion API."""

from __future__ import annotations

from typing import Final

from detectors.taxonomy import family
from monitor.alerts.finding import Finding
from monitor.alerts.guidance import guidance
from monitor.formats.briefing import brief
from monitor.formats.ecs import MODULE, headline
from monitor.formats.native import Json, finite, moment, render
from monitor.formats.severity import LEVELS
from monitor.formats.texts import cleaned, cut_bytes

FIELD: Final = 32_000  # bytes of a text; a column of type string takes 32 KiB in tables with limits, 64 elsewhere
_ELSEWHERE: Final = (
    *("members", "group", "queries", "evidence", "exposure", "profile", "lineage", "labels", "attack"),
    *("change", "timeline", "guidance"),
)
_NUMBERS: Final = ("revision", "evalue", "budget")


def render_asim(finding: Finding, link: str | None = None) -> Json:
    """One row a revision; `EventUid` names the revision, `EventOriginalUid` the finding."""
    finding = cleaned(finding)
    of, told, native = family(finding.family), brief(finding), render(finding)
    row: Json = {
        "TimeGenerated": moment(finding.updated_at),
        "EventCount": 1,
        "EventStartTime": moment(finding.started),
        "EventEndTime": moment(finding.updated_at),
        "EventType": "Alert",
        "EventSubType": "Suspicious Activity" if finding.tier == "named" else "Anomaly",
        "EventUid": finding.id,
        "EventOriginalUid": finding.finding,
        "EventProduct": MODULE,
        "EventVendor": MODULE,
        "EventSchema": "AlertEvent",
        "EventSchemaVersion": "0.1",
        "EventSeverity": LEVELS[finding.severity].sentinel,
        "EventOriginalSeverity": finding.severity,
        "EventOriginalType": finding.family,
        "EventMessage": cut_bytes(told.text(), FIELD),
        "AlertName": headline(finding),
        "AlertStatus": "Closed" if finding.status == "closed" else "Active",
        "AlertOriginalStatus": finding.status,
        "DetectionMethod": "Behavioral Analytics",
        "RuleName": f"{MODULE}.{finding.family}",
        "RuleDescription": guidance(finding).aim,
        "ThreatCategory": "Unknown",
        "ThreatOriginalCategory": finding.family,
        "ThreatIsActive": finding.status != "closed",
        "ThreatRiskLevel": round(finite(finding.risk)),
        "ThreatFirstReportedTime": moment(finding.raised_at),
        "ThreatLastReportedTime": moment(finding.updated_at),
        "AttackRemediationSteps": cut_bytes(told.what_to_do, FIELD),
        "AdditionalFields": {key: native[key] for key in (*_NUMBERS, *_ELSEWHERE) if key in native}
        | {"model": finding.model},
    }
    if of.techniques:
        row["AttackTactics"] = ", ".join(dict.fromkeys(f"{t.tactic.name} ({t.tactic.id})" for t in of.techniques))
        row["AttackTechniques"] = told.attack
    if finding.client:
        row |= {"UserId": finding.client, "UserIdType": "Other", "IndicatorType": "User"}
    return row if link is None else row | {"EventReportUrl": link}

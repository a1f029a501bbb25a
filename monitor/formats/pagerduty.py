"""A finding as an event of PagerDuty's Events API v2. The transport adds `routing_key`, which is a secret."""

from __future__ import annotations

from typing import Final

from detectors.taxonomy import family
from monitor.alerts.finding import Finding
from monitor.formats.briefing import brief
from monitor.formats.ecs import MODULE
from monitor.formats.native import Json, attack, finite, moment
from monitor.formats.severity import LEVELS
from monitor.formats.texts import cleaned, cut, cut_bytes

SUMMARY: Final = 1_024  # characters
MOST: Final = 512 * 1024  # bytes of an event
FIELD: Final = 4_000  # bytes of a text among the details
NAMED: Final = 64  # labels, members


def render_pagerduty(finding: Finding, link: str | None = None) -> Json:
    """Revisions of a finding share `dedup_key`, so that they are one incident; a closed finding resolves it."""
    finding = cleaned(finding)
    told = brief(finding)
    event: Json = {
        "event_action": "resolve" if finding.status == "closed" else "trigger",
        "dedup_key": finding.finding,
        "client": MODULE,
        "payload": {
            "summary": cut(f"{told.title}: model {finding.model}, {told.who}. {told.reason}", SUMMARY),
            "source": cut_bytes(finding.model or "unknown model", FIELD),
            "severity": LEVELS[finding.severity].pagerduty,
            "timestamp": moment(finding.updated_at),
            "component": cut_bytes(finding.model or "unknown model", FIELD),
            "class": finding.family,
            "custom_details": _details(finding),
        },
    }
    if link is not None:
        event |= {"client_url": link, "links": [{"href": link, "text": "The finding"}]}
    return event


def _details(finding: Finding) -> Json:
    told = brief(finding)
    texts = {
        "reason": told.reason,
        "who": told.who,
        "state": told.state,
        "what is new": told.change,
        "evidence": "\n".join(told.evidence),
        "nearest ordinary profile": told.profile,
        "timeline": "\n".join(told.timeline),
        "exposure": told.exposure,
        "what to do": told.what_to_do,
        "false alarm if": f"{told.false_alarm} {told.look}",
        "to check": "\n".join(told.checks),
        "attack": told.attack,
        "where it comes from": told.lineage,
        "members": " ".join(finding.members[:NAMED]),
        "group": finding.group or "",
    }
    labels = list(finding.labels.items())[:NAMED]
    details: Json = {name: cut_bytes(text, FIELD) for name, text in texts.items() if text}
    details |= {
        "risk": finite(finding.risk),
        "revision": finding.revision,
        "attack ids": attack(family(finding.family)),
    }
    if labels:
        details["labels"] = {cut_bytes(key, 200): cut_bytes(value, 500) for key, value in labels}
    return details

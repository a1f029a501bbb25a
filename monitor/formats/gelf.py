"""A finding as a message of the Graylog Extended Log Format 1.1."""

from __future__ import annotations

import re
from typing import Final

from detectors.taxonomy import family
from monitor.alerts.finding import Finding
from monitor.formats.briefing import brief
from monitor.formats.ecs import MODULE, headline
from monitor.formats.native import Json, finite
from monitor.formats.severity import LEVELS
from monitor.formats.texts import cleaned, cut_bytes

FIELD: Final = 32_000  # bytes of a text: what Graylog indexes as one term ends at 32,766
LABELS: Final = 32  # labels that become fields of their own
_NAME: Final = re.compile(r"[^\w.\-]", re.ASCII)


def render_gelf(finding: Finding, link: str | None = None) -> Json:
    """Values are texts and numbers: Graylog drops booleans, objects and arrays. `_id` is its own, so ours is
    `_finding`."""
    finding = cleaned(finding)
    told, exposure = brief(finding), finding.exposure
    fields: dict[str, str | int | float] = {
        "finding": finding.finding,
        "revision": finding.revision,
        "event_id": finding.id,
        "status": finding.status,
        "tier": finding.tier,
        "family": finding.family,
        "severity": finding.severity,
        "risk": finite(finding.risk),
        "evalue": finite(finding.evalue),
        "model": finding.model,
        "client": finding.client or "",
        "members": " ".join(finding.members),
        "group": finding.group or "",
        "reason": told.reason,
        "change": told.change,
        "timeline": "; ".join(told.timeline),
        "evidence": "; ".join(told.evidence),
        "profile": told.profile,
        "response": told.response,
        "atlas": " ".join(one.id for one in family(finding.family).techniques),
        "queries": exposure.queries,
        "answered": exposure.answered,
        "output_bits": finite(exposure.output_bits),
        "distinct_inputs": exposure.distinct_inputs,
        "classes_seen": exposure.classes_seen,
        "classes_known": exposure.classes_known,
        "sweeps": exposure.sweeps,
        "trained": exposure.trained,
        "url": link or "",
    }
    labels = {f"label_{_NAME.sub('_', key)}": value for key, value in list(finding.labels.items())[:LABELS]}
    return {
        "version": "1.1",
        "host": MODULE,
        "short_message": headline(finding),
        "full_message": cut_bytes(told.text(), FIELD),
        "timestamp": finding.updated_at / 1e6,
        "level": LEVELS[finding.severity].syslog,
        **{f"_{key}": _within(value) for key, value in (labels | fields).items() if value != ""},
    }


def _within(value: str | float) -> str | float:
    return cut_bytes(value, FIELD) if isinstance(value, str) else value

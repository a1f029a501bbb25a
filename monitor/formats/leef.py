"""A finding as a line of QRadar's Log Event Extended Format 2.0.

LEEF knows no escaping. Values are kept apart by a tab, named in the header; texts are cleaned first, so that none holds
one. Keys are ours and hold no `=`: the first `=` ends the key, and any further one belongs to the value. In the header,
a bar becomes a broken bar.
"""

from __future__ import annotations

from typing import Final

from detectors.taxonomy import family
from monitor.alerts.finding import Finding
from monitor.alerts.words import plain
from monitor.formats.briefing import brief
from monitor.formats.ecs import MODULE, headline
from monitor.formats.native import finite, moment
from monitor.formats.severity import LEVELS
from monitor.formats.texts import cleaned, cut

USER: Final = 255  # characters of a user's name; the table of LEEF's attributes says so
FIELD: Final = 1_000  # characters of a text: QRadar takes about 4,000 bytes in a payload before it cuts
TIME: Final = "yyyy-MM-dd'T'HH:mm:ss.SSSX"


def render_leef(finding: Finding, link: str | None = None) -> str:
    """The line, without a frame of syslog around it and without a line break."""
    finding = cleaned(finding)
    head = (MODULE, MODULE, "1", finding.family, "x09")
    attributes = "\t".join(f"{key}={value}" for key, value in _attributes(finding, link).items() if value)
    return f"LEEF:2.0|{'|'.join(one.replace('|', '¦') for one in head)}|{attributes}"


def _attributes(finding: Finding, link: str | None) -> dict[str, str]:
    """The predefined keys first, then our own."""
    told = brief(finding)
    return {
        "cat": finding.family,
        "sev": str(LEVELS[finding.severity].leef),
        "devTime": f"{moment(finding.updated_at)[:23]}Z",
        "devTimeFormat": TIME,
        "usrName": cut(finding.client or "", USER),
        "name": headline(finding),
        "finding": finding.finding,
        "revision": str(finding.revision),
        "status": finding.status,
        "tier": finding.tier,
        "model": cut(finding.model, FIELD),
        "risk": f"{finite(finding.risk):.6g}",
        "reason": cut(told.reason, FIELD),
        "change": cut(told.change, FIELD),
        "timeline": cut("; ".join(told.timeline), FIELD),
        "exposure": told.exposure,
        "profile": cut(told.profile, FIELD),
        "whatToDo": cut(told.response, FIELD),
        "atlas": " ".join(one.id for one in family(finding.family).techniques),
        "members": cut(" ".join(finding.members), FIELD),
        "group": cut(finding.group or "", FIELD),
        "labels": cut(", ".join(f"{key}: {value}" for key, value in finding.labels.items()), FIELD),
        "url": "" if link is None else plain(link),
    }

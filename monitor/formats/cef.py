"""A finding as a line of ArcSight's Common Event Format, version 0 of the header.

Escaping is the whole art: `\\` and `|` in the header, `\\` and `=` in the extension. Line breaks never occur, as texts
are cleaned first. Lengths are those of the dictionary of CEF.
"""

from __future__ import annotations

from typing import Final

from detectors.taxonomy import family
from monitor.alerts.finding import Finding
from monitor.alerts.words import plain
from monitor.formats.briefing import brief
from monitor.formats.ecs import MODULE, headline
from monitor.formats.native import finite
from monitor.formats.severity import LEVELS
from monitor.formats.texts import cleaned, cut

SHORT: Final = 1_023  # characters of most texts
LONG: Final = 4_000  # of a custom text
NAME: Final = 512
_ACTION: Final = 63
_LONGEST: Final = 2**63 - 1


def render_cef(finding: Finding, link: str | None = None) -> str:
    """The line, without a frame of syslog around it and without a line break."""
    finding = cleaned(finding)
    head = ("CEF:0", MODULE, MODULE, "1", f"{MODULE}.{finding.family}", cut(headline(finding), NAME))
    header = "|".join((head[0], *(escaped_header(one) for one in head[1:]), str(LEVELS[finding.severity].cef)))
    pairs = (f"{key}={escaped_value(value)}" for key, value in extension(finding, link).items() if value)
    return f"{header}|{' '.join(pairs)}"


def escaped_header(text: str) -> str:
    r"""A field of the header.

    >>> print(escaped_header("a|b\\c=d"))
    a\|b\\c=d
    """
    return text.replace("\\", "\\\\").replace("|", "\\|")


def escaped_value(text: str) -> str:
    r"""A value of the extension.

    >>> print(escaped_value("a|b\\c=d"))
    a|b\\c\=d
    """
    return text.replace("\\", "\\\\").replace("=", "\\=")


def extension(finding: Finding, link: str | None) -> dict[str, str]:
    """Keys of the dictionary with values that are not escaped yet; empty ones are not written."""
    told, exposure = brief(finding), finding.exposure
    custom = {
        "Members": " ".join(finding.members),
        "Group": finding.group or "",
        "Evidence": "; ".join(told.evidence),
        "ATLAS": " ".join(one.id for one in family(finding.family).techniques),
        "What to do": told.response,
        "Labels": ", ".join(f"{key}: {value}" for key, value in finding.labels.items()),
    }
    pairs = {
        "rt": str(finding.updated_at // 1000),
        "start": str(finding.started // 1000),
        "end": str(finding.updated_at // 1000),
        "externalId": finding.id,
        "cat": finding.family,
        "act": cut(finding.status, _ACTION),
        "suid": cut(finding.client or "", SHORT),
        "destinationServiceName": cut(finding.model, SHORT),
        "cnt": str(min(max(exposure.queries, 0), 2**31 - 1)),
        "reason": cut(told.reason, SHORT),
        "flexString1": cut(told.change, SHORT),
        "flexString1Label": "What is new" if told.change else "",
        "flexString2": cut("; ".join(told.timeline), SHORT),
        "flexString2Label": "Timeline" if told.timeline else "",
        "msg": cut(f"{told.title}. {told.exposure}", SHORT),
        "request": "" if link is None else cut(plain(link), SHORT),
        "cn1": str(min(finding.revision, _LONGEST)),
        "cn1Label": "Revision",
        "cn2": str(min(exposure.answered, _LONGEST)),
        "cn2Label": "Answered",
        "cfp1": f"{finite(finding.risk):.6g}",
        "cfp1Label": "Risk",
    }
    for number, (label, text) in enumerate(custom.items(), start=1):
        if text:
            pairs |= {f"cs{number}": cut(text, LONG), f"cs{number}Label": label}
    return pairs

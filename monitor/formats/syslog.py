"""A message of syslog after RFC 5424: header, structured data and text. Counting its octets belongs to the transport.

Other line forms travel inside: `frame(finding, render_cef(finding))`.
"""

from __future__ import annotations

from typing import Final

from monitor.alerts.finding import Finding
from monitor.alerts.words import plain
from monitor.formats.briefing import brief
from monitor.formats.ecs import MODULE
from monitor.formats.native import finite, moment
from monitor.formats.severity import LEVELS
from monitor.formats.texts import cleaned, cut_bytes

FACILITY: Final = 13  # log audit
VALUE: Final = 1_000  # bytes of a value of the structured data
MESSAGE: Final = 6_000  # bytes of our own text: receivers have to take 2,048 and should take 8,192 in all
SD_ID: Final = f"{MODULE}@32473"  # 32473 is the number that RFC 5612 sets aside for those without one of their own
_BOM: Final = "\ufeff"  # RFC 5424 asks for it where the text is UTF-8
_HOST: Final = 255


def render_syslog(finding: Finding, link: str | None = None) -> str:
    """The whole message with our own text in it; encode as UTF-8."""
    return frame(finding, render_text(finding), link)


def render_text(finding: Finding) -> str:
    """Our own text, in one line."""
    return cut_bytes(brief(cleaned(finding)).text().replace("\n", " | "), MESSAGE)


def frame(finding: Finding, message: str, link: str | None = None, hostname: str = "-", *, bare: bool = False) -> str:
    """A message of syslog around a line of text. `hostname` becomes `-` where it has no printable ASCII.

    `bare`: without structured data and byte order mark, and with milliseconds, for lines whose readers expect them
    right behind the header (QRadar asks LEEF to begin there, and its times to have three decimals)."""
    finding = cleaned(finding)
    priority = FACILITY * 8 + LEVELS[finding.severity].syslog
    host = "".join(char for char in hostname if "!" <= char <= "~")[:_HOST] or "-"
    at = moment(finding.updated_at)
    if bare:
        return f"<{priority}>1 {at[:23]}Z {host} {MODULE} - {finding.family} - {message}"
    head = f"<{priority}>1 {at} {host} {MODULE} - {finding.family}"
    return f"{head} {_structured(finding, link)} {_BOM}{message}"


def escaped(text: str) -> str:
    r"""A value of the structured data: `"`, `\` and `]` are written with a backslash.

    >>> print(escaped('a"b]c'))
    a\"b\]c
    """
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("]", "\\]")


def _structured(finding: Finding, link: str | None) -> str:
    values = {
        "finding": finding.finding,
        "revision": str(finding.revision),
        "status": finding.status,
        "family": finding.family,
        "severity": finding.severity,
        "risk": f"{finite(finding.risk):.6g}",
        "model": finding.model,
        "client": finding.client or "",
        "members": " ".join(finding.members),
        "group": finding.group or "",
        "test": "true" if finding.is_test else "",
        "url": "" if link is None else plain(link),
    }
    told = (f' {key}="{escaped(cut_bytes(value, VALUE))}"' for key, value in values.items() if value)
    return f"[{SD_ID}{''.join(told)}]"

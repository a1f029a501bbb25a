"""A finding as an adaptive card 1.5 for Microsoft Teams, in the message that a Workflows webhook takes.

Texts stand in text runs, which know no Markdown: what a client or a label is called makes no link and no heading.
"""

from __future__ import annotations

from typing import Final

from monitor.alerts.finding import Finding, Severity
from monitor.formats.briefing import brief
from monitor.formats.native import Json
from monitor.formats.texts import cleaned, cut_bytes

MOST: Final = 28 * 1024  # bytes of a message
FIELD: Final = 1_000  # bytes of a text: some eight of them, each twice as long once it is JSON
_COLORS: Final[dict[Severity, str]] = {
    "low": "Accent",
    "medium": "Warning",
    "high": "Attention",
    "critical": "Attention",
}


def render_teams(finding: Finding, link: str | None = None) -> Json:
    """The message with its card."""
    finding = cleaned(finding)
    told = brief(finding)
    color = "Good" if finding.status == "closed" else _COLORS[finding.severity]
    rows = {
        "Model": finding.model or "unknown",
        "Who": told.who,
        "State": told.state,
        "What is new": told.change,
        "Evidence": "\n".join(told.evidence),
        "Nearest ordinary profile": told.profile,
        "Timeline": "\n".join(told.timeline),
        "Exposure so far": told.exposure,
        "What to do now": told.what_to_do,
        "A false alarm if": f"{told.false_alarm} {told.look}",
        "To check": "\n".join(told.checks),
        "Attack": told.attack,
        "Where it comes from": told.lineage,
    }
    title = _runs(_run(told.title, size="Large", weight="Bolder", color=color))
    body = [title, _runs(_run(told.reason))] if told.reason else [title]
    body += [_runs(_run(f"{name}: ", weight="Bolder"), _run(text)) for name, text in rows.items() if text]
    card: Json = {
        "type": "AdaptiveCard",
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "version": "1.5",
        "body": body,
        "fallbackText": cut_bytes(f"{told.title} ({finding.severity})", FIELD),
    }
    if link is not None:
        card["actions"] = [{"type": "Action.OpenUrl", "title": "Open the finding", "url": link}]
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


def _runs(*runs: Json) -> Json:
    return {"type": "RichTextBlock", "inlines": list(runs)}


def _run(text: str, **style: str) -> Json:
    return {"type": "TextRun", "text": cut_bytes(text, FIELD), **style}

"""A finding as a message of Slack in Block Kit, to be read in ninety seconds.

Texts of a finding are escaped (`&`, `<`, `>`) and sent verbatim, so that nobody is called by `<!channel>` and no
link is made of a name.
"""

from __future__ import annotations

from typing import Final

from monitor.alerts.finding import Finding, Severity
from monitor.formats.briefing import brief, unsaid
from monitor.formats.native import Json
from monitor.formats.texts import cleaned, cut

TITLE: Final = 150  # characters of a header
SECTION: Final = 3_000
FIELD: Final = 2_000
CONTEXT: Final = 1_000
_GROWTH: Final = 5  # `&` becomes `&amp;`
_URL: Final = 3_000
_MARKS: Final[dict[Severity, str]] = {
    "low": ":large_blue_circle:",
    "medium": ":large_yellow_circle:",
    "high": ":large_orange_circle:",
    "critical": ":red_circle:",
}


def render_slack(finding: Finding, link: str | None = None) -> Json:
    """`text` is what notifications show; the blocks hold the rest."""
    finding = cleaned(finding)
    told = brief(finding)
    mark = ":white_check_mark:" if finding.status == "closed" else _MARKS[finding.severity]
    fields = {
        "Model": finding.model or "unknown",
        "Who": told.who,
        "Severity": f"{finding.severity}, risk {finding.risk:.0f} of 100",
        "State": f"{finding.status}, revision {finding.revision}{unsaid(finding)}",
    }
    blocks: list[Json] = [
        {"type": "header", "text": {"type": "plain_text", "text": cut(f"{mark} {told.title}", TITLE), "emoji": True}},
        _section("", told.reason or told.title),
        {"type": "section", "fields": [_marked(f"*{name}*\n", text, FIELD) for name, text in fields.items()]},
        _section("*Exposure so far*\n", told.exposure),
        _section("*What to do now*\n", told.what_to_do),
        _section("*A false alarm if*\n", f"{told.false_alarm} {told.look}"),
    ]
    if told.timeline:
        blocks.insert(3, _section("*Timeline*\n", "\n".join(f"• {line}" for line in told.timeline)))
    if told.change:
        blocks.insert(3, _section("*What is new*\n", told.change))
    if told.evidence:
        nearest = [f"• nearest ordinary profile: {told.profile}"] if told.profile else []
        blocks.insert(3, _section("*Evidence*\n", "\n".join([*(f"• {line}" for line in told.evidence), *nearest])))
    if link is not None and len(link) <= _URL:
        button = {"type": "button", "text": {"type": "plain_text", "text": "Open the finding"}, "url": link}
        blocks.append({"type": "actions", "elements": [button]})
    checks = f"{told.attack} · to check: {' · '.join(told.checks)}{f' · {told.lineage}' if told.lineage else ''}"
    blocks.append({"type": "context", "elements": [_marked("", checks, CONTEXT)]})
    return {"text": escaped(cut(f"{told.title} ({finding.severity}): {told.reason}", CONTEXT)), "blocks": blocks}


def escaped(text: str) -> str:
    """Text that Slack shows as it is.

    >>> escaped("<!channel> & co")
    '&lt;!channel&gt; &amp; co'
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _section(heading: str, text: str) -> Json:
    return {"type": "section", "text": _marked(heading, text, SECTION)}


def _marked(heading: str, text: str, most: int) -> Json:
    """Cut before it is escaped, as half an escape would be shown as it stands; what would grow too long is cut more."""
    room = most - len(heading)
    shown = escaped(cut(text, room))
    if len(shown) > room:
        shown = escaped(cut(text, room // _GROWTH))
    return {"type": "mrkdwn", "text": heading + shown, "verbatim": True}

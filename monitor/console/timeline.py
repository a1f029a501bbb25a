"""The days as a picture: queries by hour, and below them when each family was named. Inline SVG, no scale to load."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from detectors.taxonomy import family as taxonomy
from monitor.alerts.finding import Finding
from monitor.console.cases import Case
from monitor.console.markup import safe, tag
from monitor.console.play import HOUR, Traffic
from monitor.console.words import short

_TALL: Final = 84  # pixels of the queries
_LANE: Final = 46  # pixels of a family
_DAY: Final = 24
_SHORTEST: Final = 0.6  # per cent of the width that a finding takes at least


def timeline(traffic: Traffic, found: Sequence[Case]) -> str:
    """A figure: bars of queries by hour, then one lane for each family, a mark for each finding while it was open.

    Places are per cent of the width and heights are pixels, so that nothing is distorted on a narrow screen."""
    lanes: dict[str, list[Finding]] = {}
    for case in found:
        for finding in case.findings:
            lanes.setdefault(finding.family, []).append(finding)
    span = _Span(traffic.start, traffic.end)
    ordered = sorted(lanes.items(), key=lambda lane: min(one.raised_at for one in lane[1]))
    high = _TALL + 24 + _LANE * len(ordered)
    parts = [*_days(span, high), *_hours(traffic, span)]
    for at, (name, members) in enumerate(ordered):
        parts += _lane(taxonomy(name).title, members, span, _TALL + 24 + at * _LANE)
    told = f"Queries by hour and {sum(map(len, lanes.values()))} findings of {len(lanes)} families over time"
    picture = tag("svg", "\n".join(parts), role="img", aria_label=told, height=high + 4)
    most = max(traffic.hours.values(), default=0)
    caption = (
        f"Above: queries by hour, at most {most:,}. Below: each mark is a finding from when it opened until it was"
        " quiet, coloured by severity. Times are UTC."
    )
    return tag("figure", picture + tag("figcaption", safe(caption)))


class _Span:
    """Event times as places."""

    def __init__(self, start: int, end: int) -> None:
        self.start, self.end = start, end

    def place(self, time: float) -> float:
        """Per cent of the width."""
        return 100 * min(max((time - self.start) / (self.end - self.start), 0.0), 1.0)


def _days(span: _Span, high: int) -> list[str]:
    parts = []
    first = -(-span.start // (_DAY * HOUR))
    starts = [span.start, *(day * _DAY * HOUR for day in range(first, span.end // (_DAY * HOUR) + 1))]
    for start in dict.fromkeys(start for start in starts if start < span.end):
        x = f"{span.place(start):.3f}%"
        parts.append(tag("line", x1=x, x2=x, y1=0, y2=high, klass="rule"))
        parts.append(tag("text", safe(f"{_moment(start):%-d %b}"), x=x, y=12, dx=6))
    return parts


def _hours(traffic: Traffic, span: _Span) -> list[str]:
    most, width = max(traffic.hours.values(), default=1), span.place(span.start + HOUR)
    bars = []
    for hour, count in sorted(traffic.hours.items()):
        tall = (_TALL - 20) * count / most
        inside = tag("title", safe(f"{_moment(hour * HOUR):%-d %b %H:%M}: {count:,} queries"))
        x = f"{span.place(hour * HOUR):.3f}%"
        attributes = {"x": x, "width": f"{width * 0.86:.3f}%", "y": f"{_TALL - tall:.1f}", "height": f"{tall:.1f}"}
        bars.append(tag("rect", inside, klass="area", **attributes))
    return bars


def _lane(title: str, members: Sequence[Finding], span: _Span, top: int) -> list[str]:
    parts = [
        tag("line", x1="0%", x2="100%", y1=top, y2=top, klass="rule"),
        tag("text", safe(title), x="0%", y=top + 16, klass="name", dx=6),
    ]
    for finding in members:
        x = span.place(finding.raised_at)
        wide = max(span.place(finding.updated_at) - x, _SHORTEST)
        at = f"{_moment(finding.raised_at):%-d %b %H:%M}"
        told = f"{finding.severity}: {title}, {_who(finding)}, model {finding.model}, {at}"
        attributes = {"x": f"{min(x, 100 - wide):.3f}%", "width": f"{wide:.3f}%", "y": top + 23, "height": 14, "rx": 3}
        parts.append(
            tag("rect", tag("title", safe(told)), klass=f"mark {finding.severity}", opacity="0.85", **attributes)
        )
    return parts


def _who(finding: Finding) -> str:
    """The client, or how many clients; a kind of traffic may name none."""
    alone = finding.client or (finding.members[0] if len(finding.members) == 1 else None)
    return f"{len(finding.members)} clients" if alone is None else short(alone)


def _moment(microseconds: int) -> datetime:
    return datetime.fromtimestamp(microseconds // 1_000_000, UTC)

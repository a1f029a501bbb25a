"""Small pictures of an explanation: inline SVG, every place in per cent of the width, so that a narrow screen does not
distort them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final

from monitor.alerts.words import measured, written
from monitor.console.explained.account import Account, Number
from monitor.console.explained.tracing import Seen, Test
from monitor.console.markup import safe, tag
from monitor.formats.native import moment

TALL: Final = 150  # pixels of a picture
STRIP: Final = 26  # pixels of a feature
MOST_DOTS: Final = 600
COLOURS: Final = ("critical", "low", "good", "medium", "high")


def timeline(account: Account) -> str:
    """The client's queries one by one: how sure the answer was, which answer, and the blocks that counted."""
    seen = list(account.trace.queries)
    if not seen:
        return ""
    first, last = 0, len(seen) - 1
    step = max(1, len(seen) // MOST_DOTS)
    parts = [tag("line", x1="0%", x2="100%", y1=y, y2=y, klass="rule") for y in (10, TALL / 2, TALL - 10)]
    counted = list(_counted(account, seen))
    parts += counted
    parts += [_dot(one, at, last) for at, one in enumerate(seen) if at % step == 0]
    for mark, words in _marks(account, seen):
        x = f"{_place(mark, first, last):.2f}%"
        parts.append(tag("line", tag("title", safe(words)), x1=x, x2=x, y1=0, y2=TALL, klass="usual"))
    begin, end = moment(seen[0].time)[:19], moment(seen[-1].time)[:19]
    clients = len({one.client for one in seen})
    who = "one client" if clients == 1 else f"{clients} clients"
    told = f"{len(seen)} queries of {who} from {begin} to {end} UTC"
    shaded = " Shaded: blocks that counted, the darker the more." if counted else ""
    caption = (
        f"{told}, one dot each, in their order. Height: how sure the answer was (at the foot: not known). Colour: which"
        " answer. A ring: refused or failed; a hollow dot: the same input again."
        f"{shaded} Upright lines: revisions of the finding."
    )
    picture = tag("svg", "".join(parts), height=TALL, role="img", aria_label=told)
    return tag("figure", picture + tag("figcaption", safe(caption)))


def _dot(one: Seen, at: int, last: int) -> str:
    known = one.certainty == one.certainty
    y = 10 + (1 - one.certainty) * (TALL - 30) if known else TALL - 6
    tone = "" if one.label < 0 else COLOURS[one.label % len(COLOURS)]
    told = f"query {one.number}, offset {one.offset}, {moment(one.time)[:19]}Z"
    told += f", answer {one.label + 1} at {one.certainty:.3f}" if known else ""
    klass = f"dot {tone}{' hollow' if one.repeated else ''}{' ring' if one.refused else ''}"
    return tag("circle", tag("title", safe(told)), cx=f"{_place(at, 0, last):.2f}%", cy=f"{y:.1f}", r=3, klass=klass)


def _counted(account: Account, seen: Sequence[Seen]) -> Iterator[str]:
    """A band for each block in which a test of the evidence gathered something."""
    tests = {(piece.detector, piece.test) for piece in account.finding.evidence}
    strongest: dict[int, float] = {}  # blocks of several streams end with the same query
    for block in account.trace.blocks:
        told = [block.gathered.get(test, 0.0) for test in tests]
        strongest[block.time] = max(strongest.get(block.time, 0.0), *told, 0.0)
    ends = sorted(strongest)
    for before, end in zip([-1, *ends], ends, strict=False):
        best = strongest[end]
        inside = [at for at, one in enumerate(seen) if before < one.time <= end]
        if inside and best > 0:
            left, right = _place(inside[0], 0, len(seen) - 1), _place(inside[-1], 0, len(seen) - 1)
            attributes = {"x": f"{left:.2f}%", "width": f"{max(right - left, 0.3):.2f}%"}
            yield tag(
                "rect", y=0, height=TALL, klass="counted", opacity=f"{0.15 + 0.5 * min(best, 1):.2f}", **attributes
            )


def _marks(account: Account, seen: Sequence[Seen]) -> Iterator[tuple[int, str]]:
    for one in account.revisions:
        at = max((at for at, query in enumerate(seen) if query.time <= one.updated_at), default=None)
        if at is not None:
            yield at, f"revision {one.revision}, {one.status}, {one.severity}"


def evalues(
    paths: Mapping[Test, Sequence[tuple[int, float]]], budget: float, opened: int, *, alone: bool = True
) -> str:
    """The e-value of each test after so many queries, on a logarithmic scale, and the budget that had to be beaten.
    Points are joined where they are of one client `alone`."""
    points = [point for path in paths.values() for point in path]
    if not points:
        return ""
    first, last = min(point[0] for point in points), max(point[0] for point in points)
    top = max(math.log10(max(budget, 10.0)) + 1, *(math.log10(max(value, 1.0)) for _, value in points))
    parts = []
    for decade in range(int(top) + 1):
        y = _high(10.0**decade, top)
        parts.append(tag("line", x1="0%", x2="100%", y1=y, y2=y, klass="rule"))
        parts.append(tag("text", safe(f"{10**decade:,}"), x="100%", y=f"{float(y) - 3:.1f}", text_anchor="end"))
    y = _high(budget, top)
    parts.append(
        tag("line", tag("title", safe(f"the budget: {budget:,.0f}")), x1="0%", x2="100%", y1=y, y2=y, klass="budget")
    )
    for at, (test, path) in enumerate(paths.items()):
        tone = COLOURS[at % len(COLOURS)]
        for (one, low), (other, high) in pairwise(path if alone else ()):
            ends = {"x1": _along(one, first, last), "x2": _along(other, first, last)}
            parts.append(tag("line", y1=_high(low, top), y2=_high(high, top), klass=f"path {tone}", **ends))
        for queries, value in path:
            told = f"{'/'.join(test)} after {queries} queries: {value:,.0f}"
            place = {"cx": _along(queries, first, last), "cy": _high(value, top)}
            parts.append(tag("circle", tag("title", safe(told)), r=2.5, klass=f"dot {tone}", **place))
    x = _along(opened, first, last)
    parts.append(
        tag("line", tag("title", safe(f"opened after {opened} queries")), x1=x, x2=x, y1=0, y2=TALL, klass="usual")
    )
    names = " · ".join(
        tag("span", safe("/".join(test)), klass=f"tag {COLOURS[at % len(COLOURS)]}") for at, test in enumerate(paths)
    )
    span = f"{first} to {last}" if first < last else f"{last}"
    told = f"E-values after {span} queries; {budget:,.0f} had to be beaten"
    whose = "" if alone else " A dot: a block of one of the clients."
    caption = tag(
        "figcaption", names + safe(f". {told} (the broken line). The upright line: the finding opened.{whose}")
    )
    return tag("figure", tag("svg", "".join(parts), height=TALL, role="img", aria_label=told) + caption)


def _along(queries: int, first: int, last: int) -> str:
    """A place beside which there is room for the numbers of the scale."""
    return f"{0.93 * _place(queries, first, last):.2f}%"


def _high(value: float, top: float) -> str:
    return f"{TALL - 4 - (TALL - 16) * min(math.log10(max(value, 1.0)), top) / top:.1f}"


def strip(number: Number) -> str:
    """One feature: where other clients lie (shaded: nine in ten), the model's usual value, and this client's."""
    known = [value for value in (number.value, number.usual) if value is not None and value == value]
    low, high = min([*number.cohort, *known], default=0.0), max([*number.cohort, *known], default=1.0)
    parts = [tag("rect", x="0%", width="100%", y=STRIP / 2 - 1, height=2, klass="track")]
    if number.cohort:
        near, far = _quantile(number.cohort, 0.05), _quantile(number.cohort, 0.95)
        left, right = _place(near, low, high), _place(far, low, high)
        band = {"x": f"{left:.2f}%", "width": f"{max(right - left, 0.5):.2f}%"}
        parts.append(tag("rect", y=6, height=STRIP - 12, klass="area", rx=3, **band))
    if number.usual is not None:
        x = f"{_place(number.usual, low, high):.2f}%"
        parts.append(tag("line", x1=x, x2=x, y1=3, y2=STRIP - 3, klass="usual"))
    parts.append(tag("circle", cx=f"{_place(number.value, low, high):.2f}%", cy=STRIP / 2, r=5, klass="dot own"))
    told = f"{measured(number.feature)}: {written(number.feature, number.value)}"
    return tag("svg", "".join(parts), height=STRIP, role="img", aria_label=told, klass="strip")


def spark(number: Number) -> str:
    """The feature block by block."""
    path = [value for value in number.path if value == value][-60:]
    if len(path) < 2:
        return ""
    low, high = min(path), max(path)
    parts = []
    for at, (one, other) in enumerate(pairwise(path)):
        ends = {"x1": f"{_place(at, 0, len(path) - 1):.2f}%", "x2": f"{_place(at + 1, 0, len(path) - 1):.2f}%"}
        parts.append(tag("line", y1=_level(one, low, high), y2=_level(other, low, high), klass="path", **ends))
    return tag("svg", "".join(parts), height=STRIP, role="img", aria_label="block by block", klass="spark")


def _level(value: float, low: float, high: float) -> str:
    return f"{STRIP - 3 - (STRIP - 6) * (_place(value, low, high) / 100):.1f}"


def _quantile(values: Sequence[float], share: float) -> float:
    return values[min(len(values) - 1, int(share * len(values)))]


def _place(value: float, low: float, high: float) -> float:
    """Per cent of the width."""
    return 100 * (min(max(value, low), high) - low) / (high - low) if high > low else 50.0

"""Pictures of tuning: inline SVG, places in per cent of the width."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from monitor.console.markup import safe, tag
from monitor.console.tuning.measuring import Measured
from monitor.console.tuning.tuned import Tuned

TALL: Final = 190  # pixels
LEAST: Final = 0.03  # findings per 1,000 clients a day, below which nothing is told apart
LEFT, RIGHT = 7.0, 97.0  # per cent of the width
FOOT: Final = 24  # pixels for the scale below


def promised(tuned: Tuned) -> str:
    """False named findings that were promised (the budget) and delivered, both on a logarithmic scale."""
    budgets = [one.choice["engine.budget"] for one in tuned.runs]
    top = max(*budgets, *(one.most for one in tuned.runs), 1.0)
    parts = _grid(LEAST, top) + _scale(LEAST, top)
    parts.append(tag("line", x1=_x(LEAST, top), y1=_y(LEAST, top), x2=_x(top, top), y2=_y(top, top), klass="budget"))
    for one in _drawn(tuned):
        x = _x(one.choice["engine.budget"], top)
        told = f"budget {one.choice['engine.budget']:g}: {one.rate:.2f} delivered, at most {one.most:.2f}"
        parts.append(tag("line", x1=x, x2=x, y1=_y(one.rate, top), y2=_y(one.most, top), klass="path"))
        parts.append(tag("circle", tag("title", safe(told)), cx=x, cy=_y(one.rate, top), r=5, klass=_tone(one, tuned)))
    caption = (
        "Across: the budget, false named findings that it promises per 1,000 clients a day. Up: those that came, and"
        " the most that they may be with 95 % confidence. Below the broken line the promise is kept. Blue: in force;"
        " green: recommended."
    )
    return _figure(parts, caption, "Promised and delivered")


def power(tuned: Tuned) -> str:
    """Attackers named against false findings."""
    if not tuned.current.attackers:
        return ""
    top = max(*(one.rate for one in tuned.runs), 1.0)
    parts = _scale(LEAST, top)
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        y = _up(share)
        parts.append(tag("line", x1=f"{LEFT}%", x2=f"{RIGHT}%", y1=y, y2=y, klass="rule"))
        parts.append(tag("text", safe(f"{share:.0%}"), x=f"{LEFT - 1}%", y=f"{float(y) + 4:.1f}", text_anchor="end"))
    for one in _drawn(tuned):
        told = f"{', '.join(f'{value:g}' for value in one.choice.values())}: {one.found} of {one.attackers}"
        place = {"cx": _x(one.rate, top), "cy": _up(one.found / one.attackers)}
        parts.append(tag("circle", tag("title", safe(told)), r=5, klass=_tone(one, tuned), **place))
    caption = (
        "Across: false named findings per 1,000 clients a day. Up: attackers that were named. Blue: in force; green:"
        " recommended."
    )
    return _figure(parts, caption, "Attackers named against false findings")


def days(tuned: Tuned) -> str:
    """False named findings day by day, in force and recommended."""
    days = list(tuned.traffic.days)
    series = [(tuned.current, "low"), (tuned.best, "good")] if tuned.lines else [(tuned.best, "low")]
    top = max(*(rate for one, _ in series for rate in one.by_day().values()), 1.0)
    parts, wide = [], (RIGHT - LEFT) / len(days)
    for value in (0.0, top / 2, top):
        y = _up(value / top)
        parts.append(tag("line", x1=f"{LEFT}%", x2=f"{RIGHT}%", y1=y, y2=y, klass="rule"))
        parts.append(tag("text", safe(f"{value:.3g}"), x=f"{LEFT - 1}%", y=f"{float(y) + 4:.1f}", text_anchor="end"))
    for place, (one, tone) in enumerate(series):
        for at, (day, rate) in enumerate(one.by_day().items()):
            told = tag("title", safe(f"{_date(day)}: {rate:.3g} per 1,000 clients"))
            x = LEFT + wide * (at + 0.15 + 0.35 * place)
            y = _up(rate / top)
            high = f"{TALL - FOOT - float(y):.1f}"
            parts.append(
                tag("rect", told, x=f"{x:.2f}%", width=f"{wide * 0.32:.2f}%", y=y, height=high, klass=f"mark {tone}")
            )
    some = range(0, len(days), max(1, len(days) // 8))
    parts += [tag("text", safe(_date(days[at])), x=f"{LEFT + wide * (at + 0.15):.2f}%", y=TALL - 6) for at in some]
    caption = "False named findings per 1,000 clients, day by day. Blue: in force; green: recommended."
    return _figure(parts, caption, "False findings day by day")


def _drawn(tuned: Tuned) -> list[Measured]:
    """All choices, those that matter last: choices that come to the same lie on each other."""
    return sorted(tuned.runs, key=lambda one: (one.choice == tuned.best.choice, one.choice == tuned.current.choice))


def _tone(one: Measured, tuned: Tuned) -> str:
    return f"dot {'good' if one.choice == tuned.best.choice else 'low' if one.choice == tuned.current.choice else ''}"


def _figure(parts: Sequence[str], caption: str, told: str) -> str:
    picture = tag("svg", "".join(parts), height=TALL, role="img", aria_label=told)
    return tag("figure", picture + tag("figcaption", safe(caption)))


def _scale(low: float, top: float) -> list[str]:
    """The logarithmic scale below."""
    return [
        tag("text", safe(f"{10.0**decade:g}"), x=_x(10.0**decade, top), y=TALL - 6, text_anchor="middle")
        for decade in _decades(low, top)
    ]


def _grid(low: float, top: float) -> list[str]:
    parts = []
    for decade in _decades(low, top):
        y = _y(10.0**decade, top)
        parts.append(tag("line", x1=f"{LEFT}%", x2=f"{RIGHT}%", y1=y, y2=y, klass="rule"))
        told = safe(f"{10.0**decade:g}")
        parts.append(tag("text", told, x=f"{LEFT - 1}%", y=f"{float(y) + 4:.1f}", text_anchor="end"))
    return parts


def _decades(low: float, top: float) -> range:
    return range(math.ceil(math.log10(low)), math.floor(math.log10(top)) + 1)


def _share(value: float, top: float) -> float:
    low = math.log10(LEAST)
    return (math.log10(max(value, LEAST)) - low) / (math.log10(top) - low)


def _x(value: float, top: float) -> str:
    return f"{LEFT + (RIGHT - LEFT) * _share(value, top):.2f}%"


def _y(value: float, top: float) -> str:
    return _up(_share(value, top))


def _up(share: float) -> str:
    return f"{TALL - FOOT - (TALL - FOOT - 10) * share:.1f}"


def _date(day: int) -> str:
    return f"{datetime.fromtimestamp(day * 86_400, UTC):%-d %b}"

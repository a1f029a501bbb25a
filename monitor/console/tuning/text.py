"""What tuning came to, on a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from click import style

from monitor.console.tuning.choosing import Line
from monitor.console.tuning.measuring import Measured
from monitor.console.tuning.tuned import Tuned


def lines(tuned: Tuned) -> Iterator[str]:
    """Line by line."""
    traffic = tuned.traffic
    yield f"{traffic.queries:,} queries of {len(traffic.days)} days, {traffic.client_days:,} times a client on a day"
    drills = sum(len(log.drills) for log in traffic.logs)
    if drills:
        yield f"{drills:,} records of drills among them: whoever else is named counts as accused in vain"
    if traffic.unfit:
        yield f"not drilled, as no model of the log can be asked so: {', '.join(traffic.unfit)}"
    yield ""
    yield style("   budget  novelty  vote    false    most   novel      found  after", bold=True)
    for one in sorted(tuned.runs, key=lambda one: tuple(one.choice.values())):
        yield _row(one, tuned)
    yield "false, most, novel: findings about nobody who attacks, per 1,000 clients a day (most: with 95 % confidence)"
    yield "found: attackers that were named; after: queries until half of all were; * in force, > recommended"
    yield from _days(tuned)
    yield from _recommended(tuned)


def _row(one: Measured, tuned: Tuned) -> str:
    mark = (">" if one.choice == tuned.best.choice else " ") + ("*" if one.choice == tuned.current.choice else " ")
    budget, novelty, vote = one.choice.values()
    delay = "-" if one.delay is None else f"{one.delay:g}"
    return (
        f"{mark}{budget:7g} {novelty:8g} {vote:5g}  {one.rate:7.2f} {one.most:7.2f} {one.novelty_rate:7.2f}"
        f"  {one.found:4}/{one.attackers:<4} {delay:>6}"
    )


def _days(tuned: Tuned) -> Iterator[str]:
    """How much the days differ."""
    told = (("in force", tuned.current), ("recommended", tuned.best))
    for name, one in told if tuned.lines else told[:1]:
        rates = list(one.by_day().values())
        if rates:
            yield f"day by day, {name}: {min(rates):.3g} to {max(rates):.3g} false named findings per 1,000 clients"


def _recommended(tuned: Tuned) -> Iterator[str]:
    yield ""
    if not tuned.kept:
        yield f"no choice keeps what is accepted ({tuned.accepted}): this comes nearest"
    if not tuned.lines:
        yield style("RECOMMENDED", bold=True) + "  nothing: what is in force is best of what was tried"
        return
    yield style("RECOMMENDED", bold=True)
    for line in tuned.lines:
        yield from _line(line)
    if len(tuned.lines) > 1:
        yield "  all together"
        yield from (f"    attackers: {gain}" for gain in tuned.total)


def _line(line: Line) -> Iterator[str]:
    yield f"  {line.name}: {line.before:g} -> {line.after:g}"
    yield f"    {line.reason()}"
    for gain in line.gains:
        told = f"    {'an attacker gains' if gain.worse else 'an attacker loses'}: {gain}"
        yield style(told, fg="red") if gain.worse else told
    if not line.gains:
        yield "    an attacker gains nothing that was measured"

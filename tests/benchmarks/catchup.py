"""Catching up after an outage: how long one process on one core takes for an hour's records, by its measured speed.

A backlog is written as an outage leaves it, with the event times of 5,000 records a second, and read by the product
from Kafka to delivered alerts, snapshots and commits. Speed counts over the second half of the backlog: learning is
settled by then, and windows are as full as they get. Whether it was steady there is said: the slowest tenth of the
whole against the median of its tenths. While the process catches up records keep coming at the same rate, so that an
hour takes 18,000,000 / (speed - 5,000) seconds. Snapshots are due every 30 seconds, as in production; a backlog that
is read faster than that has the one at its end alone, and its time counts.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
from goals import Report, at_most
from group import Member, together
from load import Shape
from printed import table
from speed import loaded

RATE: Final = 5_000
OUTAGE: Final = 3_600.0  # seconds
BAR: Final = 6.0  # minutes
STEADY: Final = 0.85  # of the median, for the slowest tenth of the second half
TENTHS: Final = 10


def tenths(member: Member) -> list[float]:
    """Records a second in each tenth of the backlog; the last one ends when all was saved.

    >>> tenths(Member(100, 0.0, 10.0, 9.0, [(0.0, 0), (10.0, 100)]))[:2]
    [10.0, 10.0]
    """
    times, counts = (np.array(part, float) for part in zip(*[(member.begun, 0), *member.marks], strict=True))
    at = np.interp(np.linspace(0, member.records, TENTHS + 1), counts, times)
    at[-1] = member.ended
    return [float(one) for one in member.records / TENTHS / np.diff(at)]


def minutes(rate: float) -> float:
    """Minutes for the outage, new records at the same rate as before; infinite where it is never done.

    >>> round(minutes(55_000), 3), minutes(4_000)
    (6.0, inf)
    """
    return OUTAGE * RATE / (rate - RATE) / 60 if rate > RATE else float("inf")


def report(member: Member) -> Report:
    """Speed by tenth, and the time that follows."""
    each = tenths(member)
    half = each[TENTHS // 2 :]
    rate = len(half) / sum(1 / one for one in half)
    level = min(half) / float(np.median(half))
    word = "steady" if level >= STEADY else "**not steady: give it more records, or a quiet machine**"
    rows = [[f"{10 * at} to {10 * at + 10} %", f"{one:,.0f}"] for at, one in enumerate(each)]
    text = (
        f"# Catching up: {member.records:,} records of 48 numbers waiting, one core, from Kafka\n\n"
        f"- second half: **{rate:,.0f} records/s**, slowest tenth {level:.0%} of the median: {word}\n"
        f"- an hour at {RATE:,} records/s, while as many keep coming: **{minutes(rate):.1f} minutes**; "
        f"without new ones {OUTAGE * RATE / rate / 60:.1f}\n- {rate / RATE:.1f} times real time\n\n"
    )
    goals = [at_most("an hour's outage at 5,000 records/s caught up within 6 minutes", BAR, minutes(rate), "{:.1f}")]
    figures = {"records/s": rate, "minutes for an hour": minutes(rate)}
    return Report(
        "catchup",
        text + table(("of the backlog", "records/s"), rows),
        figures,
        goals,
        asdict(member),
        lambda: draw(each),
    )


def draw(each: Sequence[float]) -> Any:
    """Speed by tenth."""
    import drawing

    figure, axis = drawing.plt.subplots(figsize=(7, 3.2), layout="constrained")
    axis.plot(np.arange(TENTHS) * 10 + 5, each, "o-", color=drawing.OURS)
    axis.axhline(OUTAGE * RATE / BAR / 60 + RATE, color=drawing.WARM, lw=1, ls="--")
    axis.set(ylim=(0, None), xlabel="per cent of the backlog")
    axis.set_title("Records a second while catching up; dashed: what 6 minutes for an hour need")
    return figure


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, fill, measure, print and save."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--kafka", metavar="BOOTSTRAP", required=True, help="brokers, host:port")
    asked.add_argument("--records", type=int, default=1_000_000, help="records of the backlog (1,000,000)")
    asked.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)), help="core to read on (the last)")
    asked.add_argument("--save", type=Path, metavar="FOLDER", help="keep table and picture there, and the figures")
    wish = asked.parse_args(arguments)
    with loaded(wish.records, Shape(gap=1_000 / RATE), wish.kafka) as load:
        (member,) = together(load, [wish.core])
    report(member).finish(wish.save)


if __name__ == "__main__":
    main()

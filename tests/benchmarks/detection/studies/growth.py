"""What a query costs as clients and windows grow: the record of 48 numbers, features and detectors together, one core.

Queries go into the engine as columns, so that neither JSON nor sketching is in the figure. Volumes over clients follow
Zipf's law: few with full windows, many with a handful of queries; every client comes at least once.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from typing import Any, Final

import memory
from bars import COST
from owner import maker_for, warmed
from playing import PARTITION
from printed import table
from stages import FIELDS, Stages

from monitor.config.engine import EngineSettings
from studies.kept import command, keep

CLIENTS: Final = 20_000
MEAN: Final = 20.0
STRETCHES: Final = 10
MICRO: Final = 1e6
BEFORE: Final = frozenset({FIELDS, "cut into slots", "columns", "sketch"})  # making the queries is not the engine


@dataclass(frozen=True, slots=True)
class Stretch:
    """So many queries: what there was when they had been fed, and what one of them took, in microseconds."""

    queries: int
    clients: int
    microseconds: float
    bytes_a_client: float


def measure(clients: int, mean: float, stages: Stages | None = None) -> list[Stretch]:
    """Feed one engine and look at it ten times; with clocks in it where stages are given."""
    counts = memory.volumes(clients, mean)
    engine = warmed(maker_for(None, EngineSettings(clients=max(clients, 2_048))))(PARTITION, None)
    every, spent, since, found = int(counts.sum()) // STRETCHES, 0.0, 0, []
    with stages.clocks() if stages is not None else nullcontext():
        for queries in memory.stream("dense", counts):
            begun = time.process_time()
            engine.feed(queries)
            spent += time.process_time() - begun
            since += len(queries)
            if since >= every:
                stats = engine.stats()
                found.append(Stretch(stats.queries, stats.clients, MICRO * spent / since, stats.bytes / stats.clients))
                spent, since = 0.0, 0
    return found


def whole(found: Sequence[Stretch]) -> float:
    """Microseconds of a query over all stretches."""
    before, total = 0, 0.0
    for one in found:
        total += one.microseconds * (one.queries - before)
        before = one.queries
    return total / max(before, 1)


def breakdown(stages: Stages, queries: int) -> list[tuple[str, float]]:
    """Microseconds of a query by stage of the engine, the largest first."""
    spent = {stage: seconds for stage, seconds in stages.seconds().items() if stage not in BEFORE}
    told = [(stage, MICRO * seconds / queries) for stage, seconds in spent.items()]
    return sorted(told, key=lambda pair: -pair[1])


def report(found: Sequence[Stretch], parts: Sequence[tuple[str, float]]) -> str:
    """The account as Markdown."""
    rows = [
        [f"{one.queries:,}", f"{one.clients:,}", f"{one.microseconds:.1f}", f"{one.bytes_a_client:,.0f}"]
        for one in found
    ]
    mean = whole(found)
    return "\n".join(
        [
            f"# What a query costs: {found[-1].queries:,} queries of 48 numbers, {found[-1].clients:,} clients\n",
            f"- features and detectors: **{mean:.1f} µs** a query; at most {COST:.0f} are wanted: "
            f"{'MET' if mean <= COST else '**MISSED**'}\n- load of the machine {os.getloadavg()[0]:.1f}, one core\n",
            table(("queries", "clients", "µs a query", "bytes a client"), rows, 0),
            "## Where the time goes (another pass, with clocks in it)\n",
            table(("stage", "µs a query"), [[stage, f"{each:.2f}"] for stage, each in parts]),
        ]
    )


def draw(found: Sequence[Stretch], parts: Sequence[tuple[str, float]]) -> Any:
    """Cost and bytes over queries, and the stages."""
    import picture

    figure, (cost, size, stage) = picture.plt.subplots(1, 3, figsize=(13, 3.8), layout="constrained")
    at = [one.queries for one in found]
    cost.plot(at, [one.microseconds for one in found], "o-", color="#0b3c8c", ms=4)
    cost.axhline(COST, color="#d1495b", lw=1, ls="--")
    cost.annotate(f"wanted: {COST:.0f}", (at[0], COST), xytext=(0, 4), textcoords="offset points", color="#d1495b")
    cost.set(ylim=(0, None), xlabel="queries so far")
    cost.set_title("µs a query: features and detectors")
    size.plot(at, [one.bytes_a_client / 1024 for one in found], "o-", color="#159a8c", ms=4)
    size.set(ylim=(0, None), xlabel="queries so far")
    size.set_title("KiB a client")
    for axis in (cost, size):
        axis.xaxis.set_major_formatter(picture.mpl.ticker.FuncFormatter(lambda value, _: f"{value / 1000:,.0f} k"))
    names, each = [name for name, _ in parts][::-1], [value for _, value in parts][::-1]
    stage.barh(names, each, color="#5b8def", height=0.6)
    stage.grid(visible=False, axis="y")
    stage.set_title("µs a query by stage")
    return figure


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, measure, print and save."""
    wish = command(__doc__, arguments, scenes=None)
    clients = 200 if wish.small else CLIENTS
    found = measure(clients, MEAN)
    stages = Stages()
    parts = breakdown(stages, measure(clients, MEAN, stages)[-1].queries)
    tree = {"microseconds": whole(found), "stretches": [asdict(one) for one in found], "stages": dict(parts)}
    keep(wish.save, "growth", report(found, parts), tree, lambda: draw(found, parts))


if __name__ == "__main__":
    main()

"""Two processes on two cores beside one on one: the same topic, real Kafka, one group (group.py says how).

The broker needs time too. On a machine of two cores it takes it from both processes, so that the figure is what two
cores give with the broker on them; with more cores the broker gets the rest.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from goals import Report, at_least
from group import Member, speed, together
from load import Shape
from printed import table
from speed import loaded

BAR: Final = 1.8


def report(records: int, rounds: dict[int, list[list[Member]]]) -> Report:
    """The best round of each number of processes."""
    best = {count: max(speed(members) for members in of) for count, of in rounds.items()}
    one, rows = best[1], []
    for count, fast in best.items():
        members = max(rounds[count], key=speed)
        shares = ", ".join(f"{each.records:,}" for each in members)
        cost = sum(each.cpu for each in members) / records * 1e6
        rows.append([count, f"{fast:,.0f}", f"{fast / one:.2f}", f"{cost:.1f}", shares])
    heads = ("processes", "records/s", "times one", "CPU µs a record", "records of each")
    text = f"# Several processes: {records:,} records of 48 numbers, a core each, from Kafka\n\n{table(heads, rows)}"
    times = {f"{count} processes, times one": fast / one for count, fast in best.items() if count > 1}
    goals = [at_least("two processes on two cores 1.8 times as fast as one", BAR, best.get(2, 0.0) / one, "{:.2f}")]
    tree = {str(count): [[asdict(each) for each in members] for members in of] for count, of in rounds.items()}
    figures = times | {f"{count} processes, records/s": fast for count, fast in best.items()}
    return Report("scale", text, figures, goals, tree)


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, fill, measure, print and save."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--kafka", metavar="BOOTSTRAP", required=True, help="brokers, host:port")
    asked.add_argument("--records", type=int, default=300_000, help="records of the load (300,000)")
    asked.add_argument("--processes", type=int, default=2, help="most processes (2)")
    asked.add_argument("--rounds", type=int, default=2, help="passes of each number (2)")
    asked.add_argument("--save", type=Path, metavar="FOLDER", help="keep the table there, and the figures")
    wish = asked.parse_args(arguments)
    cores = sorted(os.sched_getaffinity(0))[-wish.processes :]
    if len(cores) < wish.processes:
        asked.error(f"this machine has {len(cores)} cores")
    rounds: dict[int, list[list[Member]]] = {count: [] for count in range(1, wish.processes + 1)}
    with loaded(wish.records, Shape(partitions=4 * wish.processes), wish.kafka) as load:
        for _ in range(wish.rounds):
            for count, of in rounds.items():
                of.append(together(load, cores[-count:]))
                print(f"{count} processes: {speed(of[-1]):,.0f} records/s", flush=True)
    report(wish.records, rounds).finish(wish.save)


if __name__ == "__main__":
    main()

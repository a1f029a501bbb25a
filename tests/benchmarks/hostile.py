"""What an attacker can make the reader pay: processor time for a byte, by attack, beside that of the ordinary record.

Decoder and engine together, in one process and without Kafka, on records of attacks.py. Each attack comes to an engine
that has learnt ordinary traffic; the ordinary record is measured in the same way, in every round, and the best round
counts. The cost of a byte is what a sender has to pay for: a rate limit of bytes bounds it.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import Any, Final

import numpy as np
from attacks import Attack, attacks
from goals import Report, at_most
from load import Shape, records
from printed import table

from monitor.config.settings import Settings
from monitor.record.decode import Decoder
from monitor.record.raw import Partition, RawBatch
from monitor.runtime.engines import engine_maker
from monitor.runtime.keys import OPEN_KEYS
from monitor.runtime.warmup import settle, warm_up

BAR: Final = 5.0  # times the ordinary record's cost of a byte
HERE: Final = Partition("hostile", 0)
BATCH: Final = 500  # records
BYTES: Final = 1 << 22  # of a batch, about
PRIMED: Final = 10_000
ORDINARY: Final = "ordinary record"


@dataclass(frozen=True, slots=True)
class Cost:
    """What records of one kind took: how many, their bytes, how many were refused, and processor seconds."""

    name: str
    records: int
    size: int
    refused: int
    seconds: float

    @property
    def of_byte(self) -> float:
        """Nanoseconds of a byte."""
        return self.seconds / self.size * 1e9


class Victim:
    """Decoder and engine, and what they had learnt before."""

    def __init__(self, primed: int) -> None:
        self._make = engine_maker(Settings(), OPEN_KEYS)
        self._decoder = Decoder(OPEN_KEYS)
        warm_up(self._decoder, self._make)
        engine, self._first = self._make(HERE, None), [line for _, line in records(primed, Shape())]
        for batch in _batches(iter(self._first)):
            engine.feed(self._decoder.decode(batch).queries)
        self._learnt = engine.dump()
        settle()

    def cost(self, attack: Attack, seconds: float) -> Cost:
        """What an attack takes; it goes on for so many processor seconds, and for two batches at least."""
        engine, spent, seen, size, refused = self._make(HERE, self._learnt), 0.0, 0, 0, 0
        for number, batch in enumerate(_batches(map(attack.record, count()))):
            begun = time.thread_time()
            decoded = self._decoder.decode(batch)
            engine.feed(decoded.queries)
            took = time.thread_time() - begun
            if number == 0:  # tables grow and kernels load
                continue
            spent, seen, size = spent + took, seen + len(batch), size + sum(map(len, batch.payloads))
            refused += len(decoded.rejected)
            if spent >= seconds:
                break
        return Cost(attack.name, seen, size, refused, spent)


def _batches(lines: Iterator[bytes]) -> Iterator[RawBatch]:
    """Cut into batches of so many records, or of so many bytes."""
    start, held, size = 0, list[bytes](), 0
    for line in lines:
        held.append(line)
        size += len(line)
        if len(held) == BATCH or size >= BYTES:
            yield _batch(held, start)
            start, held, size = start + len(held), [], 0
    if held:
        yield _batch(held, start)


def _batch(held: list[bytes], start: int) -> RawBatch:
    stop = start + len(held)
    return RawBatch(HERE, held, np.arange(start, stop), np.full(len(held), -1, np.int64), stop)


def ordinary(seed: int) -> Attack:
    """The record that everything is compared with."""
    lines = [line for _, line in records(20_000, Shape(), seed)]
    return Attack(ORDINARY, lambda at: lines[at % len(lines)])


def measure(seconds: float, rounds: int, primed: int = PRIMED, some: Sequence[Attack] | None = None) -> dict[str, Cost]:
    """The best round of each attack, the ordinary record first."""
    victim, best = Victim(primed), dict[str, Cost]()
    for number in range(rounds):
        for attack in (ordinary(number + 2), *(attacks() if some is None else some)):
            cost = victim.cost(attack, seconds)
            if attack.name not in best or cost.of_byte < best[attack.name].of_byte:
                best[attack.name] = cost
            print(f"round {number + 1}, {attack.name}: {cost.of_byte:,.1f} ns a byte", flush=True)
    return best


def report(best: dict[str, Cost]) -> Report:
    """By attack, the dearest first."""
    usual = best[ORDINARY].of_byte
    order = sorted(best.values(), key=lambda cost: -cost.of_byte)
    rows = []
    for cost in order:
        times = cost.of_byte / usual
        rows.append([cost.name, f"{cost.size / cost.records:,.0f}", f"{cost.refused / cost.records:.0%}",
                     f"{cost.seconds / cost.records * 1e6:,.1f}", f"{cost.of_byte:,.1f}",
                     f"**{times:.1f}**" if times > BAR else f"{times:.1f}"])  # fmt: skip
    heads = ("records", "bytes each", "refused", "µs a record", "ns a byte", "times the ordinary")
    text = f"# What hostile records cost: decoder and engine, one core\n\n{table(heads, rows)}"
    over = sum(cost.of_byte > BAR * usual for cost in order)
    worst = order[0].of_byte / usual
    goals = [at_most(f"no attack costs more than {BAR:g} times the ordinary record's byte", BAR, worst,
                     f"{{:.1f}}, {over} of {len(order) - 1} attacks are dearer than that")]  # fmt: skip
    figures = {f"{cost.name}, times": cost.of_byte / usual for cost in order if cost.name != ORDINARY}
    return Report("hostile", text, figures, goals, [asdict(cost) for cost in order], lambda: draw(order, usual))


def draw(order: Sequence[Cost], usual: float) -> Any:
    """Times the ordinary record's byte."""
    import drawing

    figure, axis = drawing.plt.subplots(figsize=(8, 0.2 * len(order) + 1), layout="constrained")
    dear = [cost.name for cost in order if cost.of_byte > BAR * usual]
    names = [cost.name for cost in order]
    drawing.bars(axis, names, [cost.of_byte / usual for cost in order], dear, "Cost of a byte, times the ordinary")
    axis.set_xscale("log")
    axis.axvline(BAR, color=drawing.WARM, lw=1, ls="--")
    return figure


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, measure, print and save."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--seconds", type=float, default=0.5, help="processor seconds of each attack and round (0.5)")
    asked.add_argument("--rounds", type=int, default=2, help="rounds (2)")
    asked.add_argument("--only", nargs="+", metavar="WORD", help="attacks whose names hold one of these words")
    asked.add_argument("--save", type=Path, metavar="FOLDER", help="keep table and picture there, and the figures")
    wish = asked.parse_args(arguments)
    some = [one for one in attacks() if not wish.only or any(word in one.name for word in wish.only)]
    report(measure(wish.seconds, wish.rounds, some=some)).finish(wish.save)


if __name__ == "__main__":
    main()

"""How cost grows: with clients (flat), input size (linear), window (linear), detectors (linear), partitions (flat).

One process on one core, without Kafka. The points of a curve are taken in turn in every round; the best round of a
point counts. Clients, window, detectors and partitions are measured on queries that are columns already, so that
neither JSON nor sketching is in them; input size goes through the decoder too. Fits are left out: they come at every
doubling of a model's queries, and every 262,144 in the end, so that short runs would show nothing else. Flat is a
curve whose last point is not much dearer than its first; linear one that rises no faster than in proportion.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import numpy as np
import orjson
from goals import Goal, Report, at_most
from memory import CHUNK, SAMPLES, _chunk, sample
from printed import table
from stages import FITS, Stages

from detectors.features.layout import PAGE
from detectors.novelty import Novelty
from detectors.sketch.queries import Queries
from monitor.config.engine import EngineSettings
from monitor.config.settings import Settings
from monitor.engine.partition import PartitionEngine
from monitor.record.decode import Decoder
from monitor.record.raw import Partition, RawBatch
from monitor.runtime import engines
from monitor.runtime.engines import engine_maker
from monitor.runtime.keys import OPEN_KEYS
from monitor.runtime.warmup import settle, warm_up

MICRO: Final = 1e6
HERE: Final = Partition("growth", 0)
TURNS: Final = 20  # queries of each client that goes on, before it counts and while it does
FLATNESS: Final = 1.3  # of the first point, for the last one
POWER: Final = 1.1  # with which a curve may rise from its middle to its end: 1 is in proportion
FLAT, LINEAR = "flat", "linear"


@dataclass(frozen=True, slots=True)
class Curve:
    """Cost over one quantity: `shape` is what is wanted, `at` the points, `cost` microseconds of a query there."""

    name: str
    unit: str
    shape: str
    at: list[float]
    cost: list[float]

    @property
    def reached(self) -> float:
        """Of a flat curve the last point over the first; of a linear one the power with which its upper half rises."""
        if self.shape == FLAT:
            return self.cost[-1] / self.cost[0]
        middle = len(self.at) // 2
        return float(np.log(self.cost[-1] / self.cost[middle]) / np.log(self.at[-1] / self.at[middle]))

    @property
    def goal(self) -> Goal:
        """Whether it has its shape."""
        if self.shape == FLAT:
            return at_most(f"flat in {self.name}: last over first {FLATNESS} at most", FLATNESS, self.reached)
        return at_most(f"linear in {self.name}: rises with a power of {POWER} at most", POWER, self.reached)


class Meter:
    """Feeds engines and says what it took, fits apart."""

    def __init__(self) -> None:
        self._stages = Stages()

    def clock(self) -> AbstractContextManager[None]:
        """Within, fits are told apart."""
        return self._stages.clocks(FITS)

    def took(self, work: Callable[[], object]) -> float:
        """Seconds of processor time of this thread."""
        begun, before = time.thread_time(), self._fits()
        work()
        return time.thread_time() - begun - (self._fits() - before)

    def _fits(self) -> float:
        return self._stages.seconds().get(FITS, 0.0)


METER: Final = Meter()


def best(rounds: int, points: Sequence[float], measured: Callable[[float], float]) -> list[float]:
    """The cheapest round of each point; rounds go through all points in turn."""
    found = np.full((rounds, len(points)), np.inf)
    for number in range(rounds):
        for place, point in enumerate(points):
            found[number, place] = measured(point)
    return [float(one) for one in found.min(axis=0)]


def fed(engine_of: Callable[[int], PartitionEngine], chunks: Iterator[tuple[int, Queries]], skip: int) -> float:
    """Microseconds of a query of each chunk's engine; the first so many queries do not count."""
    spent, seen, counted = 0.0, 0, 0
    for number, chunk in chunks:
        engine = engine_of(number)
        took, seen = METER.took(partial(engine.feed, chunk)), seen + len(chunk)
        if seen > skip:
            spent, counted = spent + took, counted + len(chunk)
    return MICRO * spent / max(counted, 1)


def drawn(clients: int, count: int, parts: int = 1) -> Iterator[tuple[int, Queries]]:
    """So many queries of clients that all come equally often, in chunks, each for the next of so many parts."""
    rng, inputs = np.random.default_rng(clients), sample("dense")
    size = max(1, min(2_000, count // (8 * parts)))
    for number, start in enumerate(range(0, count, size)):
        of = number % parts  # a client belongs to one part
        own = (rng.integers(0, max(clients // parts, 1), min(size, count - start)) * parts + of).tolist()
        at = np.arange(start, start + len(own), dtype=np.int64)
        yield of, _chunk(inputs, own, at, rng.integers(0, SAMPLES, len(own)))


def over_clients(points: Sequence[int], active: int, rounds: int) -> Curve:
    """More clients are remembered, of whom each came once; of them as many go on each time, scattered among the others:
    their windows are as full whatever the number of the rest."""
    inputs, make = sample("dense"), _maker(EngineSettings(clients=max(*points, 2_048)))

    def measured(clients: float) -> float:
        rng, engine, at, spent = np.random.default_rng(7), make(HERE, None), 0, 0.0
        everybody = rng.permutation(int(clients))
        those = everybody[:active]
        turns = [everybody[start : start + CHUNK] for start in range(0, len(everybody), CHUNK)] + [those] * 2 * TURNS
        for number, own in enumerate(turns):
            offsets = np.arange(at, at + len(own), dtype=np.int64)
            chunk = _chunk(inputs, own.tolist(), offsets, rng.integers(0, SAMPLES, len(own)))
            took, at = METER.took(partial(engine.feed, chunk)), at + len(own)
            spent += took if number >= len(turns) - TURNS else 0.0
        return MICRO * spent / (TURNS * len(those))

    return Curve("clients", "clients remembered", FLAT, [float(one) for one in points], best(rounds, points, measured))


def over_partitions(points: Sequence[int], queries: int, rounds: int) -> Curve:
    """More partitions, each with an engine, clients and as many queries of its own."""
    make = _maker(EngineSettings())

    def measured(partitions: float) -> float:
        parts = int(partitions)
        held = [make(Partition("growth", number), None) for number in range(parts)]
        return fed(held.__getitem__, drawn(500 * parts, queries * parts, parts), queries * parts // 2)

    return Curve("partitions", "partitions", FLAT, [float(one) for one in points], best(rounds, points, measured))


def over_window(pages: Sequence[int], clients: int, rounds: int) -> Curve:
    """Every client asks once in each turn, so that all windows are as full at the same time: what the turns of a page
    cost. A window of dense inputs ends at 11 pages of 8."""
    inputs, make = sample("dense"), _maker(EngineSettings(clients=max(clients, 2_048)))
    found = np.full((rounds, len(pages)), np.inf)
    for number in range(rounds):
        rng, engine, at = np.random.default_rng(5), make(HERE, None), 0
        for page in range(max(pages) + 1):
            spent = 0.0
            for _ in range(PAGE):
                offsets = np.arange(at, at + clients, dtype=np.int64)
                chunk = _chunk(inputs, list(range(clients)), offsets, rng.integers(0, SAMPLES, clients))
                spent, at = spent + METER.took(partial(engine.feed, chunk)), at + clients
            if page in pages:
                found[number, pages.index(page)] = MICRO * spent / (PAGE * clients)
    entries = [float(page * PAGE + PAGE / 2) for page in pages]
    return Curve("window", "earlier queries of a client", LINEAR, entries, [float(one) for one in found.min(axis=0)])


def over_detectors(points: Sequence[int], queries: int, rounds: int) -> Curve:
    """More and more of the registered detectors, in the order of their names; novelty is always there."""
    registered = dict(engines.detector_classes())
    others = sorted(name for name, made in registered.items() if made is not Novelty)

    def measured(count: float) -> float:
        some = {name: registered[name] for name in others[: int(count)]}
        with patch.object(engines, "detector_classes", lambda: some):
            engine = _maker(EngineSettings())(HERE, None)
        return fed(lambda _: engine, drawn(2_000, queries), queries // 2)

    known = [min(one, len(others)) for one in points]
    return Curve("detectors", "detectors beside novelty", LINEAR, [float(one) for one in known],
                 best(rounds, known, measured))  # fmt: skip


def over_input(points: Sequence[int], records: int, rounds: int) -> Curve:
    """Records of wider vectors, from bytes to findings."""
    decoder, make = Decoder(OPEN_KEYS), _maker(EngineSettings())
    rng = np.random.default_rng(3)

    def measured(width: float) -> float:
        count = max(200, int(records * 48 / width))
        values = rng.normal(size=(64, int(width))).round(4).tolist()
        lines = [
            orjson.dumps(
                {
                    "client": f"c{at % 100}",
                    "model": "m",
                    "time": 1_790_000_000_000 + at,
                    "input": {"vector": values[at % 64]},
                }
            )
            for at in range(count)
        ]
        engine, spent = make(HERE, None), 0.0
        for turn in range(2):  # the second one counts
            spent = 0.0
            for start in range(0, count, 500):
                some = lines[start : start + 500]
                offsets = np.arange(start, start + len(some)) + turn * count
                batch = RawBatch(HERE, some, offsets, np.full(len(some), -1, np.int64), int(offsets[-1]) + 1)
                spent += METER.took(lambda batch=batch: engine.feed(decoder.decode(batch).queries))
        return MICRO * spent / count

    return Curve("input", "numbers of an input", LINEAR, [float(one) for one in points], best(rounds, points, measured))


def _maker(settings: EngineSettings) -> Callable[..., PartitionEngine]:
    make = engine_maker(Settings(engine=settings), OPEN_KEYS)
    warm_up(Decoder(OPEN_KEYS), make)
    settle()
    return make


def measure(rounds: int, scale: float) -> list[Curve]:
    """All curves; `scale` times the usual number of queries."""
    queries = int(200_000 * scale)
    clients = [each for each in (1_000, 10_000, 100_000, 1_000_000) if each <= max(5 * queries, 10_000)]
    kinds: tuple[Callable[[], Curve], ...] = (
        lambda: over_clients(clients, min(1_000, clients[0]), rounds),
        lambda: over_input((16, 48, 128, 512, 2_048), int(20_000 * scale), rounds),
        lambda: over_window((0, 2, 4, 6, 8, 10), max(50, int(1_000 * scale)), rounds),
        lambda: over_detectors((1, 4, 7, 10, 13), queries // 2, rounds),
        lambda: over_partitions((1, 4, 16), queries // 8, rounds),
    )
    curves = []
    with METER.clock():
        for curve in kinds:
            curves.append(curve())
            print(f"{curves[-1].name}: {', '.join(f'{one:.1f}' for one in curves[-1].cost)} µs", flush=True)
    return curves


def report(curves: Sequence[Curve]) -> Report:
    """A table of each curve, and whether it has the shape that is wanted."""
    parts, figures = ["# How cost grows: processor time of a query, one core\n"], {}
    for curve in curves:
        rows = [[f"{at:,.0f}", f"{cost:.1f}"] for at, cost in zip(curve.at, curve.cost, strict=True)]
        parts += [f"## {curve.name}: {curve.shape}\n", table((curve.unit, "µs a query"), rows, 0)]
        figures |= {f"{curve.name} {at:,.0f}, µs": cost for at, cost in zip(curve.at, curve.cost, strict=True)}
    tree = {curve.name: {"shape": curve.shape, "at": curve.at, "cost": curve.cost} for curve in curves}
    return Report("growth", "\n".join(parts), figures, [curve.goal for curve in curves], tree, lambda: draw(curves))


def draw(curves: Sequence[Curve]) -> Any:
    """One picture of each curve, with its straight line."""
    import drawing

    figure, axes = drawing.plt.subplots(1, len(curves), figsize=(3.1 * len(curves), 3.2), layout="constrained")
    for axis, curve in zip(np.atleast_1d(axes), curves, strict=True):
        axis.plot(curve.at, curve.cost, "o-", color=drawing.OURS, ms=4)
        if curve.shape == LINEAR:
            line = np.polyfit(curve.at, curve.cost, 1)
            axis.plot(curve.at, np.polyval(line, curve.at), "--", color=drawing.THEIRS, lw=1)
        else:
            axis.set_xscale("log")
        axis.set(ylim=(0, None), xlabel=curve.unit)
        axis.set_title(f"{curve.name}: {curve.shape}")
    np.atleast_1d(axes)[0].set_ylabel("µs a query")
    return figure


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, measure, print and save."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--rounds", type=int, default=2, help="rounds (2)")
    asked.add_argument("--scale", type=float, default=1.0, help="times the usual number of queries (1.0)")
    asked.add_argument("--save", type=Path, metavar="FOLDER", help="keep tables and picture there, and the figures")
    wish = asked.parse_args(arguments)
    report(measure(wish.rounds, wish.scale)).finish(wish.save)


if __name__ == "__main__":
    main()

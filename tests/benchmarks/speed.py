"""Speed on one core, end to end from a Kafka topic, from a file and from memory, beside what others take for it.

Fills a topic from a process of its own, then lets each contender read all of it in a fresh process that is pinned to
one core; round by round, so that a busy neighbour hurts all of them; the best round counts. Without --kafka only files
and memory are read. --matrix measures floor and product on other loads instead.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final, TypeVar
from uuid import uuid4

from contenders import FILE, KAFKA, MEMORY, PER_EVENT, STAGES, Load, missing, run, run_outsider
from goals import Goal, Report, at_least
from load import CODECS, KINDS, USUAL, Shape, fill_topic, remove_topic, write_file
from outsiders import OUTSIDERS
from printed import table
from stages import gone
from stopwatch import Run, pinned

from detectors.registry import registered

FLOOR_BAR: Final = 1.6  # times the floor's time for a record of 48 numbers
BARS: Final = {"vectors": 60_000, "tables": 80_000, "images": 30_000, "prompts": 40_000}  # records a second
TUTORIAL_BAR: Final = 10.0
ENGINES_BAR: Final = 3.0
ENGINES: Final = ("quix", "quix-unsaved", "bytewax", "bytewax-unsaved")
PYTHON: Final = Path(__file__).parents[2] / ".venv-rivals" / "bin" / "python"
MEANING: Final = {
    "client": "Kafka, kafka-python as it comes, nothing else",
    "confluent": "Kafka, confluent-kafka, nothing else",
    "floor": "Kafka, whole batches, JSON parsed, nothing else",
    "stock": "Kafka, kafka-python as it comes, JSON parsed",
    "product": "Kafka to delivered alerts, snapshot and commit",
    "tutorial": "Kafka, json, StandardScaler and HalfSpaceTrees",
    "quix": "Kafka, Quix Streams, four features, state saved",
    "quix-unsaved": "Kafka, Quix Streams, four features, nothing saved",
    "bytewax": "Kafka, Bytewax, four features, state saved",
    "bytewax-unsaved": "Kafka, Bytewax, four features, nothing saved",
    "floor-file": "file, JSON parsed, nothing else",
    "product-file": "file to delivered alerts and snapshot",
    "tutorial-file": "file, json, StandardScaler and HalfSpaceTrees",
    "bytewax-file": "file, Bytewax, four features, nothing saved",
    "floor-memory": "memory, JSON parsed, nothing else",
    "product-memory": "memory to delivered alerts and snapshot",
    "features-memory": "memory, JSON parsed, four features, no engine",
    "tutorial-memory": "memory, json, StandardScaler and HalfSpaceTrees",
    "bytewax-memory": "memory, Bytewax, four features, nothing saved",
}
MATRIX: Final = (
    USUAL,
    Shape("images"),
    Shape("tables"),
    Shape("prompts"),
    Shape(clients=1_000_000),
    Shape(partitions=1),
    Shape(partitions=16),
    Shape(codec="lz4"),
    Shape(codec="none"),
)
OURS: Final = ("product", "product-file", "product-memory")

T = TypeVar("T")
Runs = Mapping[str, Sequence[Run]]


def apart(work: Callable[..., T], *arguments: Any, core: int | None = None) -> T:
    """Do something in a fresh process, on one core where that is said."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        with pinned(core):
            doing = pool.submit(work, *arguments)
        return doing.result()


@contextmanager
def loaded(records: int, shape: Shape, bootstrap: str | None, file: bool = False) -> Iterator[Load]:
    """A load in a topic, and in a file where that is asked for or there is no broker; both are gone afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        topic = f"bench-{uuid4().hex[:8]}" if bootstrap else ""
        load = Load(records, Path(folder) / "load.ndjson.zst", bootstrap, topic, shape)
        if file or not bootstrap:
            write_file(load.file, records, shape)
        try:
            if bootstrap:
                apart(fill_topic, bootstrap, topic, records, shape)
            yield load
        finally:
            if bootstrap:
                remove_topic(bootstrap, topic)


def contenders(load: Load, python: Path | None) -> list[str]:
    """Who can run here."""
    names = (*KAFKA, *FILE, *MEMORY) if load.bootstrap is not None else (*FILE, *MEMORY)
    return [name for name in names if not missing(python, name)]


def measure(
    load: Load, names: Sequence[str], rounds: int, slow: int, core: int | None, python: Path | None
) -> dict[str, list[Run]]:
    """All rounds of each contender; those that take one event after the other read `slow` records at most."""
    runs: dict[str, list[Run]] = {name: [] for name in names}
    for number in range(rounds):
        for name in names:
            part = load.part(slow) if name.removesuffix("-file").removesuffix("-memory") in PER_EVENT else load
            if name in OUTSIDERS and python is not None:
                with pinned(core):
                    done = run_outsider(python, name, part)
            else:
                done = apart(run, name, part, core=core)
            runs[name].append(done)
            print(
                f"{load.shape.name}, round {number + 1}, {name}: {done.records / done.wall:,.0f} records/s", flush=True
            )
    return runs


def rates(runs: Runs) -> dict[str, float]:
    """Records a second of each contender's best round."""
    return {name: max(one.records / one.wall for one in of) for name, of in runs.items() if of}


def costs(runs: Runs) -> dict[str, float]:
    """Microseconds of processor time of a record, of each contender's best round."""
    return {name: min(one.cpu / one.records for one in of) * 1e6 for name, of in runs.items() if of}


def floor_of(name: str) -> str:
    """The least that a contender would have to do.

    >>> floor_of("bytewax-file"), floor_of("quix-unsaved")
    ('floor-file', 'floor')
    """
    return next((f"floor{where}" for where in ("-file", "-memory") if name.endswith(where)), "floor")


def summary(runs: Runs) -> str:
    """The table of contenders: the best round of each, and how often the floor's time it takes."""
    rate, cost, rows = rates(runs), costs(runs), []
    for name in runs:
        floor = floor_of(name)
        times = [
            f"{of[a] / of[b]:.2f}" if floor in rate else "" for of, a, b in ((rate, floor, name), (cost, name, floor))
        ]
        rows.append([name, MEANING[name], f"{rate[name]:,.0f}", times[0], f"{cost[name]:.1f}", times[1]])
    heads = ("", "what", "records/s", "floor's time", "CPU µs a record", "floor's CPU")
    return table(heads, rows, 2)


def breakdown(staged: Run) -> str:
    """The table of stages."""
    other = staged.cpu - sum(staged.stages.values())
    rows = [
        [stage, f"{seconds / staged.records * 1e6:.2f}", f"{seconds / staged.cpu:.1%}"]
        for stage, seconds in {**staged.stages, "the rest": other}.items()
    ]
    lost = "".join(f"\nNot there any more, and part of what called it: {place}.\n" for place in gone())
    return table(("stage", "CPU µs a record", "share"), rows) + lost


def goals(shape: Shape, runs: Runs) -> list[Goal]:
    """What is wanted of this load, from Kafka."""
    rate = rates(runs)
    ours, floor = rate.get("product"), rate.get("floor")
    wanted = [at_least(f"{BARS[shape.kind]:,} records/s, {shape.name}", BARS[shape.kind], ours)]
    if shape.kind != "vectors":
        return wanted
    times = floor / ours if floor and ours else None
    enough = None if times is None else times <= FLOOR_BAR
    reached = "" if times is None else f"{times:.2f} ({ours:,.0f} of {floor:,.0f} records/s)"
    return [Goal(f"{FLOOR_BAR} times the floor or less, {shape.name}", reached, enough), *wanted]


def duels(runs: Runs) -> list[Goal]:
    """How much faster than the rivals, from Kafka."""
    rate = rates(runs)
    ours = rate.get("product")
    engines = {name: rate[name] for name in ENGINES if name in rate}
    tutorial = ours / rate["tutorial"] if ours and "tutorial" in rate else None
    best = ours / max(engines.values()) if ours and engines else None
    which = f" ({max(engines, key=engines.__getitem__)})" if engines else ""
    return [
        at_least("10 times the tutorial pipeline", TUTORIAL_BAR, tutorial, "{:.1f}"),
        at_least("3 times the fastest engine of single events", ENGINES_BAR, best, "{:.1f}" + which),
    ]


def figures(shape: Shape, runs: Runs) -> dict[str, float]:
    """What is compared from run to run: time over the floor's, which machines have in common, and records a second."""
    rate, found = rates(runs), {}
    for name, each in rate.items():
        floor = rate.get(floor_of(name))
        if floor is not None and name != floor_of(name):
            found[f"{shape.name}: {name}, times the floor"] = floor / each
    return found | {f"{shape.name}: {name}, records/s": each for name, each in rate.items()}


def usual_report(load: Load, runs: Runs, staged: Run) -> Report:
    """The whole account of one load."""
    bytes_each = load.file.stat().st_size if load.file.exists() else 0
    rounds = len(next(iter(runs.values())))
    where = "Kafka" if load.bootstrap is not None else "a file"
    what = KINDS[load.shape.kind]
    head = (
        f"# Speed: {load.records:,} records on one core\n\n{what} ({bytes_each / load.records:.0f} bytes "
        f"a record packed); Zipf volumes over {load.shape.clients:,} clients; {load.shape.partitions} partitions, "
        f"{load.shape.codec}; {len(registered())} detectors; kernels warmed up; best of {rounds} rounds; "
        f"{staged.findings} revisions of findings.\n"
    )
    text = "\n".join([head, summary(runs), f"## Where the time goes, from {where}\n", breakdown(staged)])
    wanted = [*goals(load.shape, runs), *duels(runs)] if load.bootstrap is not None else []
    tree = {"runs": _tree(runs), "stages": asdict(staged)}
    return Report("speed", text, figures(load.shape, runs), wanted, tree, lambda: draw(runs, staged))


def matrix_report(records: int, found: Mapping[Shape, Runs]) -> Report:
    """Floor and product on each load."""
    rows = []
    for shape, runs in found.items():
        rate, cost = rates(runs), costs(runs)
        ratio = rate["floor"] / rate["product"]
        rows.append([shape.name, *(f"{rate[name]:,.0f}" for name in ("floor", "product")), f"{ratio:.2f}",
                     *(f"{cost[name]:.1f}" for name in ("floor", "product"))])  # fmt: skip
    heads = ("load", "floor, records/s", "product, records/s", "floor's time", "floor, CPU µs", "product, CPU µs")
    usual = f"{USUAL.clients:,} clients, {USUAL.partitions} partitions, {USUAL.codec}"
    text = f"# Speed on other loads: {records:,} records each, one core, from Kafka\n\nUnless said: {usual}.\n\n"
    kinds = {shape.kind: shape for shape in reversed(found)}
    wanted = [goal for shape in kinds.values() for goal in goals(shape, found[shape])]
    merged = {name: value for shape, runs in found.items() for name, value in figures(shape, runs).items()}
    tree = {
        shape.name: {name: [asdict(one) for one in of] for name, of in runs.items()} for shape, runs in found.items()
    }
    return Report("speed-matrix", text + table(heads, rows), merged, wanted, tree, lambda: draw_matrix(found))


def _tree(runs: Runs) -> dict[str, Any]:
    return {name: [asdict(one) for one in of] for name, of in runs.items()}


def draw(runs: Runs, staged: Run) -> Any:
    """Records a second by layer, and where the product's time goes."""
    import drawing

    rate = rates(runs)
    layers = [("from Kafka", KAFKA), ("from a file", FILE), ("from memory", MEMORY)]
    there = [(title, [name for name in names if name in rate]) for title, names in layers]
    there = [(title, names) for title, names in there if names]
    heights = [len(names) + 1.5 for _, names in there]
    figure = drawing.plt.figure(figsize=(12, 0.24 * sum(heights) + 1.5), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(1.2, 1))
    axes = left.subplots(len(there), 1, sharex=True, squeeze=False, height_ratios=heights).ravel()
    for axis, (title, names) in zip(axes, there, strict=True):
        drawing.bars(axis, names, [rate[name] for name in names], OURS, f"Records a second, {title}")
    stages = {stage: seconds / staged.records * 1e6 for stage, seconds in staged.stages.items()}
    drawing.bars(right.subplots(), list(stages), list(stages.values()), list(stages), "CPU µs a record, by stage")
    return figure


def draw_matrix(found: Mapping[Shape, Runs]) -> Any:
    """Records a second of the product, and the floor's time, on each load."""
    import drawing

    figure, (fast, times) = drawing.plt.subplots(1, 2, figsize=(12, 0.3 * len(found) + 1.2), layout="constrained")
    names = [shape.name for shape in found]
    each = [rates(runs) for runs in found.values()]
    drawing.bars(fast, names, [rate["product"] for rate in each], names, "Product, records a second")
    drawing.bars(times, names, [rate["floor"] / rate["product"] for rate in each], names, "Times the floor")
    times.axvline(FLOOR_BAR, color=drawing.WARM, lw=1, ls="--")
    return figure


def command() -> argparse.ArgumentParser:
    """What can be asked for."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--records", type=int, help="records of the load (200,000; of each load of the matrix, 100,000)")
    asked.add_argument("--kind", choices=KINDS, default=USUAL.kind, help=f"what the inputs are ({USUAL.kind})")
    asked.add_argument("--clients", type=int, default=USUAL.clients, help=f"clients, Zipf ({USUAL.clients:,})")
    asked.add_argument("--partitions", type=int, default=USUAL.partitions, help=f"of the topic ({USUAL.partitions})")
    asked.add_argument("--codec", choices=CODECS, default=USUAL.codec, help=f"of the topic ({USUAL.codec})")
    asked.add_argument("--kafka", metavar="BOOTSTRAP", help="brokers, host:port; tests/services/broker/start has one")
    asked.add_argument("--matrix", action="store_true", help="floor and product on nine loads, from Kafka")
    asked.add_argument("--only", nargs="+", metavar="NAME", choices=sorted(MEANING), help="these contenders alone")
    asked.add_argument("--rivals", type=Path, default=PYTHON, metavar="PYTHON", help="their Python (.venv-rivals)")
    asked.add_argument("--rounds", type=int, default=3, help="passes of each contender (3)")
    asked.add_argument("--slow", type=int, default=20_000, help="records for those who take single events (20,000)")
    asked.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)), help="core to read on (the last)")
    asked.add_argument("--save", type=Path, metavar="FOLDER", help="keep table and picture there, and the figures")
    return asked


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, fill, measure, print and save."""
    asked = command()
    wish = asked.parse_args(arguments)
    if wish.matrix and not wish.kafka:
        asked.error("the matrix is measured from Kafka: give --kafka")
    python = wish.rivals if wish.rivals.exists() else None
    if python is None:
        print("no rivals: make .venv-rivals installs them", flush=True)
    if wish.matrix:
        matrix(wish).finish(wish.save)
        return
    shape = replace(USUAL, kind=wish.kind, clients=wish.clients, partitions=wish.partitions, codec=wish.codec)
    with loaded(wish.records or 200_000, shape, wish.kafka, file=True) as load:
        names = [name for name in contenders(load, python) if not wish.only or name in wish.only]
        runs = measure(load, names, wish.rounds, wish.slow, wish.core, python)
        report = usual_report(load, runs, apart(run, STAGES, load, core=wish.core))
    report.finish(wish.save)


def matrix(wish: argparse.Namespace) -> Report:
    """Floor and product on each load of the matrix."""
    records, found = wish.records or 100_000, {}
    for shape in MATRIX:
        with loaded(records, shape, wish.kafka) as load:
            found[shape] = measure(load, ("floor", "product"), wish.rounds, wish.slow, wish.core, None)
    return matrix_report(records, found)


if __name__ == "__main__":
    main()

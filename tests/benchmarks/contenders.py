"""What the speed benchmark compares; each reads the whole load in a process of its own, pinned to one core.

`floor` reads whole batches and parses their JSON, `stock` does the same with kafka-python as it comes, `product` is the
daemon's loop from the source to outbox, sink, snapshot and commit. `-file` and `-memory` are the same without Kafka,
and without reading. `product-stages` is `product` with clocks in it. The rivals are in outsiders.py.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, nullcontext
from dataclasses import asdict, dataclass, replace
from io import BufferedReader
from pathlib import Path
from typing import Final
from uuid import uuid4

import numpy as np
import orjson
import zstandard
from kafka import KafkaConsumer
from load import USUAL, Shape
from outsiders import OUTSIDERS, Place
from stages import Stages
from stopwatch import Run, Stopwatch

from monitor.config.engine import EngineSettings, ModelSettings
from monitor.config.runtime import RuntimeSettings
from monitor.config.settings import Settings, SourceSettings
from monitor.config.sinks import FileSettings as FileSink
from monitor.config.sources import FileSettings, KafkaSettings
from monitor.record.decode import Decoder
from monitor.record.raw import Partition, RawBatch
from monitor.runtime.engines import engine_maker
from monitor.runtime.folder import SnapshotFolder
from monitor.runtime.health import Pulse
from monitor.runtime.keys import OPEN_KEYS
from monitor.runtime.loop import Loop
from monitor.runtime.metrics import Metrics
from monitor.runtime.partitions import Partitions
from monitor.runtime.warmup import settle, warm_up
from monitor.runtime.watch import Clocks, Watch
from monitor.runtime.wiring import open_source
from monitor.sinks.build import build_policies, build_sinks
from monitor.sinks.delivery import Delivery
from monitor.sinks.outbox import Outbox
from monitor.sources.protocol import Assignment, Bounds, Progress, Source

STAGES: Final = "product-stages"
OWN: Final = ("floor", "stock", "product", "floor-file", "product-file", "floor-memory", "product-memory")
RAW: Final = ("client", "confluent", "floor", "stock", "product")
PER_EVENT: Final = ("tutorial", "quix", "quix-unsaved", "bytewax", "bytewax-unsaved")
KAFKA: Final = (*RAW, *PER_EVENT)
FILE: Final = ("floor-file", "product-file", "tutorial-file", "bytewax-file")
MEMORY: Final = ("floor-memory", "product-memory", "features-memory", "tutorial-memory", "bytewax-memory")
BATCH: Final = 2_000
IN_MEMORY: Final = Partition("memory", 0)
DRAIN: Final = 60.0
SENSITIVE: Final = {"tables": ModelSettings(sensitive_columns=("word_0",))}  # so that no detector is blind


@dataclass(frozen=True, slots=True)
class Load:
    """Where the records lie: in a file, and, where there is a broker, in a topic."""

    records: int
    file: Path
    bootstrap: str | None = None
    topic: str = ""
    shape: Shape = USUAL

    def source(self, name: str, group: str = "") -> SourceSettings:
        """Settings of a reader that nobody has seen before, or of one more of this group."""
        if "-file" in name or "-memory" in name or self.bootstrap is None:
            return SourceSettings(files=FileSettings(paths=(self.file,)))
        group = group or f"{self.topic}-{uuid4().hex[:8]}"
        return SourceSettings(kafka=KafkaSettings(brokers=(self.bootstrap,), topics=(self.topic,), group=group))

    def part(self, records: int) -> Load:
        """The beginning of it, for those who would take too long."""
        return replace(self, records=min(records, self.records))

    @property
    def place(self) -> Place:
        """The same for rivals."""
        return Place(self.records, str(self.file), self.bootstrap or "", self.topic)


class Held:
    """A source whose batches lie in memory, already cut: nothing is read."""

    def __init__(self, batches: Sequence[RawBatch]) -> None:
        self._waiting, self._told = list(reversed(batches)), False

    @classmethod
    def of(cls, load: Load) -> Held:
        """All of a load's file."""
        with load.file.open("rb") as packed, zstandard.ZstdDecompressor().stream_reader(packed) as stream:
            lines = [line.rstrip(b"\n") for _, line in zip(range(load.records), BufferedReader(stream), strict=False)]
        times, batches = np.full(len(lines), -1, np.int64), []
        for start in range(0, len(lines), BATCH):
            stop = min(start + BATCH, len(lines))
            batches.append(RawBatch(IN_MEMORY, lines[start:stop], np.arange(start, stop), times[start:stop], stop))
        return cls(batches)

    def poll(self, timeout: float) -> Iterable[RawBatch]:
        """The next one."""
        return [self._waiting.pop()] if self._waiting else []

    def assigned(self) -> frozenset[Partition]:
        return frozenset({IN_MEMORY})

    def changes(self) -> Sequence[Assignment]:
        told, self._told = self._told, True
        return [] if told else [Assignment(self.assigned(), frozenset())]

    def seek(self, partition: Partition, offset: int | None) -> None:
        """Reading begins at the beginning."""

    def bounds(self, partition: Partition) -> Bounds | None:
        return None

    def confirm(self, partitions: Iterable[Partition]) -> frozenset[Partition]:
        return frozenset(partitions)

    def commit(self, offsets: Mapping[Partition, int]) -> bool:
        return True

    def pause(self, partitions: Iterable[Partition]) -> None:
        """Never asked for: the outbox has room."""

    def resume(self, partitions: Iterable[Partition]) -> None:
        """As `pause`."""

    def lag(self) -> Mapping[Partition, int]:
        return {}

    def progress(self) -> Progress | None:
        return None

    @property
    def finished(self) -> bool:
        return not self._waiting

    def close(self) -> None:
        """Nothing is open."""


def run(name: str, load: Load) -> Run:
    """One pass of one of ours over the load."""
    if name.startswith("floor"):
        return floor(name, load)
    if name == "stock":
        return stock(name, load)
    return product(name, load)


def run_outsider(python: Path, name: str, load: Load) -> Run:
    """One pass of a rival, in its own environment. RuntimeError with what it said where it fails."""
    script = Path(__file__).with_name("outsiders.py")
    words = [name, json.dumps(asdict(load.place))]
    done = subprocess.run([str(python), str(script), *words], capture_output=True, text=True, check=False)
    if done.returncode != 0 or not done.stdout.strip():
        raise RuntimeError(f"{name} did not run:\n{done.stderr[-2_000:]}")
    return Run(**json.loads(done.stdout.splitlines()[-1]))


def missing(python: Path | None, name: str) -> bool:
    """Whether a contender cannot run here, because rivals have no environment."""
    return name in OUTSIDERS and python is None


def floor(name: str, load: Load) -> Run:
    """Whole batches and orjson, nothing else."""
    watch, seen = Stopwatch(), 0
    with closing(_opened(name, load, settings_of(name, load))) as source:
        if isinstance(source, Held):
            watch.start()
        for batch in _batches(source, load.records):
            for payload in batch.payloads:
                orjson.loads(payload)
            seen += len(batch)
            watch.saw(seen)
    return watch.stop(name, seen)


def stock(name: str, load: Load) -> Run:
    """The Kafka client as it comes, and orjson."""
    watch, seen = Stopwatch(), 0
    consumer = KafkaConsumer(
        load.topic, bootstrap_servers=load.bootstrap, group_id=f"{load.topic}-{uuid4().hex[:8]}",
        auto_offset_reset="earliest", enable_auto_commit=False, max_poll_records=2_000,
    )  # fmt: skip
    with closing(consumer):
        while seen < load.records:
            for records in consumer.poll(500).values():
                for record in records:
                    orjson.loads(record.value)
                seen += len(records)
            watch.saw(seen)
    return watch.stop(name, seen)


def product(name: str, load: Load, look: Callable[[int], None] | None = None) -> Run:
    """The daemon's loop with all that it does for every record, a file as sink, and no pages. `look` is told after each
    turn how many records were received."""
    watch, stages = Stopwatch(), Stages()
    settings = settings_of(name, load)
    with tempfile.TemporaryDirectory() as folder, closing(_opened(name, load, settings)) as source:
        with daemon(settings, source, Path(folder), stages) as (loop, metrics, settled):

            def done() -> bool:
                seen = received(metrics)
                if look is not None:
                    look(seen)
                if watch.saw(seen):
                    stages.forget()
                return seen >= load.records

            with stages.clocks() if name.endswith("-stages") else nullcontext():
                loop.run(done)
                settled()
            measured = watch.stop(name, received(metrics))
        return _judged(measured, metrics, stages)


def _judged(measured: Run, metrics: Metrics, stages: Stages) -> Run:
    """What was measured, if it was what it should have been. RuntimeError otherwise."""
    queries, seen = metrics.registry.get_sample_value("probewatch_queries_total"), received(metrics)
    if queries != seen:
        raise RuntimeError(f"of {seen} records only {queries} became queries: this measures something else")
    measured.findings = _findings(metrics)
    measured.stages = stages.seconds()
    return measured


@contextmanager
def daemon(
    settings: Settings, source: Source, folder: Path, stages: Stages | None = None
) -> Iterator[tuple[Loop, Metrics, Callable[[], None]]]:
    """The parts that `monitor.runtime.daemon` puts together, kernels warmed up; and what waits until every alert has
    been delivered."""
    metrics, clocks = Metrics(), Clocks(time.monotonic, time.time)
    decoder, make = Decoder(OPEN_KEYS), engine_maker(settings, OPEN_KEYS)
    store = SnapshotFolder(folder / "snapshots")
    partitions = Partitions(make, store, clocks.steady, metrics, config_hash="", key_epoch="open")
    watch = Watch(metrics, Pulse(clocks.steady, 60.0), clocks)
    warm_up(decoder, make)
    settle()
    sinks = {"file": FileSink(type="file", path=folder / "alerts.ndjson")}
    with ExitStack() as stack:
        outbox = stack.enter_context(closing(Outbox(folder / "outbox.db", list(sinks))))
        delivery = Delivery(outbox, build_sinks(sinks), policies=build_policies(sinks))
        stack.callback(delivery.stop)
        delivery.start()

        def settled() -> None:
            if left := sum(delivery.drain(DRAIN).values()):
                raise RuntimeError(f"{left} alerts were not delivered")

        yield Loop(source, decoder, partitions, outbox, settings.runtime, watch), metrics, settled


def _opened(name: str, load: Load, settings: Settings) -> Source:
    if "-memory" in name:
        return Held.of(load)
    return open_source(settings.source)


def settings_of(name: str, load: Load, group: str = "") -> Settings:
    """What the product is told; it is a new group, or one more of this one."""
    known = {load.shape.kind: SENSITIVE[load.shape.kind]} if load.shape.kind in SENSITIVE else {}
    ceiling = max(load.shape.clients, 2_048, EngineSettings().clients)
    engine = EngineSettings(known=known, clients=ceiling)
    return Settings(source=load.source(name, group), engine=engine, runtime=RuntimeSettings())


def _batches(source: Source, records: int) -> Iterator[RawBatch]:
    """The records of a source, until there were so many."""
    seen = 0
    while seen < records and not source.finished:
        for change in source.changes():
            for partition in change.gained:
                source.seek(partition, None)
        for arrival in source.poll(0.5):
            if isinstance(arrival, RawBatch):
                seen += len(arrival)
                yield arrival


def received(metrics: Metrics) -> int:
    """Records that were handed over so far."""
    return int(metrics.registry.get_sample_value("probewatch_records_received_total") or 0)


def _findings(metrics: Metrics) -> int:
    samples = (sample for metric in metrics.findings.collect() for sample in metric.samples)
    return int(sum(sample.value for sample in samples if sample.name.endswith("_total")))

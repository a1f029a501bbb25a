"""What the speed benchmark compares; each reads the whole load in a process of its own, pinned to one core.

`floor` reads whole batches and parses their JSON, `stock` does the same with kafka-python as it comes, `product` is the
daemon's loop from the source to outbox, snapshot and commit, without sinks. `product-file` and `floor-file` read the
same from a file. `product-stages` is `product` with clocks in it.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from uuid import uuid4

import orjson
from kafka import KafkaConsumer
from stages import Stages

from monitor.config.runtime import RuntimeSettings
from monitor.config.settings import Settings, SourceSettings
from monitor.config.sources import FileSettings, KafkaSettings
from monitor.record.decode import Decoder
from monitor.record.raw import RawBatch
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
from monitor.sinks.outbox import Outbox
from monitor.sources.protocol import Source

KAFKA: Final = ("floor", "stock", "product")
FILE: Final = ("floor-file", "product-file")


@dataclass(frozen=True, slots=True)
class Load:
    """Where the records lie: in a file, and, where there is a broker, in a topic."""

    records: int
    file: Path
    bootstrap: str | None = None
    topic: str = ""

    def source(self, name: str) -> SourceSettings:
        """Settings of a reader that nobody has seen before."""
        if name.endswith("-file") or self.bootstrap is None:
            return SourceSettings(files=FileSettings(paths=(self.file,)))
        group = f"{self.topic}-{uuid4().hex[:8]}"
        return SourceSettings(kafka=KafkaSettings(brokers=(self.bootstrap,), topics=(self.topic,), group=group))


@dataclass(slots=True)
class Run:
    """What one pass took: records, seconds of wall clock and of processor time, and the latter by stage."""

    name: str
    records: int
    wall: float
    cpu: float
    findings: int = 0
    stages: dict[str, float] = field(default_factory=dict)


class Stopwatch:
    """Counts from the moment at which records flow: forming a group takes seconds that say nothing of speed."""

    def __init__(self) -> None:
        self._begun = (0.0, 0.0)
        self._records = -1

    def saw(self, records: int) -> bool:
        """So many records were handed over in all; starts the clock behind the first ones, and says so."""
        if self._records >= 0 or records == 0:
            return False
        self._begun, self._records = (time.perf_counter(), time.process_time()), records
        return True

    def stop(self, name: str, records: int) -> Run:
        """The time since the start, for the records since then."""
        wall, cpu = time.perf_counter() - self._begun[0], time.process_time() - self._begun[1]
        return Run(name, records - max(self._records, 0), wall, cpu)


def run(name: str, load: Load, core: int | None = None) -> Run:
    """One pass of one contender over the load."""
    if core is not None:
        os.sched_setaffinity(0, {core})
    if name.startswith("floor"):
        return floor(name, load)
    if name == "stock":
        return stock(name, load)
    return product(name, load)


def floor(name: str, load: Load) -> Run:
    """Whole batches and orjson, nothing else."""
    watch, seen = Stopwatch(), 0
    with closing(open_source(_settings(name, load).source)) as source:
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


def product(name: str, load: Load) -> Run:
    """The daemon's loop with all that it does for every record, and neither sinks nor pages."""
    watch, stages = Stopwatch(), Stages()
    with tempfile.TemporaryDirectory() as folder, _daemon(name, load, Path(folder), stages) as (loop, metrics):

        def done() -> bool:
            seen = _received(metrics)
            if watch.saw(seen):
                stages.forget()
            return seen >= load.records

        with stages.clocks() if name.endswith("-stages") else _nothing():
            loop.run(done)
        seen = _received(metrics)
        measured = watch.stop(name, seen)
    if (queries := metrics.registry.get_sample_value("probewatch_queries_total")) != seen:
        raise RuntimeError(f"of {seen} records only {queries} became queries: this measures something else")
    measured.findings = _findings(metrics)
    measured.stages, measured.cpu = stages.seconds(), measured.cpu - stages.extra
    return measured


@contextmanager
def _daemon(name: str, load: Load, folder: Path, stages: Stages) -> Iterator[tuple[Loop, Metrics]]:
    """The parts that `monitor.runtime.daemon` puts together, kernels warmed up."""
    settings = _settings(name, load, folder)
    metrics, clocks = Metrics(), Clocks(time.monotonic, time.time)
    decoder, make = Decoder(OPEN_KEYS), engine_maker(settings, OPEN_KEYS)
    partitions = Partitions(
        make, SnapshotFolder(folder / "snapshots"), clocks.steady, metrics, config_hash="", key_epoch="open"
    )
    watch = Watch(metrics, Pulse(clocks.steady, 60.0), clocks)
    warm_up(decoder, make)
    settle()
    with closing(Outbox(folder / "outbox.db", [])) as outbox, closing(open_source(settings.source)) as source:
        yield Loop(source, decoder, partitions, outbox, settings.runtime, watch), metrics


def _settings(name: str, load: Load, folder: Path = Path()) -> Settings:
    return Settings(source=load.source(name), runtime=RuntimeSettings(state=folder))


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


def _received(metrics: Metrics) -> int:
    return int(metrics.registry.get_sample_value("probewatch_records_received_total") or 0)


def _findings(metrics: Metrics) -> int:
    samples = (sample for metric in metrics.findings.collect() for sample in metric.samples)
    return int(sum(sample.value for sample in samples if sample.name.endswith("_total")))


@contextmanager
def _nothing() -> Iterator[None]:
    yield

"""The rivals, each of which reads a load in a process of its own: `python outsiders.py NAME LOAD`, where LOAD is JSON;
what it took is printed as JSON. Nothing of ours is imported but the features that all engines share.

They may lose what they hold, deliver nothing, and find nothing: whatever is left out is in their favour. Those that
end in `-unsaved` keep clients in a dictionary; without it they keep them where the engine keeps state.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any
from uuid import uuid4

from stopwatch import Run, Stopwatch


@dataclass(frozen=True, slots=True)
class Place:
    """Where the records lie, and how many are read."""

    records: int
    file: str
    bootstrap: str = ""
    topic: str = ""

    def lines(self) -> Iterator[bytes]:
        """The records of the file."""
        import zstandard

        with Path(self.file).open("rb") as packed, zstandard.ZstdDecompressor().stream_reader(packed) as stream:
            for _, line in zip(range(self.records), BufferedReader(stream, 1 << 20), strict=False):
                yield line

    def group(self) -> str:
        """A name that nobody has used."""
        return f"{self.topic}-{uuid4().hex[:8]}"


class Counted:
    """Counts records, and times them from the first to the last; `done` then holds what it took."""

    def __init__(self, name: str, records: int) -> None:
        self.name, self.records = name, records
        self.seen, self.done = 0, Run(name, 0, 0.0, 0.0)
        self._watch = Stopwatch()

    def one(self, count: int = 1) -> bool:
        """So many more; whether these were the last."""
        self.seen += count
        self._watch.saw(self.seen)
        if self.seen >= self.records and not self.done.records:
            self.done = self._watch.stop(self.name, self.seen)
        return self.seen >= self.records


def client(place: Place, counted: Counted) -> None:
    """kafka-python as it comes; what it reads is looked at by nobody."""
    from kafka import KafkaConsumer

    consumer = KafkaConsumer(
        place.topic, bootstrap_servers=place.bootstrap, group_id=place.group(),
        auto_offset_reset="earliest", enable_auto_commit=False, max_poll_records=2_000,
    )  # fmt: skip
    while True:
        for records in consumer.poll(500).values():
            if counted.one(len(records)):
                return


def confluent(place: Place, counted: Counted) -> None:
    """confluent-kafka; what it reads is looked at by nobody."""
    from confluent_kafka import Consumer

    consumer = Consumer(
        {
            "bootstrap.servers": place.bootstrap,
            "group.id": place.group(),
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    consumer.subscribe([place.topic])
    while True:
        messages = [
            message.value()
            for message in consumer.consume(min(2_000, counted.records - counted.seen), 0.5)
            if message.error() is None
        ]
        if counted.one(len(messages)):
            return


def tutorial(place: Place, counted: Counted) -> None:
    """What tutorials show: one event after the other through json, river's StandardScaler and HalfSpaceTrees."""
    from kafka import KafkaConsumer

    consumer = KafkaConsumer(
        place.topic, bootstrap_servers=place.bootstrap, group_id=place.group(),
        auto_offset_reset="earliest", enable_auto_commit=False, value_deserializer=json.loads,
    )  # fmt: skip
    work = pipeline()
    for message in consumer:
        work(message.value)
        if counted.one():
            return


def tutorial_file(place: Place, counted: Counted) -> None:
    """The same from a file."""
    work = pipeline()
    for line in place.lines():
        work(json.loads(line))
        counted.one()


def tutorial_memory(place: Place, counted: Counted) -> None:
    """The same from memory."""
    lines, work = list(place.lines()), pipeline()
    for line in lines:
        work(json.loads(line))
        counted.one()


def pipeline() -> Callable[[dict[str, Any]], float]:
    """The tutorial's pipeline: score, then learn."""
    from perevent import vector_of
    from river import anomaly, compose, preprocessing

    model = compose.Pipeline(preprocessing.StandardScaler(), anomaly.HalfSpaceTrees(seed=1))

    def work(record: dict[str, Any]) -> float:
        features = dict(enumerate(vector_of(record).tolist()))
        score: float = model.score_one(features)
        model.learn_one(features)
        return score

    return work


def features_memory(place: Place, counted: Counted) -> None:
    """orjson and the features of the engines in a loop, without an engine."""
    import orjson
    from perevent import Clients

    lines, clients = list(place.lines()), Clients()
    for line in lines:
        clients.features(orjson.loads(line))
        counted.one()


def quix(place: Place, counted: Counted) -> None:
    """Quix Streams with the clients in its own store (RocksDB), without a changelog topic."""
    import numpy as np
    from perevent import Memory, answer_of, vector_of

    def work(record: dict[str, Any], state: Any) -> dict[str, float]:
        vector, kept = vector_of(record), state.get_bytes("memory")
        memory = Memory(len(vector)) if kept is None else Memory.unpacked(kept)
        found = memory.features(vector.astype(np.float32), answer_of(record), record["time"] / 1e3)
        state.set_bytes("memory", memory.packed())
        return found

    _quix(place, counted, work, stateful=True)


def quix_unsaved(place: Place, counted: Counted) -> None:
    """Quix Streams with the clients in a dictionary."""
    from perevent import Clients

    _quix(place, counted, Clients().features, stateful=False)


def _quix(place: Place, counted: Counted, work: Callable[..., Any], stateful: bool) -> None:
    from quixstreams import Application

    with tempfile.TemporaryDirectory() as folder:
        app = Application(
            broker_address=place.bootstrap,
            consumer_group=place.group(),
            auto_offset_reset="earliest",
            state_dir=folder,
            use_changelog_topics=False,
            loglevel="ERROR",
        )
        frame = app.dataframe(app.topic(place.topic, value_deserializer="json", key_deserializer="str"))
        frame = frame.apply(work, stateful=True) if stateful else frame.apply(work)
        frame.update(lambda _: app.stop() if counted.one() else None)
        app.run()


def bytewax(place: Place, counted: Counted) -> None:
    """Bytewax with the clients in its own state, saved every ten seconds."""
    _bytewax(_kafka_of(place), counted, saved=True)


def bytewax_unsaved(place: Place, counted: Counted) -> None:
    """Bytewax without recovery: its state is lost with the process."""
    _bytewax(_kafka_of(place), counted, saved=False)


def bytewax_file(place: Place, counted: Counted) -> None:
    """Bytewax from a file, without recovery."""
    from bytewax.testing import TestingSource

    _bytewax(TestingSource(place.lines(), batch_size=500), counted, saved=False)


def bytewax_memory(place: Place, counted: Counted) -> None:
    """Bytewax from memory, without recovery."""
    from bytewax.testing import TestingSource

    _bytewax(TestingSource(list(place.lines()), batch_size=500), counted, saved=False)


def _kafka_of(place: Place) -> Any:
    from bytewax.connectors.kafka import KafkaSource
    from confluent_kafka import OFFSET_BEGINNING

    return KafkaSource([place.bootstrap], [place.topic], starting_offset=OFFSET_BEGINNING, tail=False, batch_size=500)


def _bytewax(source: Any, counted: Counted, saved: bool) -> None:
    from datetime import timedelta

    import bytewax.operators as op
    import orjson
    from bytewax.dataflow import Dataflow
    from bytewax.outputs import DynamicSink, StatelessSinkPartition
    from bytewax.recovery import RecoveryConfig, init_db_dir
    from bytewax.testing import run_main
    from perevent import Memory, answer_of, vector_of

    class Partition(StatelessSinkPartition[Any]):
        def write_batch(self, items: list[Any]) -> None:
            counted.one(len(items))

    class Sink(DynamicSink[Any]):
        def build(self, *_: Any) -> Partition:
            return Partition()

    def keyed(message: Any) -> tuple[str, dict[str, Any]]:
        record = orjson.loads(message if isinstance(message, bytes) else message.value)
        return record["client"]["id"], record

    def work(memory: Memory | None, record: dict[str, Any]) -> tuple[Memory, dict[str, float]]:
        vector = vector_of(record)
        memory = Memory(len(vector)) if memory is None else memory
        return memory, memory.features(vector, answer_of(record), record["time"] / 1e3)

    flow = Dataflow("features")
    stream = op.stateful_map("features", op.map("keyed", op.input("in", flow, source), keyed), work)
    op.output("out", stream, Sink())
    with tempfile.TemporaryDirectory() as folder:
        recovery = None
        if saved:
            init_db_dir(Path(folder), 1)
            recovery = RecoveryConfig(folder)
        run_main(flow, epoch_interval=timedelta(seconds=10), recovery_config=recovery)


OUTSIDERS = {
    "client": client,
    "confluent": confluent,
    "tutorial": tutorial,
    "quix": quix,
    "quix-unsaved": quix_unsaved,
    "bytewax": bytewax,
    "bytewax-unsaved": bytewax_unsaved,
    "tutorial-file": tutorial_file,
    "bytewax-file": bytewax_file,
    "features-memory": features_memory,
    "tutorial-memory": tutorial_memory,
    "bytewax-memory": bytewax_memory,
}


def main(name: str, where: str) -> None:
    """Reads the whole load and ends at once: what clients and engines would still do is nobody's."""
    place = Place(**json.loads(where))
    counted = Counted(name, place.records)
    OUTSIDERS[name](place, counted)
    print(json.dumps(asdict(counted.done)), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Where the time of the product goes: clocks around the parts of the way, each counting its own time only."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final
from unittest.mock import patch

import orjson

from detectors.features.windows import Windows
from detectors.novelty import Novelty
from monitor.engine import partition, stream, view
from monitor.engine.bank import Bank
from monitor.record import by_template
from monitor.record.columns import ColumnMaker
from monitor.record.decode import Decoder
from monitor.record.inputs import InputSketcher
from monitor.record.raw import RawBatch
from monitor.runtime.partitions import Partitions
from monitor.runtime.watch import Watch
from monitor.sinks.outbox import Outbox
from monitor.sources.files import FileSource
from monitor.sources.kafka import KafkaSource

JSON: Final = "JSON"
FIELDS: Final = "fields and pseudonyms"

#: What is measured: the stage, whose it is, and its name there.
PARTS: Final[tuple[tuple[str, Any, str], ...]] = (
    ("read", KafkaSource, "poll"),
    ("read", FileSource, "poll"),
    ("cut into slots", by_template, "slots_of"),
    (FIELDS, Decoder, "decode"),
    ("columns", ColumnMaker, "make"),
    ("sketch", InputSketcher, "sketch"),
    ("engine around the rest", partition.PartitionEngine, "feed"),
    ("prepare for the kernel", partition, "prepare"),
    ("prepare for the kernel", partition, "shapes"),
    ("find clients", Windows, "slots"),
    ("kernel", stream, "walk"),
    ("sub-streams", view, "routed"),
    ("scoring: blocks", view.View, "_judge"),
    ("scoring: named tests", Bank, "score"),
    ("scoring: sequential", stream, "run"),
    ("scoring: novelty", Novelty, "score"),
    ("learning", view.View, "_refit"),
    ("learning", view.View, "_sample"),
    ("metrics", Watch, "fed"),
    ("metrics", Watch, "polled"),
    ("outbox", Outbox, "accept"),
    ("snapshot and commit", Partitions, "save"),
    ("snapshot and commit", KafkaSource, "commit"),
)


class Stages:
    """Seconds of processor time of the loop's thread by stage. A part that calls another does not count the other's
    time as its own; `extra` is what measuring itself has taken."""

    def __init__(self) -> None:
        self._spent: dict[str, float] = {}
        self._inner = [0.0]  # time of parts within the part that runs, by depth
        self.extra = 0.0

    def forget(self) -> None:
        """Start anew."""
        self._spent.clear()
        self.extra = 0.0

    def seconds(self) -> dict[str, float]:
        """What each stage took, in the order of the way."""
        order = dict.fromkeys(stage for stage, _, _ in PARTS if stage in self._spent)
        told = {stage: self._spent[stage] for stage in order}
        if FIELDS in told:  # parsing cannot be told from the rest while it happens, so it was done once more
            told[FIELDS] -= self.extra
            told = {JSON: self.extra, **told}
        return told

    @contextmanager
    def clocks(self) -> Iterator[None]:
        """Within, the parts are measured."""
        with ExitStack() as stack:
            for stage, owner, name in PARTS:
                stack.enter_context(patch.object(owner, name, self._timed(stage, getattr(owner, name))))
            stack.enter_context(patch.object(Decoder, "decode", self._parsed_twice(Decoder.decode)))
            yield

    def _timed(self, stage: str, part: Callable[..., Any]) -> Callable[..., Any]:
        def measured(*arguments: Any, **options: Any) -> Any:
            self._inner.append(0.0)
            begun = time.thread_time()
            try:
                return part(*arguments, **options)
            finally:
                spent = time.thread_time() - begun
                self._spent[stage] = self._spent.get(stage, 0.0) + spent - self._inner.pop()
                self._inner[-1] += spent

        return measured

    def _parsed_twice(self, part: Callable[..., Any]) -> Callable[..., Any]:
        def measured(decoder: Decoder, batch: RawBatch) -> Any:
            begun = time.thread_time()
            for payload in batch.payloads:
                orjson.loads(payload)
            self.extra += time.thread_time() - begun
            return part(decoder, batch)

        return measured

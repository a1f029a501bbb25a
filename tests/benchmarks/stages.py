"""Where the time of the product goes: clocks around the parts of the way, each counting its own time only."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from typing import Any, Final
from unittest.mock import patch

FIELDS: Final = "fields and pseudonyms"
FITS: Final = "learning"

#: What is measured: the stage, and where the function is. What is there no more is left out, and said (`gone`).
PARTS: Final = (
    ("read", "monitor.sources.kafka:KafkaSource.poll"),
    ("read", "monitor.sources.files:FileSource.poll"),
    ("cut into slots", "monitor.record.by_template:slots_of"),
    (FIELDS, "monitor.record.decode:Decoder.decode"),
    ("columns", "monitor.record.columns:ColumnMaker.make"),
    ("sketch", "monitor.record.inputs:InputSketcher.sketch"),
    ("engine around the rest", "monitor.engine.partition:PartitionEngine.feed"),
    ("prepare for the kernel", "monitor.engine.partition:prepare"),
    ("prepare for the kernel", "monitor.engine.partition:shapes"),
    ("find clients", "detectors.features.windows:Windows.slots"),
    ("kernel", "monitor.engine.stream:walk"),
    ("links between clients", "monitor.engine.campaigns:Campaigns.link"),
    ("sub-streams", "monitor.engine.view:routed"),
    ("scoring: blocks", "monitor.engine.view:View._judge"),
    ("scoring: named tests", "monitor.engine.bank:Bank.score"),
    ("scoring: sequential", "monitor.engine.stream:run"),
    ("scoring: novelty", "detectors.novelty:Novelty.score"),
    (FITS, "monitor.engine.view:View._refit"),
    ("samples for learning", "monitor.engine.view:View._sample"),
    ("metrics", "monitor.runtime.watch:Watch.fed"),
    ("metrics", "monitor.runtime.watch:Watch.polled"),
    ("outbox", "monitor.sinks.outbox:Outbox.accept"),
    ("snapshot and commit", "monitor.runtime.partitions:Partitions.save"),
    ("snapshot and commit", "monitor.sources.kafka:KafkaSource.commit"),
)


def found(place: str) -> tuple[Any, str] | None:
    """Whose a function is, and its name there; None where it is no more."""
    module, _, path = place.partition(":")
    *owners, name = path.split(".")
    try:
        owner = import_module(module)
        for one in owners:
            owner = getattr(owner, one)
        getattr(owner, name)
    except (ImportError, AttributeError):
        return None
    return owner, name


def gone() -> list[str]:
    """Parts that are nowhere: their time counts where they were called."""
    return [place for _, place in PARTS if found(place) is None]


class Stages:
    """Seconds of processor time of the loop's thread by stage. A part that calls another does not count the other's
    time as its own."""

    def __init__(self) -> None:
        self._spent: dict[str, float] = {}
        self._inner = [0.0]  # time of parts within the part that runs, by depth

    def forget(self) -> None:
        """Start anew."""
        self._spent.clear()

    def seconds(self) -> dict[str, float]:
        """What each stage took, in the order of the way."""
        order = dict.fromkeys(stage for stage, _ in PARTS if stage in self._spent)
        return {stage: self._spent[stage] for stage in order}

    @contextmanager
    def clocks(self, only: str | None = None) -> Iterator[None]:
        """Within, the parts are measured; of one stage `only`, where that is said."""
        with ExitStack() as stack:
            for stage, place in PARTS:
                if only in (None, stage) and (part := found(place)) is not None:
                    stack.enter_context(patch.object(*part, self._timed(stage, getattr(*part))))
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

"""Plays a scene through the engine as it is, and writes down what the detectors that learn were asked and said."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import zstandard

from detectors.contract import Blocks, Floats, LearningDetector, Reason
from detectors.scoring.teaching import scheduled
from monitor.config.engine import EngineSettings, ModelSettings
from monitor.engine.bank import Bank
from monitor.engine.partition import PartitionEngine
from monitor.record.decode import Decoder
from monitor.record.raw import Partition, RawBatch
from monitor.runtime.engines import detector_classes
from monitor.runtime.keys import OPEN_KEYS

SUFFIX = ".ndjson.zst"
BATCH = 500
DAY = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Asked:
    """One scheduled block: its client's key, its count of blocks and its days in view; what the test said, and all
    features."""

    client: int
    count: int
    days: float
    kind: int
    strength: float
    features: dict[str, float]


@dataclass(slots=True)
class Clock:
    """When each client was first seen, and when it is, to a batch."""

    now: int = 0
    first: dict[int, int] = field(default_factory=dict)

    def days(self, client: int, count: int) -> float:
        """Days in view, as the engine counts them."""
        return float(min(1 + (self.now - self.first[client]) // DAY, 1 + int(np.log2(count))))


@dataclass(slots=True)
class Overheard:
    """A detector that learns, and a notebook of what it was asked and said."""

    inner: LearningDetector
    notes: list[Asked] = field(default_factory=list)
    clock: Clock = field(default_factory=Clock)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def score(self, blocks: Blocks) -> Floats:
        found = self.inner.score(blocks)
        if blocks.clients is None or blocks.counts is None or not (blocks.feature("stream") == 0).all():
            return found
        for row in np.flatnonzero(scheduled(blocks.counts)).tolist():
            features = {name: float(column[row]) for name, column in blocks.features.items()}
            client, count = int(blocks.clients[row]), int(blocks.counts[row])
            days, strength = self.clock.days(client, count), float(found[row].max())
            self.notes.append(Asked(client, count, days, blocks.kind, strength, features))
        return found

    def reasons(self, blocks: Blocks, row: int, test: int) -> tuple[Reason, ...]:
        return self.inner.reasons(blocks, row, test)

    def taught(self, lesson: Blocks) -> Overheard:
        return Overheard(self.inner.taught(lesson), self.notes, self.clock)

    def restored(self, arrays: Mapping[str, Any]) -> Overheard:
        return Overheard(self.inner.restored(arrays), self.notes, self.clock)


@dataclass(frozen=True, slots=True)
class Scene:
    """A scene played: labels and active days by the clients' keys, the notes of each detector, novelty findings."""

    labels: dict[int, dict[str, Any]]
    days: dict[int, int]
    notes: dict[str, list[Asked]]
    findings: list[Any]


def play(log: Path, **settings: Any) -> Scene:
    """Play a scene with what an operator would have to say of its models."""
    known = {"hi": ModelSettings(sensitive_columns=("race", "hispanic"))}
    made = [make() for make in detector_classes().values()]
    clock = Clock()
    ears = {one.name: Overheard(one, clock=clock) for one in made if isinstance(one, LearningDetector)}
    bank = Bank([ears.get(one.name, one) for one in made])
    engine = PartitionEngine(Partition("scene", 0), EngineSettings(known=known, **settings), bank)
    decoder, days, findings = Decoder(OPEN_KEYS), defaultdict(set), []
    for queries in (decoder.decode(batch).queries for batch in batches(log)):
        for client, time in zip(queries.client, queries.time.tolist(), strict=True):
            days[key_of(client)].add(time // DAY)
            clock.first.setdefault(key_of(client), time)
        clock.now = int(queries.time.max(initial=clock.now))
        findings += engine.feed(queries)
    raw = orjson.loads(log.with_name(log.name.removesuffix(SUFFIX) + ".labels.json").read_bytes())
    labels = {key_of(decoder.names.client(name)): label for name, label in raw.items()}
    return Scene(
        labels, {key: len(own) for key, own in days.items()}, {name: ear.notes for name, ear in ears.items()}, findings
    )


def batches(log: Path) -> list[RawBatch]:
    """The records of a log."""
    lines = zstandard.ZstdDecompressor().stream_reader(log.read_bytes()).read().splitlines()
    cuts = [lines[at : at + BATCH] for at in range(0, len(lines), BATCH)]
    return [
        RawBatch(
            Partition("scene", 0), cut, BATCH * at + np.arange(len(cut)), np.full(len(cut), -1), BATCH * at + len(cut)
        )
        for at, cut in enumerate(cuts)
    ]


def key_of(client: bytes) -> int:
    """A pseudonym as detectors know it."""
    return int(np.frombuffer(client[:8], np.uint64)[0])

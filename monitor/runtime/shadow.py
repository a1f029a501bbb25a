"""The shadow: engines with other detectors or settings, fed with the same queries, whose findings go into a file.

It never holds the engines in force up for anything but its own time: what it cannot write is counted and lost, and a
partition on which it fails has no shadow until the next start. Its snapshots are its own (decision 0025).
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import orjson

from detectors.sketch.queries import Queries
from monitor.alerts.finding import Finding
from monitor.config.environment import overlay
from monitor.config.files import read_file
from monitor.config.load import check
from monitor.config.place import Origins
from monitor.config.settings import Settings
from monitor.config.shadow import ShadowSettings
from monitor.config.trouble import Trouble
from monitor.formats.native import encode, parse
from monitor.record.keys import Keys
from monitor.record.raw import Partition
from monitor.runtime.engines import detector_classes, engine_maker
from monitor.runtime.folder import SnapshotFolder
from monitor.runtime.keys import key_name
from monitor.runtime.learnt import config_hash
from monitor.runtime.metrics import Metrics
from monitor.runtime.partitions import Partitions
from monitor.sinks.disk import private

log = logging.getLogger(__name__)

_MIB: Final = 2**20


def shadow_folder(settings: Settings) -> Path:
    """Where everything of the shadow lies."""
    return settings.runtime.state / "shadow"


def shadowed(settings: Settings) -> Settings:
    """The settings that are in force in the shadow. Trouble where its file, or a name of a detector, is wrong."""
    unknown = sorted(set(settings.shadow.detectors) - set(detector_classes()))
    if unknown:
        mend = f"there is {', '.join(detector_classes())}"
        raise Trouble(what=f"there is no detector {unknown[0]}", where="shadow.detectors", mend=mend)
    file, nothing = settings.shadow.settings, ShadowSettings()
    if file is None:
        return settings.model_copy(update={"shadow": nothing})
    tree, lines = read_file(file)
    own = check(overlay(tree, {})[0], Origins(str(file), lines, {}))
    return settings.model_copy(update={"shadow": nothing, "engine": own.engine})


@dataclass(frozen=True, slots=True)
class About:
    """What runs in the shadow, and since when (event time, microseconds since 1970)."""

    config_hash: str
    detectors: tuple[str, ...]
    since: int

    @classmethod
    def read(cls, place: Path) -> About | None:
        """What the folder of a shadow says of it; None where nothing has run there."""
        try:
            tree = orjson.loads((place / "about.json").read_bytes())
            return cls(str(tree["config_hash"]), tuple(tree["detectors"]), int(tree["since"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None


class Shadow:
    """Follows the partitions of the engines in force. `clock` counts seconds and never goes back."""

    def __init__(self, settings: Settings, keys: Keys, clock: Callable[[], float], metrics: Metrics) -> None:
        own = shadowed(settings)
        self._folder, self._metrics = shadow_folder(settings), metrics
        self._detectors, self._most = settings.shadow.detectors, settings.shadow.file_mib * _MIB
        self._hash = config_hash(own)
        self._begin()
        self._partitions = Partitions(
            engine_maker(own, keys),
            SnapshotFolder(self._folder / "snapshots", settings.runtime.generations),
            clock,
            Metrics(),
            config_hash=self._hash,
            key_epoch=key_name(keys),
            former_epoch=None if keys.former is None else key_name(keys.former),
        )
        self._told: dict[Partition, int] = {}  # offsets up to which each has been fed already
        self._broken: set[Partition] = set()

    def take(self, partition: Partition, next_offset: int | None) -> None:
        """The engine in force begins to read a partition at this offset (None: where the group stands)."""
        with self._alone(partition):
            self._broken.discard(partition)
            told = self._partitions.take(partition)
            self._told[partition] = 0 if told is None else told
            if told is not None and next_offset is not None and told < next_offset:
                about = {"partition": str(partition), "records": next_offset - told}
                log.warning("the shadow has missed records", extra=about)

    def drop(self, partition: Partition) -> None:
        """It is somebody else's now."""
        self._partitions.drop(partition)
        self._told.pop(partition, None)

    def feed(self, partition: Partition, queries: Queries) -> None:
        """The same queries as the engine in force has got; those that it gets once more, after a failure, are known."""
        if partition in self._broken or partition not in self._partitions or not len(queries):
            return
        with self._alone(partition):
            known = int(np.searchsorted(queries.offset, self._told.get(partition, 0)))
            if known == len(queries):
                return
            self._since(int(queries.time.min()))
            self._write(self._partitions.feed(partition, queries.span(known, len(queries))))
            self._told[partition] = int(queries.offset[-1]) + 1

    def save(self, partition: Partition, next_offset: int) -> None:
        """The engine in force was saved at this offset; so is this one."""
        if partition in self._broken or partition not in self._partitions:
            return
        with self._alone(partition):
            self._partitions.advance(partition, max(next_offset, self._told.get(partition, 0)), 1)
            self._partitions.save(partition)
            self._partitions.saved(wait=True)

    @contextmanager
    def _alone(self, partition: Partition) -> Iterator[None]:
        """Whatever goes wrong inside concerns the shadow alone: its partition has none until the next start."""
        try:
            yield
        except Exception as problem:  # noqa: BLE001  (a detector on trial may raise anything)
            self._broken.add(partition)
            self._metrics.shadow_broken.set(len(self._broken))
            about = {"partition": str(partition), "error": type(problem).__name__}
            log.error("the shadow has failed; the engines in force go on", extra=about)

    def _begin(self) -> None:
        """Another shadow than the last one begins with nothing."""
        about = About.read(self._folder)
        if about is not None and (about.config_hash, about.detectors) != (self._hash, self._detectors):
            clear(self._folder)
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def _since(self, at: int) -> None:
        file = self._folder / "about.json"
        if not file.exists():
            tree = {"config_hash": self._hash, "detectors": self._detectors, "since": at}
            with open(file, "wb", opener=private) as out:
                out.write(orjson.dumps(tree))

    def _write(self, found: list[Finding]) -> None:
        for one in found:
            self._metrics.shadow_findings.labels(one.family, one.tier, one.status).inc()
        if not found:
            return
        file = self._folder / "alerts.ndjson"
        if file.exists() and file.stat().st_size > self._most:
            file.replace(file.with_name("alerts.1.ndjson"))
        with open(file, "ab", opener=private) as out:
            out.write(b"".join(encode(one) + b"\n" for one in found))


def clear(place: Path) -> None:
    """Deletes everything of a shadow: its state can always be learnt again."""
    shutil.rmtree(place, ignore_errors=True)


def told(place: Path) -> Iterator[Finding]:
    """The findings of a shadow, as they were written; a line that was cut off by a crash is left out."""
    for name in ("alerts.1.ndjson", "alerts.ndjson"):
        file = place / name
        if file.exists():
            with file.open("rb") as lines:
                yield from (parse(line, str(file)) for line in lines if line.endswith(b"\n"))


def shadow_of(settings: Settings, keys: Keys, clock: Callable[[], float], metrics: Metrics) -> Shadow | None:
    """The shadow that is wanted; None where none is. Trouble where its settings are wrong."""
    return Shadow(settings, keys, clock, metrics) if settings.shadow.wanted else None

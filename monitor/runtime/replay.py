"""Recorded logs through the same decoder and the same engine, at full speed; no outbox, no snapshots, no clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from detectors.sketch.fingerprints import Fingerprints
from monitor.alerts.finding import Finding
from monitor.config.settings import Settings
from monitor.config.sources import FileSettings
from monitor.record.decode import Decoder
from monitor.record.keys import Keys
from monitor.record.limits import Limits
from monitor.record.raw import Partition, RawBatch
from monitor.runtime.engines import engine_maker
from monitor.runtime.judges import judges
from monitor.runtime.steady import Nobody, SteadyEngine
from monitor.sources.files import FileSource
from monitor.sources.protocol import Progress, Quarantined
from monitor.sources.reading import everything


@dataclass(slots=True)
class Tally:
    """What went through a replay. `rejected` counts records by reason; `learning` names the models of the last file
    that it was too short to get to know."""

    records: int = 0
    queries: int = 0
    findings: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    learning: set[str] = field(default_factory=set)


def replay(
    paths: Sequence[Path],
    settings: Settings,
    keys: Keys,
    tally: Tally,
    progress: Callable[[Progress], None] = lambda _: None,
) -> Iterator[Finding]:
    """The revisions of findings in the order of the logs, one engine for each file, as one partition each.

    `tally` is brought up to date and `progress` called after each batch. Trouble where a file cannot be read.
    """
    yield from judged(batches(paths, tally, progress), settings, keys, tally)


def judged(
    records: Iterable[RawBatch],
    settings: Settings,
    keys: Keys,
    tally: Tally,
    fingerprints: Mapping[str, Fingerprints] | None = None,
) -> Iterator[Finding]:
    """The revisions of findings that these records bring about, one engine for each partition in turn; `tally` is
    brought up to date. The fingerprints are those of the settings, unless they are given."""
    decoder = Decoder(keys, Limits.of(settings.records), judges(settings.engine))
    make = engine_maker(settings, keys, fingerprints)
    current: tuple[Partition, SteadyEngine[Nobody]] | None = None
    for batch in records:
        if current is None or current[0] != batch.partition:  # files are read one after the other
            current = batch.partition, SteadyEngine(partial(make, batch.partition), decoder, Nobody())
        decoded, findings = current[1].feed(batch)
        tally.records += len(batch)
        tally.queries += len(decoded.queries)
        tally.rejected.update({record.offset: record.reason for record in decoded.rejected}.values())
        for finding in findings:
            tally.findings += 1
            yield finding
        tally.learning = set(current[1].engine.stats().learning)


def batches(
    paths: Sequence[Path], tally: Tally, progress: Callable[[Progress], None] = lambda _: None
) -> Iterator[RawBatch]:
    """The records of the files, one file after the other; what cannot be read is counted as rejected."""
    source = FileSource(FileSettings(paths=tuple(paths)))
    for arrival in everything(source):
        if isinstance(arrival, Quarantined):
            tally.rejected[arrival.reason] += 1
        else:
            yield arrival
        progress(source.progress())

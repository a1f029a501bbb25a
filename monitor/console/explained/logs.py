"""The log of a finding: its file, or its partition in Kafka, from the first record that is there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from monitor.config.settings import Settings
from monitor.config.sources import FileSettings, KafkaSettings
from monitor.config.trouble import Trouble
from monitor.record.raw import Partition, RawBatch
from monitor.sources.files import FileSource
from monitor.sources.folders import partitions
from monitor.sources.kafkalog import KafkaLog
from monitor.sources.protocol import Progress, Quarantined, Source

PATIENCE: Final = 0.5  # seconds of one poll

Report = Callable[[Progress], None]


def of_files(paths: Sequence[Path], place: Partition, report: Report) -> Iterator[RawBatch]:
    """The records of the file that is that partition; where one file alone is given, it is that one, whatever it is
    called. Trouble where none is."""
    known = partitions(paths)
    if place not in known and len(known) > 1:
        mend = "name the file itself"
        raise Trouble(what=f"no file is the log {place} of the finding", where=str(paths[0]), mend=mend)
    own = place if place in known else next(iter(known))
    source = FileSource(FileSettings(paths=(known[own],)))
    here = next(iter(source.assigned()))
    yield from _read(source, here, place, report)


def of_kafka(settings: KafkaSettings, place: Partition, report: Report) -> Iterator[RawBatch]:
    """The records of that partition up to its end as it is now, without joining the group."""
    source = KafkaLog(settings.model_copy(update={"topics": (place.topic,)}), place)
    if place not in source.assigned():
        source.close()
        mend = "the topic has fewer partitions than when the finding was made: give the log as a file with --log"
        raise Trouble(what=f"there is no partition {place}", where=f"brokers {', '.join(settings.brokers)}", mend=mend)
    yield from _read(source, place, place, report)


def of_settings(settings: Settings, place: Partition, report: Report) -> Iterator[RawBatch] | None:
    """The log that the settings read; None where they do not read the finding's."""
    kafka, files = settings.source.kafka, settings.source.files
    if kafka is not None and place.topic in kafka.topics:
        return of_kafka(kafka, place, report)
    if files is not None and place in partitions(files.paths):
        return of_files(files.paths, place, report)
    return None


def _read(source: Source, here: Partition, place: Partition, report: Report) -> Iterator[RawBatch]:
    """One partition of a source, from its start; other partitions stay silent. What cannot be read is passed over, as
    the daemon does."""
    try:
        while not source.finished:
            for change in source.changes():
                if here in change.gained:
                    source.seek(here, None)
            for arrival in source.poll(PATIENCE):
                if not isinstance(arrival, Quarantined):
                    yield replace(arrival, partition=place)
            progress = source.progress()
            if progress is not None:
                report(progress)
    finally:
        source.close()

"""Reads a source that ends from its start to its end."""

from __future__ import annotations

from collections.abc import Iterator

from monitor.sources.protocol import Arrival, Source

PATIENCE = 0.5  # seconds of one poll


def everything(source: Source) -> Iterator[Arrival]:
    """All that a source has, from the first record of each partition; the source is closed at the end.

    For those who keep no state: the daemon has its own loop, which restores and commits."""
    try:
        while not source.finished:
            for change in source.changes():
                for partition in sorted(change.gained, key=str):
                    source.seek(partition, None)
            yield from source.poll(PATIENCE)
    finally:
        source.close()

"""What a source hands over at its start."""

from __future__ import annotations

from monitor.sources.protocol import Quarantined, Source


def first_records(source: Source, polls: int) -> list[bytes]:
    """The records of the first poll that brings some, of so many; closes the source."""
    found: list[bytes] = []
    for _ in range(polls):
        for change in source.changes():
            for partition in change.gained:
                source.seek(partition, None)
        for arrival in source.poll(0.5):
            assert not isinstance(arrival, Quarantined)
            found.extend(arrival.payloads)
        if found:
            break
    source.close()
    return found

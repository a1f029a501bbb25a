"""Several streams of records woven into one log by their times: recorded traffic, and what is laid among it."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from monitor.record.decode import Decoder
from monitor.record.raw import Headers, Partition, RawBatch
from monitor.runtime.replay import Tally, batches
from monitor.sources.protocol import Progress

BATCH: Final = 1_000  # records that are handed on at once


class Told(NamedTuple):
    """One record: its event time in microseconds since 1970, its bytes, and what the log itself said of it."""

    time: int
    payload: bytes
    timestamp: int = -1
    headers: Headers = ()


def told(
    paths: Sequence[Path], decoder: Decoder, tally: Tally, progress: Callable[[Progress], None] = lambda _: None
) -> Iterator[Told]:
    """The records of files, in their order, with their times; one that cannot be read has that of the one before."""
    time = 0
    for batch in batches(paths, tally, progress):
        queries = decoder.decode(batch).queries
        times = dict(zip(queries.offset.tolist()[::-1], queries.time.tolist()[::-1], strict=True))
        for at, offset in enumerate(batch.offsets.tolist()):
            time = times.get(offset, time)
            headers = () if batch.headers is None else batch.headers[at]
            yield Told(time, batch.payloads[at], int(batch.timestamps[at]), headers)


def woven(streams: Sequence[Iterable[Told]], name: str) -> Iterator[RawBatch]:
    """The records of all streams by their times, as batches of one partition of that name. Streams that are not in the
    order of their times themselves stay as they are; among equal times the earlier stream comes first."""
    records = heapq.merge(*(_steady(stream) for stream in streams), key=lambda one: one[0])
    first = 0
    while chunk := [record for _, record in islice(records, BATCH)]:
        yield RawBatch(
            Partition(name, 0),
            [record.payload for record in chunk],
            np.arange(first, first + len(chunk)),
            np.array([record.timestamp for record in chunk], np.int64),
            first + len(chunk),
            [record.headers for record in chunk] if any(record.headers for record in chunk) else None,
        )
        first += len(chunk)


def _steady(stream: Iterable[Told]) -> Iterator[tuple[int, Told]]:
    """Each record with the latest time so far: a late record comes where it stands in its own log."""
    latest = 0
    for record in stream:
        latest = max(latest, record.time)
        yield latest, record

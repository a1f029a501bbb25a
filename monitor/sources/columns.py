"""Raw batches cut and put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from monitor.record.raw import Headers, RawBatch


def split(batch: RawBatch, count: int) -> tuple[RawBatch, RawBatch]:
    """The first `count` records, 0 < count < len(batch), and the others."""
    return (
        replace(
            batch,
            payloads=batch.payloads[:count],
            offsets=batch.offsets[:count],
            timestamps=batch.timestamps[:count],
            headers=batch.headers and batch.headers[:count],
            next_offset=int(batch.offsets[count - 1]) + 1,
        ),
        replace(
            batch,
            payloads=batch.payloads[count:],
            offsets=batch.offsets[count:],
            timestamps=batch.timestamps[count:],
            headers=batch.headers and batch.headers[count:],
        ),
    )


def join(batches: Sequence[RawBatch], next_offset: int) -> RawBatch:
    """One batch out of one or several of the same partition, after which reading goes on at `next_offset`."""
    if len(batches) == 1:
        return replace(batches[0], next_offset=next_offset)
    return RawBatch(
        partition=batches[0].partition,
        payloads=[payload for batch in batches for payload in batch.payloads],
        offsets=np.concatenate([batch.offsets for batch in batches]),
        timestamps=np.concatenate([batch.timestamps for batch in batches]),
        next_offset=next_offset,
        headers=_headers(batches),
    )


def _headers(batches: Sequence[RawBatch]) -> list[Headers] | None:
    if all(batch.headers is None for batch in batches):
        return None
    return [headers for batch in batches for headers in ([()] * len(batch) if batch.headers is None else batch.headers)]

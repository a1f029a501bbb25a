"""What changed in windows since a mark: clients that left, and of those that came the queries that are new.

A query moves a client's header, puts one entry and one sketch into its ring and one word on its trail, and may add a
sub-stream to an earlier entry: so that is all that has to be told, however much the client's window holds.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


class Mark(NamedTuple):
    """Where windows stood: queries so far, by slot the queries of its client, and how often clients had got other
    names."""

    queries: int
    counts: Ints
    renamed: int


class Places(NamedTuple):
    """Places in windows, one for each query: which of the clients asked about, its slot, the query's number among the
    client's own, and its page with the place on it."""

    owner: Ints
    number: Ints
    page: NDArray[np.int32]
    at: Ints


def taken(array: NDArray[Any], at: NDArray[np.integer[Any]]) -> NDArray[Any]:
    """The elements at these places of the first axis. As plain bytes: records are gathered field by field otherwise,
    ten times as slowly."""
    rows = as_rows(array).take(at)
    return rows.view(array.dtype).reshape(len(at), *array.shape[1:])


def as_rows(array: NDArray[Any]) -> NDArray[np.void]:
    """The elements of the first axis as bytes, without a copy; the array has to be contiguous and may not be empty in
    any other axis."""
    width = int(np.prod(array.shape[1:], dtype=np.int64))
    return array.reshape(len(array), width).view(np.dtype((np.void, width * array.dtype.itemsize)))[:, 0]


def ragged(start: Ints, stop: Ints) -> tuple[Ints, Ints]:
    """The numbers start[i] to stop[i] - 1 one after the other, with the i of each.

    >>> [part.tolist() for part in ragged(np.array([3, 0, 7]), np.array([5, 0, 8]))]
    [[0, 0, 2], [3, 4, 7]]
    """
    sizes = stop - start
    owner = np.repeat(np.arange(len(sizes)), sizes)
    before = np.cumsum(sizes) - sizes
    return owner, np.arange(int(sizes.sum())) - before[owner] + start[owner]


def places(pages: NDArray[np.int32], slots: Ints, start: Ints, stop: Ints, page: int) -> Places:
    """Where the queries start[i] to stop[i] - 1 of the clients in these slots stand; `page` is the entries of one."""
    owner, number = ragged(start, stop)
    ring = number % (pages.shape[1] * page)
    return Places(owner, number, pages[slots[owner], ring // page], ring % page)

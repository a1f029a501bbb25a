"""Distances of a client's queries to its own earlier ones, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from rivals.contract import Floats, Lesson, Vectors

#: Earlier queries that are looked at; authors' code keeps 1,000 (OSD) to 100,000 (SEAT). No scene has more than that.
LATEST = 1000
CHUNK = 256


def distances(some: Vectors, others: Vectors) -> Floats:
    """Euclidean distances (n, m); what is only rounding error is 0.

    >>> distances(np.float32([[0, 0]]), np.float32([[3, 4], [0, 0]])).tolist()
    [[5.0, 0.0]]
    """
    a, b = some.astype(np.float64), others.astype(np.float64)
    squares = (a * a).sum(axis=1)[:, None] + (b * b).sum(axis=1)[None, :] - 2.0 * (a @ b.T)
    squares[squares < 1e-10] = 0.0
    return np.asarray(np.sqrt(squares))


def earlier(codes: Vectors, latest: int = LATEST) -> Iterator[tuple[int, Floats]]:
    """Distances of runs of queries to earlier ones: (first query of the run, block); infinite where not earlier."""
    for start in range(0, len(codes), CHUNK):
        low, end = max(0, start - latest), min(start + CHUNK, len(codes))
        block = distances(codes[start:end], codes[low:end])
        rows, columns = np.arange(start, end)[:, None], np.arange(low, end)[None, :]
        block[(columns >= rows) | (columns < rows - latest)] = np.inf
        yield start, block


def nearest(codes: Vectors, count: int) -> Floats:
    """Distances (n, count) to the nearest earlier queries, ascending; infinite where there are fewer."""
    found = np.full((len(codes), count), np.inf)
    for start, block in earlier(codes):
        kept = min(count, block.shape[1])
        part = np.partition(block, kept - 1, axis=1)[:, :kept]
        found[start : start + len(block), :kept] = np.sort(part, axis=1)
    return found


def simulated(lesson: Lesson, users: int, most: int, seed: int) -> Sequence[Vectors]:
    """Codes of honest users as papers model them: each an independent draw of distinct ordinary inputs."""
    rng = np.random.default_rng(seed)
    codes = lesson.ordinary.codes
    count = min(most, max(1, len(codes) // 2))
    return [codes[rng.choice(len(codes), count, replace=False)] for _ in range(users)]

"""The MMD window test: are a client's last n queries drawn as the model's ordinary traffic is?

Liu, Guo, Dong: "An Embarrassingly Simple Detector for Model Extraction Attacks in LLM API Traffic", arXiv 2606.05725,
section 3: embed each query; unbiased squared maximum mean discrepancy between a window of n queries and ordinary
traffic, sum of four Gaussian kernels with bandwidths of 0.5, 1, 2 and 4 times the median distance, mean over 20 draws
of the reference; flagged above the 95 % quantile of 1,000 windows drawn from ordinary traffic itself. The paper's
window is 1,500; shorter ones are here because the scenes' attackers send 100 to 450 queries.

Departures: the shared encoder instead of a language model's embedding; draws are taken from one pool of 2,000 queries
of the learning days, nulls from another. Windows follow each other without overlap, as in the paper.
Known defects: one reference for all clients, so it asks whether this client is unlike the average, and every client
with a way of its own is; 5 % a window is a great many false alarms a day.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from rivals.contract import PUBLISHED, SILENT, Alone, Floats, Lesson, Stream, Trace, Vectors

POOL = 2000
DRAWS = 20
NULLS = 1000
QUANTILE = 0.95
WINDOWS = (100, 300, 1500)


@dataclass(frozen=True, slots=True)
class Kernel:
    """Four Gaussians; `width` is the widest bandwidth, 4 times the median distance."""

    width: float

    def __call__(self, some: Vectors, others: Vectors) -> Floats:
        """Sums of kernels (n, m). Each narrower Gaussian is the fourth power of the wider one."""
        squares = (some * some).sum(axis=1)[:, None] + (others * others).sum(axis=1)[None, :] - 2.0 * some @ others.T
        one = np.exp(np.minimum(0.0, squares / (-2.0 * self.width**2)))
        two = (one * one) ** 2
        three = (two * two) ** 2
        return np.asarray(one + two + three + (three * three) ** 2, np.float64)


class Mmd(Alone):
    """One window length. The statistic is the squared MMD of each full window."""

    encodes: ClassVar[bool] = True

    def __init__(self, window: int) -> None:
        self.name = f"MMD, window {window}"
        self.window = window
        self._kernel = Kernel(1.0)
        self._reference: Vectors = np.zeros((0, 0), np.float32)
        self._weights: Floats = np.zeros(0)
        self._constant = 0.0
        self._threshold = np.inf

    def learn(self, lesson: Lesson) -> None:
        """Draw the reference and the nulls from what honest clients sent in the learning days."""
        rng = np.random.default_rng(4)
        seen = np.concatenate([client.codes for client in lesson.clients])
        seen = seen[rng.permutation(len(seen))[: 2 * POOL]]
        self._reference, held = seen[::2], seen[1::2]
        apart = np.linalg.norm(self._reference - self._reference[rng.permutation(len(self._reference))], axis=1)
        self._kernel = Kernel(4.0 * float(np.median(apart[apart > 0])))
        self._draw(rng)
        self._threshold = float(np.quantile(self._nulls(held, rng), QUANTILE))

    def _draw(self, rng: np.random.Generator) -> None:
        """Means over draws of the reference are weights of its members, and one constant."""
        counts = self._counts(len(self._reference), DRAWS, rng)
        inner = self._inner(counts, self._kernel(self._reference, self._reference))
        self._weights = counts.sum(axis=0) / counts.sum()
        self._constant = float(inner.mean()) / (self.window * (self.window - 1))

    def _nulls(self, held: Vectors, rng: np.random.Generator) -> Floats:
        counts = self._counts(len(held), NULLS, rng)
        inner = self._inner(counts, self._kernel(held, held))
        across = counts @ (self._kernel(held, self._reference) @ self._weights) / self.window
        return np.asarray(inner / (self.window * (self.window - 1)) + self._constant - 2.0 * across)

    def _counts(self, size: int, draws: int, rng: np.random.Generator) -> Floats:
        """How often each member of a pool is in each draw (draws, size)."""
        counts = np.zeros((draws, size))
        for draw in counts:
            np.add.at(draw, rng.choice(size, self.window, replace=self.window > size), 1.0)
        return counts

    def _inner(self, counts: Floats, kernels: Floats) -> Floats:
        """Sums of kernels over the pairs of each draw, none with itself: its kernel is 4."""
        return np.asarray(((counts @ kernels) * counts).sum(axis=1) - 4.0 * self.window)

    def _squared(self, within: float, across: float) -> float:
        return within / (self.window * (self.window - 1)) + self._constant - 2.0 * across

    def published(self) -> Mapping[str, float]:
        """The 95 % quantile of the nulls."""
        return {PUBLISHED: self._threshold}

    def read(self, stream: Stream) -> Trace:
        """Read one client."""
        statistic = np.full(len(stream), SILENT)
        for end in range(self.window, len(stream) + 1, self.window):
            codes = stream.codes[end - self.window : end]
            block = self._kernel(codes, codes)
            across = float((self._kernel(codes, self._reference) @ self._weights).mean())
            statistic[end - 1] = self._squared(float(block.sum() - np.trace(block)), across)
        return Trace(statistic, self.window * stream.codes.shape[1] * stream.codes.itemsize)

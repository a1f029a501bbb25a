"""Delta similarity, as in GWAD: successive changes of the input tell how a search moves.

Park, McLaughlin, Alouani: "Mind the Gap: Detecting Black-box Adversarial Attacks in the Making through Query Update
Analysis", CVPR 2025, section 4: the cosine between successive changes of the (mean-free) picture; a histogram of the
last 256 of them, 200 bins over -1..1 and one for changes of nothing, scaled to 0..1; a network tells benign from six
attacks.

`Delta` here has no network: its statistic is the L1 distance of the histogram to the mean one of honest users as the
paper models them (independent draws of ordinary inputs), its threshold the 99.9 % quantile over such users. `delta_net`
has a trained one, for whoever has a scene of another seed to train it on. Pictures of at most 32 x 32 are not resized:
the cosine hardly changes. The window of 64, with 50 bins, is ours: the scenes' attackers send 100 to 300 queries, and a
window of 256 speaks at query 258.
Known defects: needs the order of queries; splitting over accounts or shuffling ends it; the warm-up; anybody whose
inputs follow each other in another way than independent draws (pollers, video) differs from the mean. On tables the
standardised columns are used; text has no differences that mean anything.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from rivals.contract import PUBLISHED, SILENT, Alone, Floats, Lesson, Stream, Trace, Vectors

BINS = 200
WINDOW = 256
USERS = 200
QUANTILE = 0.999


def similarities(vectors: Vectors) -> Floats:
    """Cosines between successive changes (n - 2), NaN where something did not change.

    >>> similarities(np.float32([[0, 1], [1, 0], [2, -1], [2, -1]])).tolist()
    [1.0, nan]
    """
    steps = np.diff(vectors - vectors.mean(axis=1, keepdims=True), axis=0).astype(np.float64)
    lengths = np.linalg.norm(steps, axis=1)
    products = lengths[1:] * lengths[:-1]
    inner = (steps[1:] * steps[:-1]).sum(axis=1)
    return np.where(products > 1e-12, inner / np.where(products > 1e-12, products, 1.0), np.nan).round(9)


def bins_of(window: int) -> int:
    """Bins for a window: few values want few of them."""
    return BINS if window >= BINS else BINS // 4


def histograms(vectors: Vectors, window: int) -> Floats:
    """Scaled histograms (m, bins + 1), one for each query from the `window + 2`th on."""
    cosines, most = similarities(vectors) if len(vectors) > 2 else np.zeros(0), bins_of(window)
    if len(cosines) < window:
        return np.zeros((0, most + 1))
    bins = np.clip((np.nan_to_num(cosines) + 1.0) / 2.0 * most, 0, most - 1).astype(np.int64)
    bins[np.isnan(cosines)] = most
    counts = np.zeros((len(bins) + 1, most + 1))
    counts[np.arange(1, len(bins) + 1), bins] = 1.0
    np.cumsum(counts, axis=0, out=counts)
    last = counts[window:] - counts[:-window]
    return np.asarray(last / last.max(axis=1, keepdims=True))


class Delta(Alone):
    """Distance of the histogram to that of the honest; `window` is how many changes it holds."""

    def __init__(self, window: int = WINDOW) -> None:
        self.name = f"delta similarity, window {window}"
        self.window = window
        self._usual: Floats | None = None
        self._threshold = np.inf

    def unfit(self, lesson: Lesson) -> str:
        """It needs inputs that can be subtracted."""
        return "differences of prompts mean nothing" if lesson.sort == "text" else ""

    def learn(self, lesson: Lesson) -> None:
        """Mean histogram and threshold, both from simulated users."""
        rng, ordinary = np.random.default_rng(3), lesson.ordinary.vectors
        users = [ordinary[rng.integers(len(ordinary), size=self.window + 2)] for _ in range(USERS)]
        drawn = np.concatenate([histograms(user, self.window) for user in users])
        self._usual = drawn.mean(axis=0)
        self._threshold = float(np.quantile(self._distance(drawn), QUANTILE, method="higher"))

    def published(self) -> Mapping[str, float]:
        """The quantile over users as the paper models them."""
        return {PUBLISHED: self._threshold}

    def read(self, stream: Stream) -> Trace:
        """Read one client."""
        statistic = np.full(len(stream), SILENT)
        shapes = histograms(stream.vectors, self.window)
        if len(shapes):
            statistic[-len(shapes) :] = self._distance(shapes)
        return Trace(statistic, 8 * self.window + 2 * stream.vectors[:1].nbytes)

    def _distance(self, shapes: Floats) -> Floats:
        if self._usual is None:
            raise RuntimeError("learn comes before published and read")
        return np.asarray(np.abs(shapes - self._usual).sum(axis=1))

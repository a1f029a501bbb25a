"""Learns what features are measured against: distances, the manifold of dense inputs, the dependence of columns.

Everything is fitted at once from a bounded sample of trusted clients' sketches, at points that the engine fixes by the
model's count of queries; nothing moves in between.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.contract import Floats
from detectors.features.baseline import CROWD, PAIRED, Baseline, unknown
from detectors.features.manifold import residual
from detectors.features.neighbours import dense_distance, nearest_stranger, unpack_dense
from detectors.scoring import agreements
from detectors.scoring.teaching import fold_of
from detectors.sketch.queries import DENSE, MAX_WIDTH, ROWS

ENOUGH: Final = 48  # samples before distances are known
ENOUGH_MANIFOLD: Final = 4  # samples for each component of a sketch before the manifold is known
KEPT: Final = 0.95  # share of the samples that stay for the second fit
RANK: Final = 0.62  # principal components, as a share of the sketch's width
LINK: Final = 0.6  # of the usual nearest distance
NEAR: Final = 0.62  # usual nearest distance over that of random inputs, until it has been seen
APART: Final = 0.7  # distance of random inputs over their norm, until it has been seen (decision 0014)
BY_CHANCE: Final = 0.05  # share of ordinary inputs that may be linked by chance
DRAWN: Final = 20.0  # samples of a label that weigh as much as those of all labels
AGREEMENT: Final = frozenset({"shared", "chance"})  # which a dump of before agreements were weighed has not
STRANGERS: Final = 12  # pairs of inputs of different clients from which that distance is known
ENOUGH_ROWS: Final = 256  # rows before the dependence of columns is known
MOST_TOLD: Final = 2.0  # nats that one pair of columns may say: a single odd cell is no independence
NEARLY_ALL: Final = 0.99
CODES: Final = 8


NO_OWN: Final = np.zeros(0, np.float32)


class Lesson(NamedTuple):
    """Samples of trusted clients: packed sketches (n, bytes), labels (n,), the keys of their clients (n,), and the
    errors that the operator's own autoencoder gave them (n,), NaN where it gave none."""

    sketches: NDArray[np.uint8]
    labels: NDArray[np.uint16]
    clients: NDArray[np.uint64]
    own: NDArray[np.float32] = NO_OWN


def peers(sizes: Floats, outputs: Floats, baseline: Baseline) -> Baseline:
    """The sizes, from blocks' logarithms of input and output sizes (m,), that nearly all clients stay below."""
    if len(sizes) < ENOUGH:
        return baseline
    return baseline._replace(size=float(np.quantile(sizes, NEARLY_ALL)), output=float(np.quantile(outputs, NEARLY_ALL)))


def fit(kind: int, width: int, lesson: Lesson, near: Floats, baseline: Baseline) -> Baseline:
    """The baseline from samples of trusted clients, and from blocks' median nearest distances (m,).

    With too few samples what can not be known stays as `baseline` has it.
    """
    sketches, labels = lesson.sketches, lesson.labels
    baseline = own(lesson.own, baseline)
    if kind == DENSE and len(sketches) and width > 0:
        return manifold(width, unpack(sketches), labels, scales(lesson, near, baseline))
    return rows(lesson, baseline) if kind == ROWS and len(sketches) else baseline


def rows(lesson: Lesson, baseline: Baseline) -> Baseline:
    """What rows have in common and what goes together in them: a poller's row says it once."""
    keys = np.ascontiguousarray(lesson.clients).view(np.uint8).reshape(-1, 8)
    each = once(np.concatenate([lesson.sketches, keys], axis=1))
    if len(each) >= ENOUGH_ROWS:
        baseline = agreements.fit(lesson.sketches[each], lesson.clients[each], baseline)
    distinct = once(lesson.sketches)
    if len(distinct) >= ENOUGH_ROWS:
        return columns(lesson.sketches[distinct], fold_of(lesson.clients[distinct]), baseline)
    return baseline


def once(marks: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Places of the rows (n, bytes) that did not stand before, ascending."""
    return np.sort(np.unique(marks, axis=0, return_index=True)[1])


def own(errors: NDArray[np.float32], baseline: Baseline) -> Baseline:
    """Median and quartile range of the errors of the operator's own autoencoder, once enough are known."""
    known = errors[np.isfinite(errors)].astype(np.float64)
    if len(known) < ENOUGH:
        return baseline
    low, middle, high = np.quantile(known, (0.25, 0.5, 0.75))
    return baseline._replace(own=np.array([middle, max(high - low, 1e-3)]))


def unpack(sketches: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Packed dense sketches as floats, (n, 64)."""
    floats = np.zeros((len(sketches), MAX_WIDTH), np.float32)
    for packed, out in zip(sketches, floats, strict=True):
        unpack_dense(packed, out)
    return floats


def scales(lesson: Lesson, near: Floats, baseline: Baseline) -> Baseline:
    """Distances: of random pairs (neighbours in the sample that come from different clients), and of nearest ones.

    While too few clients have met, a prior speaks: two random inputs lie 0.7 of their norm apart. On real ones it is
    0.73 to 1.42 (pictures on a bright and on a dark ground, standardised columns). It never comes from one client's
    own pairs: those of an attacker who comes first would make its chain the measure of all.
    """
    sketches, strangers = lesson.sketches, met(lesson.clients)
    if len(strangers) >= STRANGERS:
        apart = float(np.median([dense_distance(sketches[i], sketches[i - 1]) for i in strangers.tolist()]))
    else:
        norms = np.linalg.norm(unpack(sketches).astype(np.float64), axis=1)
        apart = APART * float(np.median(norms))
    known = near[np.isfinite(near)]
    usual = float(np.median(known)) if len(known) >= ENOUGH // 4 and len(sketches) >= ENOUGH else NEAR * apart
    if apart <= 0 or usual <= 0:
        return baseline
    link = LINK * usual
    return baseline._replace(near=usual, apart=apart, link=link, links=links(lesson, link))


def links(lesson: Lesson, link: float) -> Floats:
    """The distance under which a query of each label is linked: what 5 % of inputs come below by chance, by label.

    Chance is the nearest of 64 inputs of other clients, so that nobody's own chain is the measure. Labels whose inputs
    lie densely (skies) have short links, or ordinary users of theirs would be chained; few samples are drawn towards
    `link`, which nothing exceeds. Empty while too few clients have met. Source: the trade between detection and false
    alarms is set by the local density of natural inputs (Hooda et al., ICML workshop 2023).
    """
    found = np.full(len(lesson.sketches), np.nan)
    nearest_stranger(lesson.sketches, lesson.clients, CROWD, found)
    known = np.isfinite(found)
    if known.sum() < CROWD:
        return np.zeros(0)
    usual = min(float(np.quantile(found[known], BY_CHANCE)), link)
    limits = np.full(int(lesson.labels.max()) + 1, usual)
    for label in np.unique(lesson.labels[known]):
        own = found[known & (lesson.labels == label)]
        drawn = len(own) / (len(own) + DRAWN)
        limits[label] = np.exp(drawn * np.log(np.quantile(own, BY_CHANCE)) + (1 - drawn) * np.log(usual))
    return np.asarray(np.minimum(limits, link))


def met(clients: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Places of the samples whose neighbour before them came from another client."""
    return np.flatnonzero(clients[1:] != clients[:-1]) + 1


def manifold(width: int, floats: NDArray[np.float32], labels: NDArray[np.uint16], baseline: Baseline) -> Baseline:
    """Principal components of the sketches, fitted again without the worst 5 %, and the error's usual level and spread.

    The error grows with an input's distance from the mean (an inked digit has more to be wrong about) and differs by
    label; both are taken out by a regression and by medians, with Tukey's fences left to the spread (the IQR).
    """
    if len(floats) < enough_manifold(width):
        return baseline
    rank = max(1, int(RANK * width))
    points = floats[:, :width].astype(np.float64)
    mean, components = principal(points, rank)
    errors, sizes = errors_of(floats, mean, components, width)
    kept = errors <= np.quantile(errors, KEPT)
    mean, components = principal(points[kept], rank)
    errors, sizes = errors_of(floats, mean, components, width)
    slope = float(np.cov(errors[kept], sizes[kept])[0, 1] / max(np.var(sizes[kept]), 1e-9))
    level = float(np.median(errors[kept] - slope * sizes[kept]))
    left = errors - level - slope * sizes
    offsets = medians(left[kept], labels[kept])
    left = left - offsets[np.minimum(labels, len(offsets) - 1)]
    low, high = np.quantile(left[kept], (0.25, 0.75))
    return baseline._replace(
        mean=mean, components=components, level=level, slope=slope, offsets=offsets, unit=max(float(high - low), 1e-3)
    )


def enough_manifold(width: int) -> int:
    """Samples from which the manifold of sketches of that width is known."""
    return max(ENOUGH, ENOUGH_MANIFOLD * width)


def principal(points: Floats, rank: int) -> tuple[Floats, Floats]:
    """Mean (width,) and first components (rank, width) of points (n, width)."""
    mean = points.mean(axis=0)
    _, vectors = np.linalg.eigh(np.cov(points - mean, rowvar=False))
    return mean, np.ascontiguousarray(vectors[:, ::-1][:, :rank].T)


def errors_of(floats: NDArray[np.float32], mean: Floats, components: Floats, width: int) -> tuple[Floats, Floats]:
    """Log-errors and log-norms of n unpacked sketches."""
    both = np.array([residual(x, mean, components, width) for x in floats])
    return both[:, 0], both[:, 1]


def medians(values: Floats, labels: NDArray[np.uint16]) -> Floats:
    """The median of each label's values, drawn towards 0 where a label has few."""
    found = np.zeros(int(labels.max()) + 2)
    for label in np.unique(labels):
        own = values[labels == label]
        found[label] = np.median(own) * len(own) / (len(own) + 8)
    return found


def columns(sketches: NDArray[np.uint8], folds: NDArray[np.int64], baseline: Baseline) -> Baseline:
    """Rows: values per column, rarity of cells, pointwise dependence of pairs of columns (Church and Hanks 1990).

    Centre and spread of both come from clients that the tables have not learnt (two folds): on its own clients every
    table finds more dependence than on new ones, and new clients would look independent.
    """
    codes = (sketches[:, 0::2] >> 5).astype(np.int64)
    cells = sketches[:, 0::2].astype(np.int64) << 8 | sketches[:, 1::2]
    singles, pairs = tables(codes)
    halves = codes[folds == 0], codes[folds == 1]
    unseen = [(other, *tables(own)) for own, other in (halves, halves[::-1])]
    together = np.concatenate([sum_pairs(other, learnt) for other, _, learnt in unseen])
    rare = np.concatenate([sum_singles(other, learnt) for other, learnt, _ in unseen])
    return baseline._replace(
        pairs=pairs,
        singles=singles,
        dependence=centre(together),
        rarity=centre(rare),
        domain=np.array([float(len(np.unique(cells[:, j]))) for j in range(codes.shape[1])]),
    )


def tables(codes: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Log-rarities (columns, 8) and log-ratios of pairs (p, 8, 8) of rows' coarse codes (n, columns)."""
    counts = np.stack([np.bincount(codes[:, j], minlength=CODES) for j in range(codes.shape[1])])
    share = (counts + 0.5) / (counts.sum(axis=1, keepdims=True) + 0.5 * CODES)
    paired = range(min(PAIRED, codes.shape[1]))
    ratios = [pair(codes[:, a], codes[:, b], share[a], share[b]) for a in paired for b in paired if a < b]
    return -np.log(share), np.array(ratios).reshape(-1, CODES, CODES)


def sum_singles(codes: NDArray[np.int64], singles: Floats) -> Floats:
    """The sum of a row's log-rarities, (n,)."""
    return np.asarray(singles[np.arange(codes.shape[1]), codes].sum(axis=1))


def pair(a: NDArray[np.int64], b: NDArray[np.int64], of_a: Floats, of_b: Floats) -> Floats:
    """Log-ratios of joint over independent shares of two columns' codes, (8, 8), smoothed by half a row."""
    counts = np.bincount(a * CODES + b, minlength=CODES * CODES).reshape(CODES, CODES)
    prior = np.outer(of_a, of_b)
    return np.asarray(np.clip(np.log((counts + 8 * prior) / (counts.sum() + 8) / prior), -MOST_TOLD, MOST_TOLD))


def sum_pairs(codes: NDArray[np.int64], pairs: Floats) -> Floats:
    """The sum of a row's log-ratios over all pairs, (n,)."""
    paired = range(min(PAIRED, codes.shape[1]))
    order = [(a, b) for a in paired for b in paired if a < b]
    total = np.zeros(len(codes))
    for table, (a, b) in zip(pairs, order, strict=True):
        total += table[codes[:, a], codes[:, b]]
    return total


def centre(values: Floats) -> Floats:
    """Median and robust spread (1.4826 MAD, at least a thousandth), to standardise by."""
    middle = float(np.median(values))
    return np.array([middle, max(1.4826 * float(np.median(np.abs(values - middle))), 1e-3)])


def dump(baseline: Baseline) -> dict[str, NDArray[np.float64]]:
    """A baseline as arrays."""
    return {name: np.asarray(value, np.float64) for name, value in baseline._asdict().items()}


def load(arrays: dict[str, NDArray[np.float64]]) -> Baseline:
    """A baseline from what `dump` gave.

    Copies: arrays of a snapshot may only be read, which is another type to the kernels, and each of them would be
    compiled once more, for half a minute and in the middle of reading."""
    given = arrays if AGREEMENT & arrays.keys() else arrays | {name: dump(unknown())[name] for name in AGREEMENT}
    whole: list[Any] = [given[name].copy() if given[name].ndim else float(given[name]) for name in Baseline._fields]
    return Baseline(*whole)


__all__ = ["dump", "fit", "load", "unknown"]

"""Chains and clusters: how a client's inputs lie near each other, and in which order.

A query is linked when its nearest earlier query lies closer than the model's link distance; links make clusters, each
named by its first query, the base. Stateful detection began with the distance alone (Chen, Carlini and Wagner 2019),
which pollers, videos and explainers share with attacks; order, steps and bases are what tells them apart.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from detectors.features.layout import LINKED, REPEAT, SAME_PATCH, STAR
from detectors.features.numbers import autocorrelation, bits, quantile, spread

NAMES: Final = (
    "near",  # share of non-repeats that are linked
    "near_step",  # median distance of linked ones, in units of the model's usual nearest distance
    "near_step_spread",  # standard deviation of its logarithm
    "star",  # share of links that go to the base itself
    "clusters",  # clusters per non-repeat
    "largest_cluster",  # share of the non-repeats in the largest cluster
    "cluster_size",  # queries in it
    "big_clusters",  # clusters of five or more
    "run_length",  # mean logarithm of runs of neighbouring queries in one cluster
    "run_variation",  # coefficient of variation of such runs
    "interleaved",  # share of linked queries whose predecessor is in another cluster
    "changed",  # median share of segments or columns that differ from the neighbour
    "same_mask_next_base",  # share of queries that change the same few places as the one before, from another base
    "step_autocorrelation",  # of the logarithm of the distance between successive queries
    "step_period",  # its lag
    "straight",  # mean cosine of successive differences
    "collinear",  # share of them beyond 0.9 either way
    "far",  # mean distance to the window, in units of two random inputs of the model
    "far_spread",  # its standard deviation
    "near_raw",  # median nearest distance of non-repeats, unscaled: teaches the model's scales
    "far_raw",  # median mean distance, unscaled
)

LARGE_CLUSTER: Final = 5
TINY: Final = 1e-6

Floats = NDArray[np.float64]


@njit(cache=True)
def clusters(window: Any, base: NDArray[np.int64], size: NDArray[np.int64]) -> int:
    """Fill the distinct bases of the non-repeats and their sizes, in order of appearance; returns how many."""
    found = 0
    for i in range(len(window)):
        if window[i].flags & REPEAT:
            continue
        at = 0
        while at < found and base[at] != window[i].base:
            at += 1
        if at == found:
            base[found], size[found] = window[i].base, 0
            found += 1
        size[at] += 1
    return found


@njit(cache=True)
def largest(base: NDArray[np.int64], size: NDArray[np.int64], found: int) -> tuple[int, int]:
    """Base and size of the largest cluster, the earliest of equals; (-1, 0) of none."""
    best, most = -1, 0
    for at in range(found):
        if size[at] > most:
            best, most = base[at], size[at]
    return best, most


@njit(cache=True)
def runs(window: Any, lengths: Floats) -> int:
    """Fill the lengths of runs of successive queries in one cluster; returns how many runs."""
    found, length = 0, 0
    for i in range(len(window)):
        if i and window[i].base != window[i - 1].base:
            lengths[found] = length
            found, length = found + 1, 0
        length += 1
    if length:
        lengths[found] = length
        found += 1
    return found


@njit(cache=True)
def links(window: Any, first: int, scale: float, width: int, out: Floats) -> None:
    """Fill near .. near_step_spread, star, interleaved, changed, same_mask_next_base."""
    n = len(window)
    steps, changed = np.empty(n), np.empty(n)
    distinct, linked, star, interleaved, same_mask = 0, 0, 0, 0, 0
    for i in range(n):
        entry = window[i]
        distinct += not entry.flags & REPEAT
        same_mask += entry.flags & SAME_PATCH != 0
        if not entry.flags & LINKED or entry.flags & REPEAT:
            continue
        steps[linked] = np.log(max(entry.distance / scale, TINY))
        changed[linked] = bits(entry.mask) / width
        linked += 1
        star += entry.flags & STAR != 0
        if i:
            interleaved += window[i - 1].base != entry.base
    out[0] = linked / max(distinct, 1)
    out[1] = np.exp(quantile(steps[:linked], 0.5)) if linked else np.nan
    out[2] = spread(steps[:linked]) if linked else np.nan
    out[3] = star / max(linked, 1)
    out[10] = interleaved / max(linked, 1)
    out[11] = quantile(changed[:linked], 0.5)
    out[12] = same_mask / n


@njit(cache=True)
def grouping(window: Any, out: Floats) -> None:
    """Fill clusters .. run_variation."""
    n = len(window)
    base, size, lengths = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n)
    found = clusters(window, base, size)
    distinct = size[:found].sum()
    out[4] = found / max(distinct, 1)
    out[6] = largest(base, size, found)[1]
    out[5] = out[6] / max(distinct, 1)
    out[7] = (size[:found] >= LARGE_CLUSTER).sum()
    count = runs(window, lengths)
    out[8] = np.log(lengths[:count]).mean()
    out[9] = spread(lengths[:count]) / lengths[:count].mean()


@njit(cache=True)
def motion(window: Any, apart: float, out: Floats) -> None:
    """Fill step_autocorrelation .. far_raw."""
    n = len(window)
    steps, far, near = np.empty(n), np.empty(n), np.empty(n)
    moved, fars, nears, straight, collinear = 0, 0, 0, 0.0, 0
    for i in range(n):
        entry = window[i]
        if i:
            steps[moved] = np.log(max(entry.step, TINY))
            straight += entry.cosine / 127
            collinear += abs(entry.cosine) > 114
            moved += 1
        if not np.isnan(entry.step) and not np.isnan(entry.far):  # rows keep their rarity there
            far[fars] = entry.far
            fars += 1
        if not entry.flags & REPEAT and not np.isnan(entry.distance):
            near[nears] = entry.distance
            nears += 1
    out[13], out[14] = autocorrelation(steps[:moved], 3, 45)
    out[15] = straight / max(moved, 1)
    out[16] = collinear / max(moved, 1)
    out[17] = quantile(far[:fars], 0.5) / apart
    out[18] = spread(far[:fars]) / apart
    out[19] = quantile(near[:nears], 0.5)
    out[20] = quantile(far[:fars], 0.5)


@njit(cache=True)
def similarity(window: Any, first: int, scale: float, apart: float, width: int, out: Floats) -> None:
    """Fill `out` in the order of NAMES from a window of entries, oldest first.

    `scale` is the model's usual nearest distance, `apart` that of two random inputs, `width` the number of segments
    or columns. With unknown scales (NaN) what depends on them is NaN.
    """
    links(window, first, scale, width, out)
    grouping(window, out)
    motion(window, apart, out)

"""Rows that differ in one column: sweeps over a column's domain, grids, steps along coordinates.

A row's exact hash is the XOR of its keyed cell hashes, so that leaving a column out is one XOR; two rows of a window
that differ in one column alone belong to one leave-one-column-out group of that column. CSMIA and LOMIA (Mehnaz et
al., USENIX Security 2022) fill such groups over one column for many bases; a fairness audit on public records looks
the same, and only training fingerprints tell the two apart.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from detectors.features.agreement import within_bins
from detectors.features.layout import HABIT, LINKED, REPEAT
from detectors.features.numbers import bits, entropy, quantile
from detectors.features.similarity import clusters

NAMES: Final = (
    "one_column_away",  # share of non-repeats that differ from an earlier row in one column
    "sweep",  # share of all queries that do so in the most moved column
    "sweep_top",  # that column's share of the one-column moves
    "sweep_bases",  # bases from which that column was moved
    "largest_group",  # rows in the largest such group, base included
    "domain_covered",  # mean size of such groups over the column's number of values
    "sensitive",  # 1 where the operator has marked the column as sensitive
    "sweep_column",  # its place among the model's columns
    "column_entropy",  # entropy of the moved column over the logarithm of the number of columns
    "columns_moved",  # share of the columns that were moved alone
    "cells_changed",  # mean share of cells in which linked rows differ from their neighbour
    "jitter",  # share of linked rows that moved in several columns within coarse bins, beyond the client's habits
    "dependence",  # dependence between columns, standardised: 0 ordinary, far below for independent columns
    "atypical",  # how rare the cells are, standardised
)

Floats = NDArray[np.float64]
Mask = np.uint64


@njit(cache=True)
def moved_column(entry: Any) -> int:
    """The column in which a linked row differs from its neighbour, if it is one alone; otherwise -1."""
    if entry.flags & REPEAT or not entry.flags & LINKED or bits(entry.mask) != 1:
        return -1
    column = 0
    while not entry.mask >> np.uint64(column) & np.uint64(1):
        column += 1
    return column


@njit(cache=True)
def completes(entry: Any, window: Any, domain: Floats) -> bool:
    """Whether a row, which is not in the window yet, is the last one of a sweep: with it, and with the base, one column
    of one record has been asked with as many values as `domain` (columns,) counts for it."""
    column = moved_column(entry)
    if column < 0 or column >= len(domain):
        return False
    moves = 1
    for i in range(len(window)):
        moves += window[i].base == entry.base and moved_column(window[i]) == column
    return bool(moves + 1 == int(max(domain[column], 2.0)))


@njit(cache=True)
def groups(window: Any, column: int, domain: Floats, out: Floats) -> None:
    """Fill sweep_bases, largest_group and domain_covered for one column."""
    n = len(window)
    base, size = np.empty(n, np.int64), np.empty(n, np.int64)
    found = clusters(window, base, size)
    bases, most, covered = 0, 0, 0.0
    for at in range(found):
        moves = 0
        for i in range(n):
            moves += window[i].base == base[at] and moved_column(window[i]) == column
        if moves:
            bases += 1
            most = max(most, moves + 1)
            covered += min(1.0, (moves + 1) / max(domain[column], 2.0))
    out[3], out[4], out[5] = bases, most, covered / max(bases, 1)


@njit(cache=True)
def sweeps(window: Any, sensitive: Mask, domain: Floats, out: Floats) -> None:
    """Fill `out` in the order of NAMES from a window of entries; `domain` (columns,) counts each column's values."""
    n, columns = len(window), len(domain)
    moves, changed = np.zeros(columns), 0.0
    distinct, linked, jitter, away = 0, 0, 0, 0
    for i in range(n):
        entry = window[i]
        if entry.flags & REPEAT:
            continue
        distinct += 1
        if entry.flags & LINKED:
            linked += 1
            count = bits(entry.mask)
            changed += count / columns
            jitter += within_bins(entry) and not entry.flags & HABIT
            column = moved_column(entry)
            if column >= 0:
                away += 1
                moves[column] += 1
    top = int(np.argmax(moves))
    out[0], out[1], out[2] = away / max(distinct, 1), moves[top] / n, moves[top] / max(away, 1)
    groups(window, top, domain, out)
    out[6] = float(sensitive >> np.uint64(top) & np.uint64(1)) if away else 0.0
    out[7] = top
    out[8] = entropy(moves) / np.log(max(columns, 2))
    out[9] = (moves > 0).sum() / columns
    out[10], out[11] = changed / max(linked, 1), jitter / max(linked, 1)
    typicality(window, out)


@njit(cache=True)
def typicality(window: Any, out: Floats) -> None:
    """Fill dependence and atypical: medians over distinct rows (rows keep them in `error` and `far`)."""
    n = len(window)
    dependence, rare, m = np.empty(n), np.empty(n), 0
    for i in range(n):
        if not window[i].flags & REPEAT and not np.isnan(window[i].error):
            dependence[m], rare[m] = window[i].error, window[i].far
            m += 1
    out[12], out[13] = quantile(dependence[:m], 0.5), quantile(rare[:m], 0.5)

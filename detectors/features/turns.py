"""How the accounts of a group share their work: what they have in common, and how strictly they take turns.

Turns are judged by the gap test (Kendall and Babington Smith 1938; Knuth, The Art of Computer Programming 3.3.2): where
accounts call without regard to each other, the number of queries between two of the same account is geometric, and its
standard deviation is about its mean. Whoever deals one list out to accounts has equal gaps; sessions of honest people
come in bursts, with gaps more uneven than chance. It fails where a group deals its queries at random.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

NAMES: Final = (
    "members",
    "shared_links",
    "shared_share",
    "shared_rare",
    "shared_order",
    "rotation",
    "equal_volumes",
    "shared_times",
    "shared_names",
)

MOSTLY: Final = 0.5  # share of linked queries from which it does not matter who calls when
EVENLY: Final = 0.2  # rotation beyond chance


def coordinated(shared: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether groups, rows of NAMES (n, 9), share a piece of work rather than a taste: most queries are linked, most
    are of accounts that come together, or they take turns more evenly than chance would have it. Honest clients with
    inputs of the same odd kind are linked now and then, and come in sessions (-0.2 to -0.3 in the median on recorded
    scenes, where nearly all attacks that were dealt in turn had 0.7 to 1)."""
    return np.asarray((shared[:, 2] >= MOSTLY) | (shared[:, 5] >= EVENLY) | (shared[:, 7] >= MOSTLY))


def rotation(turns: NDArray[Any]) -> float:
    """1 less the coefficient of variation of the gaps between queries of the same account (not under -1), times their
    mean over the number of accounts: 1 for strict turns, about 0.1 for chance among five and more, less for bursts; NaN
    where fewer than eight gaps are known.

    >>> rotation(np.arange(40) % 5), rotation(np.repeat(np.arange(5), 8)), rotation(np.arange(5))
    (1.0, 0.2, nan)
    """
    order = np.argsort(turns, kind="stable")
    same = turns[order][1:] == turns[order][:-1]
    gaps = np.diff(order)[same]
    if len(gaps) < 8:
        return float("nan")
    even = max(-1.0, float(1.0 - gaps.std() / gaps.mean()))
    return even * min(1.0, float(gaps.mean()) / len(np.unique(turns)))


def equal_volumes(turns: NDArray[Any]) -> float:
    """1 less the coefficient of variation of the accounts' numbers of queries (not under -1); 1 if all are equal.

    >>> equal_volumes(np.arange(40) % 5)
    1.0
    """
    counts = np.unique(turns, return_counts=True)[1]
    return max(-1.0, float(1.0 - counts.std() / counts.mean()))


def shares(
    turns: NDArray[Any],
    units: NDArray[np.int64],
    order: NDArray[np.bool_],
    came: NDArray[np.bool_],
    named: NDArray[np.bool_],
) -> list[float]:
    """The features of a group's latest queries in the order of NAMES: of each query the account (n,), what its link to
    another account counts (0: none; more than 2: in a rare channel), whether what it shares is an order, whether
    the account comes together with others (detectors/features/rhythm.py), and whether some test names it alone."""
    n = max(len(turns), 1)
    linked = units > 0
    return [
        float(len(np.unique(turns))),
        float(linked.sum()),
        float(linked.sum() / n),
        float((units > 2).sum() / n),
        float(order.sum() / n),
        rotation(turns),
        equal_volumes(turns) if len(turns) else float("nan"),
        float(came.sum() / n),
        float(named.sum() / n),
    ]

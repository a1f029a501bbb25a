"""River's online detectors as a vote: learnt once from teaching rows, then frozen until the next fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from river.anomaly import LODA, HalfSpaceTrees, OneClassSVM

from detectors.contract import Floats
from detectors.scoring.squash import LIMIT, Squash

WIDTH = 16  # features, at most
ROWS = 512  # teaching rows, at most: a snapshot keeps them, and learns the forests from them again
MINIMUM_ROWS = 100
LOUD = 0.98  # share of ordinary rows that a voter must place below a row to vote against it
SEED = 20


class Voter(Protocol):
    """What is used of a river detector; asking does not change it."""

    def learn_one(self, x: dict[int, float]) -> None:
        """Learn a row."""

    def score_one(self, x: dict[int, float]) -> float:
        """The larger, the stranger."""


def voters(rows: int) -> tuple[Voter, ...]:
    """Those who vote, untaught, for so many rows.

    Half-space trees (Tan, Ting and Liu, IJCAI 2011) see sparse regions; LODA (Pevny, Machine Learning 2016) sees
    unusual combinations; the one-class SVM (Schoelkopf et al. 2001, linear and stochastic here) sees one direction
    away from all. On block features LODA was by far the best of river's, trees and SVM alone were weak: a vote, not a
    verdict. Their sizes are bounded by cost, 60 us a row: LODA's 100 projections alone would take 420.
    """
    return (
        HalfSpaceTrees(n_trees=8, height=6, window_size=rows, seed=SEED),
        LODA(n_random_cuts=5, seed=SEED),
        OneClassSVM(nu=0.1),
    )


@dataclass(frozen=True, slots=True)
class Vote:
    """Voters that learnt from `taught` (m, w), the squashed `columns` of the teaching rows, and the score above which
    each votes. The older half teaches, the newer half sets the limits: on rows that it has learnt a forest scores too
    low, and it voted four times too often on others. It fails on clusters of equal attackers among the teaching rows,
    and it knows nothing of clients: an eccentric honest client is voted against in every block."""

    squash: Squash
    columns: NDArray[np.int64]
    taught: Floats
    members: tuple[Voter, ...]
    limits: Floats

    @classmethod
    def fit(cls, rows: Floats) -> Vote | None:
        """From teaching rows (n, f), oldest first; None while there are too few.

        The columns are the 16 features with most distinct values; the rows are thinned evenly to 512 at most.
        """
        if len(rows) < MINIMUM_ROWS:
            return None
        thinned = rows[np.linspace(0, len(rows) - 1, min(len(rows), ROWS)).astype(np.int64)]
        distinct = np.array([len(np.unique(column[np.isfinite(column)])) for column in thinned.T])
        columns = np.sort(np.argsort(-distinct, kind="stable")[:WIDTH])
        squash = Squash.fit(thinned[:, columns])
        return cls.taught_by(squash, columns, squash(thinned[:, columns]))

    @classmethod
    def taught_by(cls, squash: Squash, columns: NDArray[np.int64], taught: Floats) -> Vote:
        """The vote that these squashed rows teach; the seeds are fixed, so it is always the same."""
        given = named(taught)
        half = len(given) // 2
        members = voters(half)
        for member in members:
            for row in given[:half]:
                member.learn_one(row)
        scores = [[member.score_one(row) for row in given[half:]] for member in members]
        return cls(squash, columns, taught, members, np.quantile(scores, LOUD, axis=1))

    def shares(self, rows: Floats) -> Floats:
        """Share of the voters that find each of the rows (n, f) stranger than nearly all they learnt, (n,)."""
        votes = np.zeros(len(rows))
        for at, row in enumerate(named(self.squash(rows[:, self.columns]))):
            loud = [member.score_one(row) > limit for member, limit in zip(self.members, self.limits, strict=True)]
            votes[at] = np.mean(loud)
        return votes

    def arrays(self) -> dict[str, NDArray[np.float64]]:
        """All that is needed to teach the same vote again: no forest, and no pickle."""
        return {
            "middle": self.squash.middle,
            "scale": self.squash.scale,
            "columns": self.columns.astype(np.float64),
            "taught": self.taught,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.float64]]) -> Vote:
        """The same vote, learnt again."""
        squash = Squash(arrays["middle"], arrays["scale"])
        return cls.taught_by(squash, arrays["columns"].astype(np.int64), arrays["taught"])


def named(squashed: Floats) -> list[dict[int, float]]:
    """Squashed rows as river has them: dictionaries of values between 0 and 1."""
    return [dict(enumerate(row)) for row in (squashed / (2 * LIMIT) + 0.5).tolist()]

"""What is usual for a model: medians to show beside findings, and how strange a client's traffic is among its peers.

A client is judged at its 1st, 2nd, 4th, 8th ... block, by profiles and river detectors that it has not taught. What the
two say together is one statistic, and that is compared with the same statistic of other clients at their same block:
calibrating the fused statistic costs less power than fusing two calibrated ones while few clients are known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detectors.contract import Floats
from detectors.features.walk import FEATURES
from detectors.scoring.profiles import Profiles
from detectors.scoring.tail import ClientTail
from detectors.scoring.teaching import fold_of
from detectors.scoring.vote import Vote
from detectors.sketch.queries import DENSE, ROWS

COMMON: Final = (
    "repeat",
    "constant_lag_repeat",
    "repeat_other_version",
    "label_entropy",
    "top_label",
    "refused",
    "failed",
)
ANSWERS: Final = ("low_margin", "flip", "confidence", "confidence_trend", "rise", "fall")
CHAINS: Final = (
    "near", "near_step", "star", "clusters", "largest_cluster", "run_length", "interleaved", "changed",
)  # fmt: skip
MOTION: Final = ("step_autocorrelation", "straight", "far", "far_spread", "same_mask_next_base")
ERRORS: Final = ("error_p10", "error_p50", "error_p90", "error_iqr", "error_autocorrelation")
SWEEPS: Final = (
    "one_column_away",
    "sweep",
    "column_entropy",
    "columns_moved",
    "cells_changed",
    "dependence",
    "atypical",
)
LOOKED_AT: Final = {
    DENSE: (*COMMON, *ANSWERS, *CHAINS, *MOTION, *ERRORS),
    ROWS: (*COMMON, *ANSWERS, *CHAINS, *SWEEPS),
}

VOTE_NATS: Final = 8.0  # what a unanimous vote of full weight adds to a surprise, in nats

Keys = NDArray[np.uint64]
Counts = NDArray[np.int64]


def looked_at(kind: int) -> list[int]:
    """Indices of the features by which clients of that kind of input are compared."""
    return [FEATURES.index(name) for name in LOOKED_AT.get(kind, (*COMMON, *CHAINS))]


def scheduled(blocks: Counts) -> NDArray[np.bool_]:
    """Whether a client is judged, and teaches, at that block of its own."""
    return np.asarray((blocks > 0) & (blocks & (blocks - 1) == 0))


@dataclass(frozen=True, slots=True)
class Strangeness:
    """Two halves of profiles and of voters; each client is judged by the half that it has not taught."""

    profiles: Profiles
    votes: tuple[Vote | None, Vote | None]
    weight: float

    @classmethod
    def fit(cls, rows: Floats, folds: Counts, weight: float) -> Strangeness | None:
        """From teaching rows (n, f) and the fold of each row's client; None while there are too few."""
        profiles = Profiles.fit(rows, folds)
        if profiles is None:
            return None
        known = np.where(np.isnan(rows), profiles.squash.middle, rows)
        votes = (Vote.fit(known[folds == 1]), Vote.fit(known[folds == 0])) if weight else (None, None)
        return cls(profiles, votes, weight)

    def __call__(self, rows: Floats, folds: Counts) -> Floats:
        """Nats of surprise, and of votes, for each row, (n,)."""
        found = self.profiles.surprise(rows, folds)
        known = np.where(np.isnan(rows), self.profiles.squash.middle, rows)
        for fold, vote in enumerate(self.votes):
            if vote is not None and (folds == fold).any():
                found[folds == fold] += self.weight * VOTE_NATS * vote.shares(known[folds == fold])
        return found

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All that it knows, as arrays."""
        votes = {
            f"vote{at}/{name}": part
            for at, vote in enumerate(self.votes)
            if vote
            for name, part in vote.arrays().items()
        }
        return {"weight": np.array([self.weight]), **nested("profiles", self.profiles.arrays()), **votes}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Strangeness:
        """The same again."""
        votes = tuple(Vote.from_arrays(own) if (own := inside(f"vote{at}", arrays)) else None for at in (0, 1))
        return cls(Profiles.from_arrays(inside("profiles", arrays)), (votes[0], votes[1]), float(arrays["weight"][0]))


@dataclass(frozen=True, slots=True)
class Norms:
    """Published by a refit, frozen until the next. `usual` (features,) are medians, NaN where not known."""

    kind: int
    usual: Floats
    strange: Strangeness | None
    tail: ClientTail | None

    @classmethod
    def unknown(cls, kind: int) -> Norms:
        """Before the first refit."""
        return cls(kind, np.full(len(FEATURES), np.nan), None, None)

    @classmethod
    def fit(cls, kind: int, rows: Floats, clients: Keys, blocks: Counts, vote_weight: float) -> Norms:
        """From teaching rows (n, features), the key of each row's client, and its count of blocks then."""
        if len(rows) == 0:
            return cls.unknown(kind)
        known = ~np.isnan(rows).all(axis=0)
        usual = np.full(rows.shape[1], np.nan)
        usual[known] = np.nanmedian(rows[:, known], axis=0)
        seen, folds = rows[:, looked_at(kind)], fold_of(clients)
        strange = Strangeness.fit(seen, folds, vote_weight)
        if strange is None:
            return cls(kind, usual, None, None)
        return cls(kind, usual, strange, ClientTail.fit(clients, blocks, strange(seen, folds)))

    @property
    def learning(self) -> bool:
        """Whether novelty can not be judged yet."""
        return self.tail is None or all(tail is None for tail in self.tail.tails)

    def p_values(self, rows: Floats, clients: Keys, blocks: Counts) -> Floats:
        """Share of honest clients as strange at that block, (n,); NaN: not judged at that block, or not known yet."""
        found = np.full(len(rows), np.nan)
        asked = scheduled(blocks)
        if self.strange is not None and self.tail is not None and asked.any():
            statistic = self.strange(rows[asked][:, looked_at(self.kind)], fold_of(clients[asked]))
            found[asked] = self.tail.p_values(statistic, blocks[asked])
        return found

    def nearest(self, row: Floats, client: np.uint64) -> tuple[int, list[tuple[str, float, float]]] | None:
        """The nearest ordinary profile of one block, and the features in which it departs most from it, with the
        departure in standard deviations and the profile's own value; None while still learning."""
        if self.strange is None:
            return None
        names = LOOKED_AT.get(self.kind, (*COMMON, *CHAINS))
        near = self.strange.profiles.nearest(row[None, looked_at(self.kind)], fold_of(np.array([client])))
        departures = zip(near.feature[0], near.residual[0], near.usual[0], strict=True)
        return int(near.profile[0]), [(names[at], float(residual), float(usual)) for at, residual, usual in departures]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All that it knows, as arrays."""
        strange = {} if self.strange is None else nested("strange", self.strange.arrays())
        tail = {} if self.tail is None else nested("tail", self.tail.arrays())
        return {"usual": self.usual, **strange, **tail}

    @classmethod
    def from_arrays(cls, kind: int, arrays: Mapping[str, NDArray[Any]]) -> Norms:
        """The same norms again."""
        strange, tail = inside("strange", arrays), inside("tail", arrays)
        return cls(
            kind,
            arrays["usual"],
            Strangeness.from_arrays(strange) if strange else None,
            ClientTail.from_arrays(tail) if tail else None,
        )


def nested(name: str, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Arrays under a name of their own."""
    return {f"{name}/{key}": array for key, array in arrays.items()}


def inside(name: str, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The arrays that `nested` put under that name."""
    return {key.removeprefix(f"{name}/"): array for key, array in arrays.items() if key.startswith(f"{name}/")}

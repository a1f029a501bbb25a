"""Traffic profiles: what ordinary use of one model looks like, learnt in two halves that never judge themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.contract import Floats
from detectors.scoring.mixture import Mixture
from detectors.scoring.squash import Squash

Folds = NDArray[np.int64]

MINIMUM_ROWS = 60  # of each fold; below, nothing is known yet


@dataclass(frozen=True, slots=True)
class Nearest:
    """The ordinary profile nearest to each of n blocks, and how the block departs from it, the largest first.

    `profile` (n,) numbers the profiles of both halves; `feature` (n, top) are indices of features, `residual` (n, top)
    their departures in standard deviations of the profile, `usual` (n, top) its means in the features' own units.
    """

    profile: NDArray[np.int64]
    feature: NDArray[np.int64]
    residual: Floats
    usual: Floats


@dataclass(frozen=True, slots=True)
class Profiles:
    """Two mixtures over squashed features, each learnt from one half of the clients.

    A client, honest teacher or live suspect alike, is always scored by the mixture of the half to which it does not
    belong. So a live client's score comes about exactly as those of the clients with which ClientTail compares it,
    which is what makes their p-values hold: neither has taught the mixture that judges it. (The maximum of both
    mixtures would be larger than what the tail knows, their minimum smaller; a client's own mixture forgives it.)
    It fails on kinds of honest traffic that have not taught: they are as strange as an attack. And it fails the other
    way where attackers teach unseen by any named test: in a trial with 400 clients, of later attackers of the same
    kind 97 % were found at a promise of 3 %, 96 % with one such teacher, 87 % with four, 29 % with twenty.
    """

    squash: Squash
    halves: tuple[Mixture, Mixture]

    @classmethod
    def fit(cls, rows: Floats, folds: Folds) -> Profiles | None:
        """From teaching rows (n, f) and the fold of each row's client (n,), 0 or 1; None while there are too few."""
        if min(np.sum(folds == 0), np.sum(folds == 1)) < MINIMUM_ROWS:
            return None
        squash = Squash.fit(rows)
        squashed = squash(rows)
        return cls(squash, (Mixture.fit(squashed[folds == 0]), Mixture.fit(squashed[folds == 1])))

    def surprise(self, rows: Floats, folds: Folds) -> Floats:
        """Negative log density, in nats, of rows (n, f) of clients of these folds, (n,): the larger, the stranger."""
        squashed, surprise = self.squash(rows), np.empty(len(rows))
        for fold in (0, 1):
            surprise[folds == fold] = -self.halves[1 - fold].log_density(squashed[folds == fold])
        return surprise

    def which(self, rows: Floats, folds: Folds) -> NDArray[np.int64]:
        """For each row (n, f) the number of the most probable profile of the mixture that judges it, (n,)."""
        return self._which(self.squash(rows), folds)

    def _which(self, squashed: Floats, folds: Folds) -> NDArray[np.int64]:
        profile = np.empty(len(squashed), np.int64)
        for fold in (0, 1):
            profile[folds == fold] = self.halves[1 - fold].log_parts(squashed[folds == fold]).argmax(axis=1)
        return profile + np.where(folds == 1, 0, len(self.halves[0].level))

    def nearest(self, rows: Floats, folds: Folds, top: int = 5) -> Nearest:
        """For each row (n, f) the most probable profile of the mixture that judges it, and the `top` departures."""
        squashed = self.squash(rows)
        profile = self._which(squashed, folds)
        mean, spread = (np.concatenate([getattr(half, part) for half in self.halves]) for part in ("mean", "spread"))
        residual = (squashed - mean[profile]) / spread[profile]
        feature = np.argsort(-np.abs(residual), axis=1, kind="stable")[:, :top]
        usual = self.squash.undo(mean[profile])
        return Nearest(profile, feature, *(np.take_along_axis(x, feature, axis=1) for x in (residual, usual)))

    def arrays(self) -> dict[str, NDArray[np.float64]]:
        """All that it knows, as arrays."""
        halves = {f"{at}.{name}": part for at, half in enumerate(self.halves) for name, part in half.arrays().items()}
        return {"middle": self.squash.middle, "scale": self.squash.scale, **halves}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.float64]]) -> Profiles:
        """The same profiles again."""
        first, second = (
            Mixture.from_arrays({name[2:]: part for name, part in arrays.items() if name.startswith(f"{at}.")})
            for at in (0, 1)
        )
        return cls(Squash(arrays["middle"], arrays["scale"]), (first, second))

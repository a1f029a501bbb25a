"""How strange a block is, by profiles and river detectors that have not learnt from its client."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detectors.contract import Floats
from detectors.scoring.nesting import inside, nested
from detectors.scoring.profiles import Profiles
from detectors.scoring.vote import Vote

VOTE_NATS: Final = 8.0  # what a unanimous vote of full weight adds to a surprise, in nats

Counts = NDArray[np.int64]


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

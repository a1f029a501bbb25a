"""Traffic that resembles no known profile: not an attack by name, but worth a look.

What ordinary use of a model looks like is learnt as a mixture of profiles over block features, together with a vote of
river's online detectors. A client is judged at its 1st, 2nd, 4th, 8th ... block, by profiles and voters that it has not
taught, and what the two say together is compared with what they say of other clients at the same block of theirs: the
client is the unit, so that eccentric but honest clients do not accumulate into findings.

Honest look-alikes: every kind of traffic that has not taught yet is as strange as an attack. That is why this tier is
low, has a budget of its own, and claims nothing. Fails where a few per cent of the clients are alike attackers that no
named test sees: they become a profile.

Sources: Siffer et al., Anomaly Detection in Streams with Extreme Value Theory (KDD 2017) for the tail; Tan, Ting and
Liu, Fast Anomaly Detection for Streaming Data (IJCAI 2011) and Pevny, Loda (Machine Learning 2016) for the vote.

>>> import numpy as np
>>> from detectors.contract import Blocks
>>> Novelty().score(Blocks(1, {}, np.array([20, 30]))).tolist()  # it has learnt nothing yet, and claims nothing
[[0.0], [0.0]]
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray

from detectors.contract import Blocks, Floats, Reason
from detectors.scoring.evidence import DECADES
from detectors.scoring.nesting import inside, nested
from detectors.scoring.profiles import Nearest
from detectors.scoring.strangeness import Strangeness
from detectors.scoring.tail import LEAST_P, ClientTail
from detectors.scoring.teaching import fold_of, scheduled
from detectors.sketch.queries import DENSE, OPAQUE, ROWS, TEXT

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
OTHERS: Final = (*COMMON, *CHAINS)
LARGE: Final = 6.0  # standard deviations from a profile that carry a departure all the way


def looked_at(kind: int) -> tuple[str, ...]:
    """The features by which clients with that kind of input are compared."""
    return LOOKED_AT.get(kind, OTHERS)


class Novelty:
    """How rare a client's traffic is among the clients of its model."""

    name: ClassVar[str] = "novelty"
    family: ClassVar[str] = "novelty"
    tests: ClassVar[tuple[str, ...]] = ("profiles",)
    kinds: ClassVar[frozenset[int]] = frozenset({OPAQUE, DENSE, ROWS, TEXT})
    reads: ClassVar[frozenset[str]] = frozenset(OTHERS).union(*LOOKED_AT.values())

    def __init__(
        self, vote_weight: float = 0.25, strange: Strangeness | None = None, tail: ClientTail | None = None
    ) -> None:
        self._vote_weight, self._strange, self._tail = vote_weight, strange, tail

    @property
    def learning(self) -> bool:
        """Whether no stratum of clients is known well enough yet."""
        return self._tail is None or all(tail is None for tail in self._tail.tails)

    def taught(self, lesson: Blocks) -> Self:
        """Profiles, voters and tails from the blocks of trusted clients; with too few of them it knows nothing."""
        if lesson.clients is None or lesson.counts is None:
            return type(self)(self._vote_weight)
        rows, folds = rows_of(lesson), fold_of(lesson.clients)
        strange = Strangeness.fit(rows, folds, self._vote_weight)
        if strange is None:
            return type(self)(self._vote_weight)
        tail = ClientTail.fit(lesson.clients, lesson.counts, strange(rows, folds))
        return type(self)(self._vote_weight, strange, tail)

    def score(self, blocks: Blocks) -> Floats:
        """-log10(p) / 6 of each block, (n, 1); 0 where a client is not judged at its block, or too little is known."""
        found = np.zeros((len(blocks), 1))
        if self._strange is None or self._tail is None or blocks.clients is None or blocks.counts is None:
            return found
        asked = scheduled(blocks.counts)
        if asked.any():
            statistic = self._strange(rows_of(blocks, asked), fold_of(blocks.clients[asked]))
            p = self._tail.p_values(statistic, blocks.counts[asked])
            found[asked, 0] = np.clip(-np.log10(np.clip(np.nan_to_num(p, nan=1.0), LEAST_P, 1.0)) / DECADES, 0.0, 1.0)
        return found

    def reasons(self, blocks: Blocks, row: int, test: int) -> tuple[Reason, ...]:
        """The features in which a block departs most from the nearest profile, the smallest departure first."""
        nearest = self._nearest(blocks, row)
        if nearest is None:
            return ()
        names = [looked_at(blocks.kind)[at] for at in nearest.feature[0].tolist()]
        departures = np.minimum(np.abs(nearest.residual[0]) / LARGE, 1.0).tolist()
        values = [float(blocks.feature(name)[row]) for name in names]
        found = [Reason(*each) for each in zip(names, values, departures, strict=True)]
        return tuple(sorted(found, key=lambda reason: reason.share))

    def looks(self, kind: int) -> tuple[str, ...]:
        """The features that are looked at."""
        return looked_at(kind)

    def profile(self, blocks: Blocks, row: int) -> str | None:
        """The nearest profile's number."""
        if self._strange is None or blocks.clients is None:
            return None
        rows, folds = rows_of(blocks, slice(row, row + 1)), fold_of(blocks.clients[row : row + 1])
        return f"profile {int(self._strange.profiles.which(rows, folds)[0]) + 1}"

    def _nearest(self, blocks: Blocks, row: int) -> Nearest | None:
        if self._strange is None or blocks.clients is None:
            return None
        rows, folds = rows_of(blocks, slice(row, row + 1)), fold_of(blocks.clients[row : row + 1])
        return self._strange.profiles.nearest(rows, folds)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All that it has learnt, as arrays."""
        strange = {} if self._strange is None else nested("strange", self._strange.arrays())
        tail = {} if self._tail is None else nested("tail", self._tail.arrays())
        return {**strange, **tail}

    def restored(self, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The detector whose `arrays` these are."""
        strange, tail = inside("strange", arrays), inside("tail", arrays)
        return type(self)(
            self._vote_weight,
            Strangeness.from_arrays(strange) if strange else None,
            ClientTail.from_arrays(tail) if tail else None,
        )


def rows_of(blocks: Blocks, some: slice | NDArray[np.bool_] = slice(None)) -> Floats:
    """The features looked at of some blocks, (n, f)."""
    return np.stack([blocks.feature(name)[some] for name in looked_at(blocks.kind)], axis=1)

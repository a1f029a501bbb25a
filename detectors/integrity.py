"""Inputs that do not lie where the model's ordinary inputs lie: noise, patchwork, columns that do not go together.

Each input is scored against the model's own manifold as it is sketched: dense inputs by the error of an autoencoder
(detectors/features/manifold.py; linear, or the operator's own), rows by how their columns depend on each other and how
rare their values are (detectors/features/sweeps.py). What is compared is a client's middle input with those of other
clients of the same volume, so that a noisy camera among noisy cameras is ordinary, and no threshold is fixed.

Honest look-alikes: a new camera, a new region, an explainer that blanks parts of inputs. The tier is low therefore, and
shares the novelty budget; the same errors stand as gates in named tests. Fails where fewer than half of a client's
inputs are off the manifold, for inputs that are smoother than nature (the generator test of inversion looks at those;
here they were not told apart from users of simple pictures), and for inputs of which nothing is known but a hash.

Sources: Hawkins, He, Williams and Baxter, Outlier Detection Using Replicator Neural Networks (DaWaK 2002), for errors
of an autoencoder; Church and Hanks 1990 for the dependence of columns; Siffer et al. (KDD 2017) for the tail.

>>> import numpy as np
>>> from detectors.contract import Blocks
>>> Integrity().score(Blocks(1, {"error_p50": np.array([9.0])}, np.array([20]))).tolist()  # it has learnt nothing yet
[[0.0]]
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray

from detectors.contract import Blocks, Floats, Reason
from detectors.scoring.evidence import DECADES
from detectors.scoring.nesting import inside, nested
from detectors.scoring.tail import LEAST_P, ClientTail
from detectors.scoring.teaching import scheduled
from detectors.sketch.queries import DENSE, ROWS

LARGE: Final = 6.0  # spreads of ordinary inputs that carry a reason all the way
FEW: Final = 8.0  # distinct rows that count half: the mean of few odd rows is soon odd
SHARES: Final = (0.01, 0.99)  # of a reason: no distance is nothing, and none is all
BLIND: Final = "blind"  # name of the array that says so


class Integrity:
    """How far a client's inputs lie from where the model's ordinary inputs lie, beside those of other clients."""

    name: ClassVar[str] = "integrity"
    family: ClassVar[str] = "novelty"
    tests: ClassVar[tuple[str, ...]] = ("manifold",)
    kinds: ClassVar[frozenset[int]] = frozenset({DENSE, ROWS})
    reads: ClassVar[frozenset[str]] = frozenset({"error_p50", "dependence", "atypical", "distinct"})

    def __init__(self, tail: ClientTail | None = None, *, blind: bool = False) -> None:
        self._tail, self._blind = tail, blind

    @property
    def learning(self) -> bool:
        """Whether no stratum of clients is known well enough yet; never for inputs that it can not judge at all."""
        return not self._blind and (self._tail is None or all(tail is None for tail in self._tail.tails))

    def taught(self, lesson: Blocks) -> Self:
        """Tails from the blocks of trusted clients; those from before the manifold was known are left out."""
        if lesson.kind not in self.kinds or lesson.clients is None or lesson.counts is None:
            return type(self)(blind=lesson.kind not in self.kinds)
        return type(self)(ClientTail.fit(lesson.clients, lesson.counts, distance(lesson)))

    def score(self, blocks: Blocks) -> Floats:
        """-log10(p) / 6 of each block, (n, 1); 0 where a client is not judged at its block, or too little is known."""
        found = np.zeros((len(blocks), 1))
        if self._tail is None or blocks.counts is None:
            return found
        asked = scheduled(blocks.counts)
        if asked.any():
            p = self._tail.p_values(distance(blocks)[asked], blocks.counts[asked])
            found[asked, 0] = np.clip(-np.log10(np.clip(np.nan_to_num(p, nan=1.0), LEAST_P, 1.0)) / DECADES, 0.0, 1.0)
        return found

    def reasons(self, blocks: Blocks, row: int, test: int) -> tuple[Reason, ...]:
        """The distances of the middle input, the smallest first."""
        if self._tail is None:
            return ()
        parts = (("error_p50", 1.0),) if blocks.kind == DENSE else (("dependence", -1.0), ("atypical", 1.0))
        values = [(name, float(blocks.feature(name)[row]), sign) for name, sign in parts]
        known = [(name, value, sign) for name, value, sign in values if not np.isnan(value)]
        found = [Reason(name, value, float(np.clip(sign * value / LARGE, *SHARES))) for name, value, sign in known]
        return tuple(sorted(found, key=lambda reason: reason.share))

    def looks(self, kind: int) -> tuple[str, ...]:
        """None: distance alone tells no kinds of traffic apart."""
        return ()

    def profile(self, blocks: Blocks, row: int) -> str | None:
        """None: it knows no kinds of traffic."""
        return None

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All that it has learnt, as arrays."""
        tail = {} if self._tail is None else nested("tail", self._tail.arrays())
        return {BLIND: np.array([self._blind]), **tail}

    def restored(self, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The detector whose `arrays` these are."""
        tail = inside("tail", arrays)
        return type(self)(ClientTail.from_arrays(tail) if tail else None, blind=bool(arrays[BLIND][0]))


def distance(blocks: Blocks) -> Floats:
    """How far the middle input of each block lies off the manifold, (n,), as a signed logarithm of ordinary spreads;
    NaN where that is not known.

    For rows the larger of lost dependence and rarity, lowered where a client's distinct rows are few: of a poller with
    one odd row nothing follows.
    """
    if blocks.kind == DENSE:
        return logarithm(blocks.feature("error_p50"))
    apart = np.maximum(logarithm(-blocks.feature("dependence")), logarithm(blocks.feature("atypical")))
    return np.asarray(apart - np.log1p(FEW / np.maximum(blocks.feature("distinct"), 1.0)) / 2)


def logarithm(values: Floats) -> Floats:
    """sign(x) log(1 + |x|), so that a tail can be fitted to what spans decades."""
    bounded = np.clip(values, -1e150, 1e150)
    return np.asarray(np.sign(bounded) * np.log1p(np.abs(bounded)))

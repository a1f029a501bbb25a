"""Model inversion: somebody reconstructs what the training data of a class looks like.

The attacker starts from noise, grey or a generator and climbs the confidence of one class, by coordinates, finite
differences or natural evolution (Fredrikson et al., CCS 2015; MI-Face), or lets a generator propose (BREP-MI, Kahla
et al., CVPR 2022; RLB-MI, Han et al., CVPR 2023). The trace is one cluster that leaves an unnatural base while a label
that it did not have rises; or inputs smoother than nature can be.

Honest look-alikes: noise fuzzers (nothing rises), restoration by confidence (a natural base), synthetic-data clients
(off the manifold the other way). Fails where only labels are disclosed and steps are large, and where a generator is
better than the monitor's linear manifold.
"""

from __future__ import annotations

from typing import ClassVar

from detectors.scoring.gates import all_of, any_of, gate
from detectors.scoring.named import NamedTests
from detectors.sketch.queries import DENSE

NOT_STRAIGHT = gate("straight", honest=0.4, attack=0.1)


class Inversion(NamedTests):
    """Climbs of one label's confidence from an unnatural start, and inputs from a generator."""

    name = "inversion"
    family = "inversion"
    kinds = frozenset({DENSE})
    expressions: ClassVar = {
        "climb": all_of(
            gate("near", honest=0.80, attack=0.97),
            gate("largest_cluster", honest=0.80, attack=0.95),
            gate("near_step", honest=0.02, attack=0.08),
            NOT_STRAIGHT,
            any_of(gate("error_gain", honest=0.10, attack=0.25), gate("error_p10", honest=0.8, attack=1.6)),
            any_of(
                all_of(gate("label_entropy", honest=0.2, attack=0.45), gate("flip", honest=0.02, attack=0.04)),
                gate("label_gain", honest=0.05, attack=0.15),
                gate("rise", honest=0.1, attack=0.3),
            ),
            gate("far_spread", honest=0.15, attack=0.10),
            gate("far", honest=0.06, attack=0.14),
            any_of(gate("base_error", honest=-0.5, attack=-1.0), gate("base_error", honest=0.8, attack=1.6)),
            gate("fall", honest=3.0, attack=1.6),
        ),
        "generator": all_of(
            gate("error_p50", honest=-1.8, attack=-2.8),
            gate("error_iqr", honest=3.4, attack=2.7),
            gate("far", honest=0.06, attack=0.13),
            gate("repeat", honest=0.30, attack=0.15),
            NOT_STRAIGHT,
        ),
    }

"""Model inversion: somebody reconstructs what the training data of a class looks like.

The attacker starts from noise, grey or a generator and climbs the confidence of one class, by coordinates, finite
differences or natural evolution (Fredrikson et al., CCS 2015; MI-Face), or lets a generator propose (BREP-MI, Kahla
et al., CVPR 2022; RLB-MI, Han et al., CVPR 2023). The trace is one cluster that leaves an unnatural base while a label
that it did not have rises; or inputs smoother than nature can be.

Honest look-alikes: noise fuzzers (nothing rises), restoration by confidence (a natural base), synthetic-data clients
(off the manifold the other way). Fails where only labels are disclosed and steps are large, and where a generator is
better than the monitor's linear manifold.

>>> from detectors.checks import one_block
>>> climb = one_block(
...     1,
...     near=1.0, largest_cluster=1.0, far=0.4, straight=-0.5, root_error=3.0, rise=0.9, record_highs=6,
...     flip_low_margin=0.0, near_step_spread=0.4, collinear=0.0
... )
>>> restoration = one_block(
...     1,
...     near=1.0, largest_cluster=1.0, far=0.4, straight=-0.5, root_error=0.0, rise=0.9, record_highs=6,
...     flip_low_margin=0.0, near_step_spread=0.4, collinear=0.0
... )
>>> [round(float(Inversion().score(block).max()), 2) for block in (climb, restoration)]
[1.0, 0.0]
"""

from __future__ import annotations

from typing import ClassVar

from detectors.features.layout import CHAINED, STRANGE
from detectors.scoring.gates import all_of, any_of, gate
from detectors.scoring.named import NamedTests
from detectors.sketch.queries import DENSE

NOT_STRAIGHT = gate("straight", honest=-0.05, attack=-0.18)
UNNATURAL = any_of(
    gate("root_error", honest=1.0, attack=1.4),
    gate("root_error", honest=-0.8, attack=-1.3),
)
NOT_OF_COPIES = any_of(  # copies of natural inputs vary little among themselves
    gate("stream", honest=CHAINED, attack=0),
    gate("stream", honest=CHAINED, attack=STRANGE),
)
TAKEN_OVER = all_of(  # another answer than the base's own has risen, and stays
    gate("base_label", honest=0.55, attack=0.30),
    gate("label_gain", honest=1.0, attack=3.0),
    gate("far", honest=0.20, attack=0.33),
)


NARROWER = any_of(  # than any one picture's versions: far smoother than nature, or many pictures that come once each
    all_of(gate("error_p90", honest=0.0, attack=-0.6), gate("error_p50", honest=-0.70, attack=-1.25)),
    all_of(
        gate("run_length", honest=0.40, attack=0.20),
        gate("clusters", honest=0.22, attack=0.38),
        gate("near", honest=0.85, attack=0.70),
    ),
)


class Inversion(NamedTests):
    """Climbs of one label's confidence from an unnatural start, and inputs from a generator."""

    name = "inversion"
    family = "inversion"
    kinds = frozenset({DENSE})
    expressions: ClassVar = {
        "climb": all_of(
            gate("near", honest=0.80, attack=0.92),
            gate("largest_cluster", honest=0.60, attack=0.80),
            gate("far", honest=0.16, attack=0.22),
            NOT_STRAIGHT,
            any_of(UNNATURAL, TAKEN_OVER),
            any_of(gate("rise", honest=0.25, attack=0.50), gate("record_highs", honest=1.0, attack=2.5)),
            gate("flip_low_margin", honest=0.30, attack=0.18),
            gate("near_step_spread", honest=0.08, attack=0.13),  # a poller's steps are all alike
            gate("collinear", honest=0.30, attack=0.18),  # restoration goes back along its lines
        ),
        "ascent": all_of(  # large steps: no links, yet all near one start that no camera took, and ever surer
            gate("far", honest=0.74, attack=0.64),
            gate("far", honest=0.12, attack=0.20),
            gate("far_spread", honest=0.16, attack=0.12),
            gate("error_p10", honest=0.5, attack=1.0),
            gate("confidence_trend", honest=0.20, attack=0.40),
            gate("repeat", honest=0.5, attack=0.3),
            gate("fill", honest=25, attack=35),
            NOT_STRAIGHT,
        ),
        "narrow": all_of(  # no input is far from the manifold, and none is rough: a generator covers less than nature
            gate("error_p90", honest=0.30, attack=0.0),
            gate("error_iqr", honest=1.0, attack=0.7),
            gate("error_p50", honest=-0.10, attack=-0.45),
            gate("far", honest=0.14, attack=0.30),
            gate("repeat", honest=0.30, attack=0.15),
            gate("fill", honest=24, attack=36),
            gate("star", honest=0.95, attack=0.80),
            gate("collinear", honest=0.40, attack=0.25),  # mixtures of two pictures are smooth as well
            NOT_OF_COPIES,
            NOT_STRAIGHT,
            NARROWER,
        ),
        "generator": all_of(
            gate("error_p50", honest=-1.6, attack=-2.4),
            gate("error_p90", honest=-0.3, attack=-1.2),
            gate("far", honest=0.14, attack=0.22),  # a poller's smooth picture is one picture
            gate("repeat", honest=0.30, attack=0.15),
            NOT_STRAIGHT,
        ),
    }

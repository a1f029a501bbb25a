"""Adversarial-example search: somebody looks for an input that the model gets wrong.

The attacker starts from an input that the model answers well and changes it until the answer flips, keeping close to
where it flips (HopSkipJump, Boundary, SignOPT), or follows a falling confidence (NES, SimBA, Square, ZOO), or moves a
few pixels at a time. The trace is a chain of near-duplicates around one confident base that hugs a boundary or falls
step by step.

Honest look-alikes: pollers repeat one picture but never change the label on purpose; video moves straight on;
explainers return to the base every time; hesitant pictures flip without a confident base. Whoever optimises the
model's confidence for an honest purpose (restoration, counterfactuals) does look like this.

Sources: Chen, Carlini and Wagner, Stateful detection (2019) for chains; Li et al., Blacklight (USENIX Security 2022)
for near-duplicates; Park et al., Mind the Gap (CVPR 2025) for the direction of successive differences. Fails on
saturated outputs, on steps as large as the distance between ordinary inputs, and where sketches cross a key epoch.

>>> from detectors.checks import one_block
>>> search = one_block(
...     1,
...     fall=0.9, record_lows=4, near=1.0, straight=-0.5, changed=0.6, star=0.0, largest_cluster=0.9, repeat=0.0,
...     label_entropy=0.3, far=0.5, near_step=0.2, far_spread=0.05, cluster_size=40, interleaved=0.0
... )
>>> video = one_block(
...     1,
...     fall=0.0, record_lows=4, near=1.0, straight=0.9, changed=0.6, star=0.0, largest_cluster=0.9, repeat=0.0,
...     label_entropy=0.3, far=0.5, near_step=0.2, far_spread=0.05, cluster_size=40, interleaved=0.0
... )
>>> [round(float(Evasion().score(block).max()), 2) for block in (search, video)]
[1.0, 0.0]
"""

from __future__ import annotations

from typing import ClassVar

from detectors.scoring.gates import all_of, any_of, feature, gate, where_known
from detectors.scoring.named import NamedTests
from detectors.sketch.queries import DENSE, ROWS

NOT_STRAIGHT = gate("straight", honest=-0.05, attack=-0.18)  # video and panning move straight on
GOES_SOMEWHERE = any_of(  # a poller's noise is a ball: its queries are as far from each other as from their neighbour
    gate("far", honest=0.10, attack=0.15),
    gate(feature("far") / feature("near_step"), honest=1.05, attack=1.5),
)
NOT_ONE_ROW = any_of(  # who asks what would change an answer stays with one row; among dummies runs say nothing
    gate("run_length", honest=2.2, attack=1.4),
    gate("stream_share", honest=0.75, attack=0.55),
)
FLIPS = where_known(
    "low_margin",
    gate("flip_low_margin", honest=0.12, attack=0.25),
    otherwise=gate("flip", honest=0.25, attack=0.40),
)


class Evasion(NamedTests):
    """Chains that hug a decision boundary, fall in confidence, or crowd around one hidden base."""

    name = "evasion"
    family = "evasion"
    kinds = frozenset({DENSE, ROWS})
    expressions: ClassVar = {
        "boundary": all_of(
            FLIPS,
            gate("near_step_spread", honest=0.55, attack=0.95),  # bisection: steps shrink by orders of magnitude
            gate("near_step", honest=0.105, attack=0.065),
            gate("near", honest=0.40, attack=0.60),
            gate("collinear", honest=0.40, attack=0.32),  # a counterfactual page halves lines and does nothing else,
            gate("cluster_size", honest=10, attack=16),  # and has its answer after a handful of steps
            gate("label_entropy", honest=1.55, attack=1.25),
            gate(feature("far") / feature("near_step"), honest=0.85, attack=1.25),  # a poller in doubt: a ball of noise
            gate(
                "interleaved", honest=0.50, attack=0.25
            ),  # one search after the other, not strangers that happen to be near
        ),
        "fall": all_of(
            gate("fall", honest=0.30, attack=0.50),
            gate("record_lows", honest=-0.5, attack=0.5),
            gate("near", honest=0.5, attack=0.8),
            any_of(
                all_of(
                    gate("straight", honest=-0.20, attack=-0.35),  # shaky video stays above
                    gate("changed", honest=0.12, attack=0.25),
                ),
                all_of(
                    gate("changed", honest=0.30, attack=0.15),
                    gate("star", honest=0.12, attack=0.05),  # an explainer returns to its picture
                    NOT_STRAIGHT,
                ),
            ),
            GOES_SOMEWHERE,
            gate("largest_cluster", honest=0.25, attack=0.40),
            gate("repeat", honest=0.7, attack=0.5),
            gate("label_entropy", honest=1.7, attack=1.4),
            gate("cluster_size", honest=12, attack=18),
            gate("interleaved", honest=0.50, attack=0.25),
        ),
        "walk": all_of(
            gate("near", honest=0.80, attack=0.92),
            gate("largest_cluster", honest=0.6, attack=0.8),
            gate("far", honest=0.12, attack=0.20),
            gate("near_step", honest=0.08, attack=0.14),
            gate("far_spread", honest=0.24, attack=0.16),
            gate("run_length", honest=0.5, attack=1.2),
            gate("changed", honest=0.08, attack=0.14),  # an occluding patch is smaller
            any_of(gate("error_p50", honest=0.35, attack=0.70), gate("star", honest=0.06, attack=0.14)),  # no poller
            NOT_STRAIGHT,
            gate("label_entropy", honest=1.3, attack=1.0),
            gate(feature("far") / feature("near_step"), honest=0.50, attack=0.68),
            gate("near_step_spread", honest=0.06, attack=0.12),
            gate("cluster_size", honest=12, attack=18),
        ),
        "sparse": all_of(
            gate("changed", honest=0.20, attack=0.12),
            gate("run_length", honest=1.2, attack=1.8),
            gate("star", honest=0.20, attack=0.10),
            gate("near", honest=0.6, attack=0.8),
            gate("largest_cluster", honest=0.5, attack=0.7),
            gate("cluster_size", honest=16, attack=24),
            gate("far", honest=0.012, attack=0.03),
            gate(feature("far") / feature("near_step"), honest=1.05, attack=1.5),
            NOT_STRAIGHT,
        ),
        "patches": all_of(
            gate("changed", honest=0.14, attack=0.09),
            gate("star", honest=0.06, attack=0.02),
            gate("fall", honest=0.17, attack=0.31),
            gate("record_lows", honest=0.0, attack=0.6),
            gate("fill", honest=24, attack=36),
            gate("near", honest=0.20, attack=0.35),
            gate("root_margin", honest=0.25, attack=0.45),
            gate("run_length", honest=0.5, attack=0.8),
            gate("straight", honest=-0.04, attack=-0.12),
        ),
        "cloud": all_of(
            gate("far", honest=0.74, attack=0.64),
            gate("far", honest=0.12, attack=0.20),
            gate("far_spread", honest=0.16, attack=0.12),
            gate("label_entropy", honest=1.0, attack=0.7),
            gate("error_p50", honest=0.6, attack=1.0),
            gate("repeat", honest=0.5, attack=0.3),
            gate("fill", honest=25, attack=35),
            gate("star", honest=0.95, attack=0.80),  # of what is linked at all: an explainer returns to its picture
            NOT_STRAIGHT,
            gate("collinear", honest=0.30, attack=0.15),  # restoration goes back along its lines
        ),
        "coordinates": all_of(
            gate("changed", honest=0.10, attack=0.06),
            gate("cluster_size", honest=16, attack=22),
            gate("star", honest=0.45, attack=0.30),
            gate("near", honest=0.45, attack=0.60),
            gate("fill", honest=24, attack=36),
            gate("error_p50", honest=0.50, attack=0.85),  # off the manifold: nobody has such rows
            gate("step_autocorrelation", honest=0.65, attack=0.50),
            gate("collinear", honest=0.30, attack=0.20),
            gate("repeat", honest=0.30, attack=0.15),
            gate("straight", honest=-0.12, attack=-0.25),  # Shapley values put part after part in and walk straight on
        ),
        "steps": all_of(
            gate("one_column_away", honest=0.45, attack=0.58),
            gate("cluster_size", honest=8, attack=11),
            gate("largest_cluster", honest=0.14, attack=0.20),
            gate("star", honest=0.30, attack=0.20),
            gate("column_entropy", honest=0.6, attack=0.8),
            gate("dependence", honest=-0.60, attack=-1.10),
            any_of(gate("fall", honest=0.05, attack=0.20), gate("flip", honest=0.05, attack=0.12)),
            NOT_ONE_ROW,
        ),
        "wander": all_of(
            gate("one_column_away", honest=0.50, attack=0.62),
            gate("cluster_size", honest=14, attack=19),
            gate("largest_cluster", honest=0.36, attack=0.44),
            gate("star", honest=0.15, attack=0.10),
            NOT_ONE_ROW,
        ),
    }

"""Label-only membership inference: somebody finds out which records a model was trained on without its scores.

The attacker asks about the same number of shifted, rotated or noisy copies of each record, or measures each record's
distance to the decision boundary (Choquette-Choo et al., ICML 2021; Li and Zhang, CCS 2021): the model holds on longer
to what it has seen. The trace is a period: equal clusters, one for each base, made by the same recipe every time.

Honest look-alikes: test-time augmentation with few views (up to seven views can not be told apart), video bursts
(they move straight on), pollers of several pictures (exact repeats). Score-only membership leaves no such trace;
without training fingerprints nobody can see it.
"""

from __future__ import annotations

from typing import ClassVar

from detectors.scoring.gates import all_of, gate
from detectors.scoring.named import NamedTests
from detectors.sketch.queries import DENSE, ROWS

PERIOD = all_of(
    gate("step_autocorrelation", honest=0.65, attack=0.80),
    gate("step_period", honest=7.4, attack=8.0),
    gate("step_period", honest=41, attack=36),
    gate("repeat", honest=0.30, attack=0.15),
    gate("interleaved", honest=0.25, attack=0.10),
)


class Membership(NamedTests):
    """Equal clusters over many bases."""

    name = "membership"
    family = "membership-inference"
    kinds = frozenset({DENSE, ROWS})
    expressions: ClassVar = {
        "clusters": all_of(
            PERIOD,
            gate("big_clusters", honest=1.5, attack=3),
            gate("changed", honest=0.1, attack=0.2),
            gate("star", honest=0.95, attack=0.85),
            gate("star", honest=0.15, attack=0.35),
            gate("straight", honest=0.4, attack=0.1),
        ),
        "radius": all_of(
            PERIOD,
            gate("error_autocorrelation", honest=0.70, attack=0.85),
            gate("error_p50", honest=0.6, attack=1.4),
            gate("changed", honest=0.4, attack=0.8),
        ),
        "boundary": all_of(
            PERIOD,
            gate("base_margin", honest=0.15, attack=0.35),
            gate("flip_low_margin", honest=0.05, attack=0.15),
            gate("near_step", honest=0.20, attack=0.10),
            gate("near", honest=0.15, attack=0.40),
            gate("big_clusters", honest=3.5, attack=6),
            gate("collinear", honest=0.2, attack=0.4),
        ),
        "jitter": all_of(
            gate("jitter", honest=0.3, attack=0.6),
            gate("near", honest=0.5, attack=0.7),
            gate("run_variation", honest=0.6, attack=0.3),
            gate("run_length", honest=1.6, attack=2.0),
            gate("repeat", honest=0.3, attack=0.2),
        ),
    }

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
"""

from __future__ import annotations

from typing import ClassVar

from detectors.scoring.gates import all_of, any_of, feature, gate
from detectors.scoring.named import NamedTests
from detectors.sketch.queries import DENSE, ROWS

NATURAL = gate("error_p10", honest=-3.0, attack=-1.8)  # not a generator's picture
NOT_STRAIGHT = gate("straight", honest=0.4, attack=0.1)  # video and panning move straight on

HUGGING = all_of(
    gate("base_margin", honest=0.15, attack=0.35),
    gate("flip_low_margin", honest=0.05, attack=0.15),
    gate("near_step", honest=0.20, attack=0.10),
    gate("near", honest=0.15, attack=0.40),
    gate("far", honest=0.02, attack=0.05),
    NATURAL,
)


class Evasion(NamedTests):
    """Chains that hug a decision boundary or fall in confidence."""

    name = "evasion"
    family = "evasion"
    kinds = frozenset({DENSE, ROWS})
    expressions: ClassVar = {
        "boundary": all_of(
            HUGGING,
            any_of(
                gate("step_autocorrelation", honest=0.93, attack=0.80),
                gate("big_clusters", honest=6, attack=4),
            ),
        ),
        "fall": all_of(
            gate("fall", honest=0.5, attack=0.9),
            gate("record_lows", honest=0.0, attack=1.0),
            gate("near", honest=0.5, attack=0.9),
            gate("near_step", honest=0.5, attack=0.3),
            NOT_STRAIGHT,
            gate("cluster_size", honest=20, attack=32),
            gate("base_margin", honest=0.3, attack=0.6),
            NATURAL,
            gate("error_autocorrelation", honest=1.2, attack=0.9),
            any_of(gate("error_gain", honest=-0.08, attack=0.06), gate("error_p50", honest=1.0, attack=2.0)),
        ),
        "sparse": all_of(
            gate("changed", honest=0.25, attack=0.15),
            gate("cluster_size", honest=58, attack=72),
            gate("largest_cluster", honest=0.6, attack=0.8),
            gate("near", honest=0.1, attack=0.3),
            gate("near_step", honest=0.30, attack=0.15),
            gate("star", honest=0.7, attack=0.3),
            gate(abs(feature("base_error")), honest=2.0, attack=1.4),
            gate("label_entropy", honest=1.1, attack=0.8),
        ),
        "cloud": all_of(
            gate("error_p10", honest=0.8, attack=1.8),
            gate("far", honest=0.85, attack=0.75),
            gate("far_spread", honest=0.14, attack=0.10),
            gate("top_label", honest=0.35, attack=0.5),
            gate("clusters", honest=0.3, attack=0.6),
            any_of(
                gate(abs(feature("error_trend")), honest=0.3, attack=0.6),
                gate(abs(feature("confidence_trend")), honest=0.3, attack=0.6),
            ),
        ),
        "steps": all_of(
            gate("one_column_away", honest=0.70, attack=0.85),
            gate("run_length", honest=1.3, attack=1.8),
            gate("column_entropy", honest=0.5, attack=0.6),
            gate("column_entropy", honest=0.93, attack=0.85),
            gate("low_margin", honest=0.12, attack=0.22),
            gate("top_label", honest=0.65, attack=0.75),
            gate("dependence", honest=-0.50, attack=-0.75),
            any_of(gate("fall", honest=0.05, attack=0.25), gate("flip", honest=0.05, attack=0.10)),
        ),
    }

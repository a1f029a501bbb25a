"""Model extraction: somebody trains a copy of the model on its answers.

The attacker needs inputs that cover the model's decisions: augmentation along the copy's Jacobian (Papernot et al.,
AsiaCCS 2017; JBDA), mixtures and noise (synthetic inputs; PRADA, Juuti et al., EuroS&P 2019), grids and rows drawn
column by column (Tramer et al., USENIX Security 2016). The trace is inputs that are not drawn as nature draws them:
steps of constant length from old queries, mixtures between classes, columns that no longer depend on each other.

Honest look-alikes: test-time augmentation, what-if pages (one column at a time from a natural row), out-of-distribution
users. Extraction with ordinary inputs by one client can not be told from use by content: volume and coverage are all
there is, and they are in the novelty tier.

>>> from detectors.checks import one_block
>>> noise = one_block(
...     1, error_p10=2.0, error_p50=3.0, far=1.4, near=0.0, label_entropy=0.8, repeat=0.0, far_spread=0.1,
...     error_autocorrelation=0.3, straight=-0.5
... )
>>> camera = one_block(
...     1, error_p10=-0.5, error_p50=0.0, far=1.4, near=0.0, label_entropy=0.8, repeat=0.0, far_spread=0.1,
...     error_autocorrelation=0.3, straight=-0.5
... )
>>> [round(float(Extraction().score(block).max()), 2) for block in (noise, camera)]
[1.0, 0.0]
"""

from __future__ import annotations

from typing import ClassVar

from detectors.scoring.gates import all_of, any_of, gate, where_known
from detectors.scoring.named import NamedTests
from detectors.sketch.queries import DENSE, ROWS

EVEN_STEPS = gate("near_step_spread", honest=0.60, attack=0.40)


class Extraction(NamedTests):
    """Inputs that are not drawn as nature draws them."""

    name = "extraction"
    family = "extraction"
    kinds = frozenset({DENSE, ROWS})
    expressions: ClassVar = {
        "jacobian": all_of(
            gate("near", honest=0.20, attack=0.38),
            gate("interleaved", honest=0.88, attack=0.95),
            gate("run_length", honest=0.06, attack=0.02),
            gate("changed", honest=0.30, attack=0.50),
            gate("near_step_spread", honest=0.75, attack=0.50),
            any_of(gate("stream", honest=4, attack=2), EVEN_STEPS),  # a group is interleaved by being one
            gate("largest_cluster", honest=0.15, attack=0.11),
            gate("label_entropy", honest=1.5, attack=1.85),
            gate("repeat", honest=0.2, attack=0.1),
            gate("far", honest=0.54, attack=0.66),
        ),
        "mixup": all_of(
            gate("far", honest=0.82, attack=0.77),
            gate("error_p50", honest=0.35, attack=0.05),  # smoother than nature, where sensors are rougher
            gate("far", honest=0.60, attack=0.66),
            gate("far_spread", honest=0.11, attack=0.09),
            gate("near", honest=0.75, attack=0.60),
            gate("near", honest=0.08, attack=0.16),
            gate("run_length", honest=0.12, attack=0.06),
            gate("low_margin", honest=0.18, attack=0.32),
            gate("label_entropy", honest=1.7, attack=1.95),
            gate("step_autocorrelation", honest=0.60, attack=0.50),
            gate("fill", honest=25, attack=40),
        ),
        "noise": all_of(
            gate("error_p10", honest=0.50, attack=0.85),
            gate("error_p50", honest=1.0, attack=1.4),
            gate("far", honest=1.04, attack=1.10),
            gate("near", honest=0.12, attack=0.04),
            gate("label_entropy", honest=1.9, attack=1.6),
            gate("repeat", honest=0.3, attack=0.1),
            gate("far_spread", honest=0.26, attack=0.18),  # noise is as far from noise as from anything; scenes are not
            gate("error_autocorrelation", honest=0.75, attack=0.50),
            gate("straight", honest=-0.05, attack=-0.18),
        ),
        "independent": all_of(
            gate("dependence", honest=-1.0, attack=-1.3),
            gate("one_column_away", honest=0.35, attack=0.20),
            gate("constant_lag_repeat", honest=0.15, attack=0.05),
            gate("distinct", honest=32, attack=48),
            gate("near", honest=0.36, attack=0.16),
            gate("columns_moved", honest=0.50, attack=0.25),
            gate("repeat", honest=0.14, attack=0.05),
        ),
        "uniform": all_of(
            gate("atypical", honest=2.4, attack=3.4),
            gate("distinct", honest=8, attack=14),
            gate("near", honest=0.7, attack=0.5),  # who asks "what if?" of strange rows has them near each other
            gate("sweep_top", honest=0.6, attack=0.3),
            gate("repeat", honest=0.14, attack=0.05),
            where_known(
                "dependence",
                gate("dependence", honest=-0.6, attack=-1.2),
                otherwise=gate("distinct", honest=8, attack=14),
            ),
        ),
        "leaves": all_of(
            gate("one_column_away", honest=0.85, attack=0.92),
            gate("run_length", honest=1.7, attack=2.1),
            gate("largest_cluster", honest=0.30, attack=0.42),
            gate("column_entropy", honest=0.70, attack=0.60),
            gate("column_entropy", honest=0.30, attack=0.40),
        ),
        "lines": all_of(
            gate("collinear", honest=0.18, attack=0.28),
            gate("cluster_size", honest=12, attack=17),
            gate("fill", honest=22, attack=32),
            gate("changed", honest=0.10, attack=0.06),
            gate("star", honest=0.40, attack=0.25),
            gate("error_p50", honest=0.35, attack=0.70),
            gate("repeat", honest=0.30, attack=0.15),
        ),
        "grid": all_of(
            gate("cluster_size", honest=18, attack=26),
            gate("columns_moved", honest=0.80, attack=0.95),
            gate("one_column_away", honest=0.80, attack=0.93),
            gate("column_entropy", honest=0.65, attack=0.80),
            gate("run_length", honest=1.8, attack=2.6),
            gate("low_margin", honest=0.5, attack=0.3),
        ),
    }

"""Model extraction: somebody trains a copy of the model on its answers.

The attacker needs inputs that cover the model's decisions: augmentation along the copy's Jacobian (Papernot et al.,
AsiaCCS 2017; JBDA), mixtures and noise (synthetic inputs; PRADA, Juuti et al., EuroS&P 2019), grids and rows drawn
column by column (Tramer et al., USENIX Security 2016). The trace is inputs that are not drawn as nature draws them:
steps of constant length from old queries, mixtures between classes, columns that no longer depend on each other.

Honest look-alikes: test-time augmentation, what-if pages (one column at a time from a natural row), out-of-distribution
users. Extraction with ordinary inputs by one client can not be told from use by content: volume and coverage are all
there is, and they are in the novelty tier.
"""

from __future__ import annotations

from typing import ClassVar

from detectors.scoring.gates import all_of, any_of, feature, gate
from detectors.scoring.named import NamedTests
from detectors.sketch.queries import DENSE, ROWS

GROWN = (feature("fill") / 100).sqrt()  # means over few rows vary more
DISTINCT = all_of(gate("distinct", honest=8, attack=14), gate("near", honest=0.6, attack=0.4))


class Extraction(NamedTests):
    """Inputs that are not drawn as nature draws them."""

    name = "extraction"
    family = "extraction"
    kinds = frozenset({DENSE, ROWS})
    expressions: ClassVar = {
        "jacobian": all_of(
            gate("near", honest=0.08, attack=0.20),
            gate("changed", honest=0.75, attack=0.95),
            gate("near_step_spread", honest=0.25, attack=0.18),
            gate("star", honest=0.75, attack=0.90),
            gate("near_step", honest=0.50, attack=0.42),
            gate("error_gain", honest=-0.10, attack=0.08),
            gate("clusters", honest=0.20, attack=0.35),
            gate("run_length", honest=0.5, attack=0.2),
            gate("repeat", honest=0.2, attack=0.1),
        ),
        "mixup": all_of(
            gate("far", honest=0.86, attack=0.81),
            gate("low_margin", honest=0.0, attack=0.02),
            gate("step_autocorrelation", honest=0.60, attack=0.45),
            gate("near", honest=0.25, attack=0.10),
            gate("fill", honest=25, attack=45),
        ),
        "noise": all_of(
            gate("error_iqr", honest=2.6, attack=3.0),
            gate("far", honest=0.85, attack=0.78),
            gate("far_spread", honest=0.13, attack=0.09),
            gate("near", honest=0.4, attack=0.2),
            any_of(gate("error_p10", honest=-3, attack=-4), gate("error_p10", honest=2, attack=3)),
        ),
        "independent": all_of(
            gate((feature("dependence") + 0.3) * GROWN, honest=-0.55, attack=-0.90),
            gate("one_column_away", honest=0.5, attack=0.3),
            gate("constant_lag_repeat", honest=0.15, attack=0.05),
            DISTINCT,
        ),
        "uniform": all_of(gate(feature("atypical") * GROWN, honest=1.0, attack=2.0), DISTINCT),
        "grid": all_of(
            gate("one_column_away", honest=0.80, attack=0.93),
            gate("column_entropy", honest=0.65, attack=0.80),
            gate("run_length", honest=1.8, attack=2.6),
            gate("columns_moved", honest=0.67, attack=0.82),
            gate("low_margin", honest=0.5, attack=0.3),
        ),
    }

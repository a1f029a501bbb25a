"""Membership inference: somebody finds out which records a model was trained on.

Without scores the attacker asks about the same number of shifted, rotated or noisy copies of each record, or measures
each record's distance to the decision boundary (Choquette-Choo et al., ICML 2021; Li and Zhang, CCS 2021): the model
holds on longer to what it has seen. The trace is a period: equal clusters, one for each base, made by the same recipe
every time.

Honest look-alikes: test-time augmentation with few views (up to seven views can not be told apart), video bursts
(they move straight on), pollers of several pictures (exact repeats).

With scores the attacker asks once about each suspect (Shokri et al., IEEE S&P 2017), which leaves no such trace. Only
fingerprints of the training data see it: the share of training records among the client's distinct queries is far above
that of ordinary clients, each of whom has a rate of its own. Look-alikes: the owner's own evaluation on training data
(name that client as an evaluator), and somebody whose customers the model was trained on, until he is known.

>>> from detectors.checks import one_block
>>> copies = one_block(
...     1,
...     step_autocorrelation=0.98, repeat=0.0, straight=-0.5, changed=0.8, star=0.9, clusters=0.5, near=0.6,
...     label_entropy=1.6, error_autocorrelation=0.4, fill=60, run_length=0.2
... )
>>> video_bursts = one_block(
...     1,
...     step_autocorrelation=0.98, repeat=0.0, straight=0.9, changed=0.8, star=0.9, clusters=0.5, near=0.6,
...     label_entropy=1.6, error_autocorrelation=0.4, fill=60, run_length=0.2
... )
>>> suspects, customers = (
...     one_block(2, training_hits=0.5, distinct=40, training_surprise=surprise, one_column_away=0.1)
...     for surprise in (7.4, 0.9)
... )
>>> [round(float(Membership().score(block).max()), 2) for block in (copies, video_bursts, suspects, customers)]
[1.0, 0.0, 1.0, 0.15]
"""

from __future__ import annotations

from typing import ClassVar

from detectors.scoring.evidence import DECADES
from detectors.scoring.gates import all_of, any_of, feature, gate, where_known
from detectors.scoring.named import NamedTests
from detectors.sketch.queries import DENSE, OPAQUE, ROWS, TEXT

PERIOD = all_of(
    gate("step_autocorrelation", honest=0.65, attack=0.78),
    gate("repeat", honest=0.30, attack=0.15),
    gate("straight", honest=0.0, attack=-0.1),
)

HITS = all_of(
    gate("training_hits", honest=0.25, attack=0.35),
    gate("training_surprise", honest=0.0, attack=DECADES),
    gate("distinct", honest=8, attack=14),
)


BASES = where_known(  # copies of training records, or one recipe for all: an augmentation draws shifts anew
    "training_hits",
    any_of(gate("training_hits", honest=0.0, attack=0.02), gate("far_spread", honest=0.18, attack=0.12)),
    otherwise=gate("fill", honest=24, attack=36),
)


class Membership(NamedTests):
    """Equal clusters over many bases, or many training records."""

    name = "membership"
    family = "membership-inference"
    kinds = frozenset({OPAQUE, DENSE, ROWS, TEXT})
    expressions: ClassVar = {
        "clusters": all_of(
            PERIOD,
            gate("changed", honest=0.15, attack=0.28),
            any_of(gate("star", honest=0.28, attack=0.42), gate("error_p50", honest=0.6, attack=1.0)),
            gate("run_length", honest=0.42, attack=0.32),  # filters of growing strength lie beside each other
            gate("clusters", honest=0.22, attack=0.32),
            gate("near", honest=0.12, attack=0.22),
            gate("label_entropy", honest=0.6, attack=0.9),
            gate("error_autocorrelation", honest=0.95, attack=0.85),
            gate("fill", honest=24, attack=36),
            BASES,
        ),
        "copies": all_of(  # the record itself among its copies, or along its way to the boundary: label-only
            gate(feature("training_hits") * feature("distinct"), honest=0.8, attack=2.2),
            gate("training_surprise", honest=0.9, attack=1.6),
            gate("near", honest=0.18, attack=0.32),
            gate("repeat", honest=0.30, attack=0.15),
            gate("straight", honest=0.0, attack=-0.1),
        ),
        "boundary": all_of(
            where_known(
                "low_margin",
                gate("flip_low_margin", honest=0.12, attack=0.25),
                otherwise=gate("flip", honest=0.20, attack=0.35),
            ),
            gate("near_step", honest=0.14, attack=0.07),
            gate("big_clusters", honest=1.5, attack=2.5),
            gate("largest_cluster", honest=0.65, attack=0.50),
            gate("step_autocorrelation", honest=0.55, attack=0.70),
            gate("collinear", honest=0.40, attack=0.32),
            gate("cluster_size", honest=10, attack=16),
            gate("near", honest=0.6, attack=0.75),
        ),
        "jitter": all_of(
            gate("jitter", honest=0.30, attack=0.50),
            gate("near", honest=0.45, attack=0.60),
            gate("clusters", honest=0.50, attack=0.40),
            gate("repeat", honest=0.3, attack=0.2),
            gate("cluster_size", honest=3, attack=6.5),
            gate("star", honest=0.95, attack=0.65),
        ),
        "hits": where_known(  # a sweep over training records is another attack
            "one_column_away", all_of(HITS, gate("one_column_away", honest=0.4, attack=0.2)), otherwise=HITS
        ),
    }

"""Property inference by a surrogate meta-classifier: somebody asks a fixed set of probes of one model after another.

Whether a model was trained on data with some global property shows in its answers to a fixed, ordered probe set
(Ganju et al., CCS 2018); the attacker replays the set to every version. The trace is exact repeats at a constant lag
that were first seen under another version of the model.

Honest look-alikes: smoke tests and pollers repeat under one version; retries have no constant lag. An owner's
regression test over versions is identical by construction, and is named.

>>> from detectors.checks import one_block
>>> replay = one_block(0, constant_lag_repeat=0.5, repeat_other_version=0.5)
>>> smoke_test = one_block(0, constant_lag_repeat=0.5, repeat_other_version=0.0)
>>> [round(float(Probes().score(block).max()), 2) for block in (replay, smoke_test)]
[1.0, 0.0]
"""

from __future__ import annotations

from typing import ClassVar

from detectors.scoring.gates import all_of, gate
from detectors.scoring.named import NamedTests
from detectors.sketch.queries import DENSE, OPAQUE, ROWS, TEXT


class Probes(NamedTests):
    """An ordered set that comes again under another version."""

    name = "probes"
    family = "property-inference"
    kinds = frozenset({OPAQUE, DENSE, ROWS, TEXT})
    expressions: ClassVar = {
        "replay": all_of(
            gate("constant_lag_repeat", honest=0.02, attack=0.10),
            gate("repeat_other_version", honest=0.02, attack=0.10),
        ),
    }

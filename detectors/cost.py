"""Cost harvesting and denial: somebody makes the model work for nothing.

A client sends many times what it used to send, or inputs and outputs many times as long (ATLAS AML.T0034). The trace is
growth against the client's own past, in volume and in size, and sizes far beyond those of all its peers.

Sources: Shumailov et al., Sponge Examples (EuroS&P 2021) for inputs that cost most; ATLAS for the rest.

Honest look-alikes: load tests and launches grow in volume alone and at known times; batch jobs are large but have
always been; agents send transcripts longer than anybody's prompts, and ask for short answers. Fails in the first hours
of a client, which has no past to be held against.

>>> from detectors.checks import one_block
>>> burst = one_block(0, rate_growth=12, rate=8)
>>> batch_job = one_block(0, rate_growth=0.2, rate=8, size_growth=0.0, output_growth=0.0)
>>> [round(float(Cost().score(block).max()), 2) for block in (burst, batch_job)]
[1.0, 0.0]
"""

from __future__ import annotations

from typing import ClassVar

from detectors.scoring.gates import all_of, any_of, gate
from detectors.scoring.named import NamedTests
from detectors.sketch.queries import DENSE, OPAQUE, ROWS, TEXT


class Cost(NamedTests):
    """Volume or length far above the client's own past."""

    name = "cost"
    family = "cost"
    kinds = frozenset({OPAQUE, DENSE, ROWS, TEXT})
    expressions: ClassVar = {
        "burst": all_of(gate("rate_growth", honest=7.0, attack=9.0), gate("rate", honest=4.6, attack=5.8)),
        "length": any_of(
            gate("size_growth", honest=1.2, attack=2.0),
            gate("output_growth", honest=1.2, attack=2.0),
            all_of(
                gate("size_above", honest=0.7, attack=1.4),
                any_of(  # agents and passages make long prompts too; who wants the model to work wants long answers
                    gate("tokens", honest=10.5, attack=11.5),
                    gate("size_above", honest=1.2, attack=1.9),
                ),
            ),
            gate("output_above", honest=0.7, attack=1.4),
        ),
    }

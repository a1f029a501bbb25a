"""Attribute inference: somebody reads a sensitive value of known people out of the model.

The attacker knows everything of a person but one value and asks the model about each possible one: the answer that
fits best gives the value away (CSMIA and LOMIA; Mehnaz et al., USENIX Security 2022). The trace is rows that differ in
one column alone, always the same column, swept over its domain, for one base after the other.

Honest look-alikes: what-if pages move many columns of few bases; a fairness audit sweeps the very same column, and only
fingerprints of the training data can tell it apart: it asks about the public, the attacker about those whom the model
knows. With fingerprints any column counts, and the bases have to be training records but for the swept column, in more
cases than those of ordinary clients. Without them the test speaks for columns that the operator has marked as
sensitive; sweeps over others stay in the novelty tier. Fails: somebody who tries one column for his own customers, on
whom the model was trained, does what the attack does.

>>> from detectors.checks import one_block
>>> sweep = one_block(2, sweep_top=1.0, sweep=0.8, sweep_bases=8, largest_group=6, domain_covered=1.0, sensitive=1)
>>> what_if_page = one_block(
...     2,
...     sweep_top=0.2, sweep=0.8, sweep_bases=8, largest_group=6, domain_covered=1.0, sensitive=1
... )
>>> audit, attack = (
...     one_block(
...         2,
...         sweep_top=1.0, sweep=0.8, sweep_bases=8, largest_group=6, domain_covered=1.0, sensitive=1,
...         training_row_hits=hits, training_row_surprise=surprise
...     )
...     for hits, surprise in ((0.125, 0.2), (1.0, 4.6))
... )
>>> [round(float(Attribute().score(block).max()), 2) for block in (sweep, what_if_page, audit, attack)]
[1.0, 0.0, 0.0, 1.0]
"""

from __future__ import annotations

from typing import ClassVar

from detectors.scoring.gates import all_of, any_of, gate, where_known
from detectors.scoring.named import NamedTests
from detectors.sketch.queries import ROWS

OFTEN = all_of(gate("sweep", honest=0.12, attack=0.25), gate("sweep_bases", honest=0.5, attack=2.0))
#: Hidden among ordinary queries. Ordinary rows stand beside others by chance, and where they do lie training records,
#: too: not more than four bases of one column were seen on honest clients.
AMONG_OTHERS = all_of(gate("sweep", honest=0.06, attack=0.14), gate("sweep_bases", honest=3.0, attack=6.0))


class Attribute(NamedTests):
    """One column swept over its domain for many bases."""

    name = "attribute"
    family = "attribute-inference"
    kinds = frozenset({ROWS})
    expressions: ClassVar = {
        "sweep": all_of(
            gate("sweep_top", honest=0.75, attack=0.90),
            where_known("training_row_surprise", any_of(OFTEN, AMONG_OTHERS), otherwise=OFTEN),
            gate("largest_group", honest=14, attack=10),
            gate("domain_covered", honest=0.3, attack=0.5),
            where_known(
                "training_row_surprise",
                all_of(
                    gate("training_row_hits", honest=0.3, attack=0.5),
                    gate("training_row_surprise", honest=0.5, attack=3.5),
                ),
                otherwise=gate("sensitive", honest=0.0, attack=1.0),
            ),
        ),
    }

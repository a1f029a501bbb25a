"""Backdoor-trigger probing: somebody looks for the patch that makes the model give one answer whatever it is shown.

A model that was trained on poisoned data answers with one class wherever a small trigger is in the picture (BadNets; Gu
et al., 2017). Who looks for it without the weights puts the same patch onto one input after the other, then another
patch (Neural Cleanse, Wang et al., IEEE S&P 2019, section IV, without gradients: B3D, Dong et al., ICCV 2021; AEVA, Guo
et al., ICLR 2022). The trace is a change of the same few places on query after query of different bases, which come
back for the next patch; where the trigger is found, the answers collapse to one label. In rows it is the same values in
the same two or more columns, over many rows.

Honest look-alikes: an occluding square moves over one picture at a time; LIME blanks random parts of one picture; a
watermark is in every picture and changes nothing from one to the next; a what-if page changes one column; in inputs
of fewer than about fifty numbers, a form of prices changes the same few, to values that are ordinary. Fails for
triggers that cover a quarter of the input or more (blended images, warps), for patches smaller than what the sketch's
segments resolve only in where they are, and for one patch shown once to each base.

>>> from detectors.checks import one_block
>>> search = one_block(1, same_mask_next_base=0.3, fill=40, top_label=0.2, size=6.7)
>>> occlusion = one_block(1, same_mask_next_base=0.0, fill=40, top_label=0.6, size=6.7)
>>> [round(float(Backdoor().score(block).max()), 2) for block in (search, occlusion)]
[1.0, 0.0]
"""

from __future__ import annotations

from typing import ClassVar

from detectors.scoring.gates import all_of, any_of, gate, where_known
from detectors.scoring.named import NamedTests
from detectors.sketch.queries import DENSE, ROWS

# A page of prices changes the same few of thirty numbers again and again, and stays with what a customer might be.
PUT_ON = where_known(
    "one_column_away",
    gate("fill", honest=12, attack=20),
    otherwise=any_of(gate("size", honest=3.6, attack=4.0), gate("error_p50", honest=0.9, attack=1.5)),
)


class Backdoor(NamedTests):
    """One small change put onto many bases, and answers that collapse to one label under it."""

    name = "backdoor"
    family = "backdoor-probing"
    kinds = frozenset({DENSE, ROWS})
    expressions: ClassVar = {
        "patch": all_of(
            gate("same_mask_next_base", honest=0.06, attack=0.16),  # LIME on sparse pictures reaches 0.1
            gate("fill", honest=12, attack=20),
            PUT_ON,
        ),
        "collapse": all_of(
            gate("same_mask_next_base", honest=0.03, attack=0.10),
            gate("top_label", honest=0.60, attack=0.85),
            gate("fill", honest=12, attack=20),
            PUT_ON,
        ),
    }

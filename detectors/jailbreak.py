"""Jailbreak search: somebody changes the wording of one refused wish until the model grants it.

The wish is mutated: by a suffix, by other words, by one disguise after another (GCG, PAIR, AutoDAN, collections of
prompts). The trace is a crowd of near-copies, prompts that begin, end or read alike, of which most are refused as the
ones before them were, while little in any of them is new.

Sources: Zou et al., Universal and Transferable Adversarial Attacks on Aligned Language Models (2023); Chao et al.,
Jailbreaking Black Box Large Language Models in Twenty Queries (2023); Shen et al., Do Anything Now (CCS 2024); the idea
of near-copies under one verdict is that of stateful detection (Chen, Carlini and Wagner 2019), on words.

Honest look-alikes: a help desk refuses often, but each question is another one; an application whose frame is refused
sends a new document each time; whoever sends a refused prompt again unchanged repeats it; fishing for the hidden
instructions is refused likewise, and has a family of its own. Fails where each attempt is a new text throughout
(encodings, translations), where refusals are worded beyond the lexicon, and where answers are not logged.

>>> from detectors.checks import one_block
>>> search = one_block(
...     3, refused_copies=0.7, refusals=0.8, reworded=0.5, fresh=0.1, extends=0, distinct=30, hidden=0, stream_share=1
... )
>>> help_desk = one_block(
...     3, refused_copies=0.1, refusals=0.6, reworded=0.3, fresh=0.6, extends=0, distinct=30, hidden=0, stream_share=1
... )
>>> [round(float(Jailbreak().score(block).max()), 2) for block in (search, help_desk)]
[1.0, 0.0]
"""

from __future__ import annotations

from typing import ClassVar

from detectors.scoring.gates import all_of, any_of, gate
from detectors.scoring.named import NamedTests
from detectors.sketch.queries import TEXT


class Jailbreak(NamedTests):
    """Near-copies of one wish, refused again and again."""

    name = "jailbreak"
    family = "evasion"
    kinds = frozenset({TEXT})
    expressions: ClassVar = {
        "mutation": all_of(
            gate("refused_copies", honest=0.15, attack=0.35),
            any_of(
                all_of(gate("reworded", honest=0.30, attack=0.42), gate("refusals", honest=0.20, attack=0.40)),
                gate("refusals", honest=0.75, attack=0.90),  # a frame with another document each time is refused less
            ),
            gate("fresh", honest=0.52, attack=0.42),
            gate("extends", honest=0.4, attack=0.2),
            gate("hidden", honest=0.40, attack=0.20),
            gate("distinct", honest=7, attack=11),
            gate("stream_share", honest=0.04, attack=0.10),
        ),
    }

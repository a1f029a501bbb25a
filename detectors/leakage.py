"""Leakage of a language model: somebody draws out what it is made of, what it knows by heart, or what it must hide.

Its parameters: one prompt under ever new maps of biases gives the output layer away, log-probabilities after many
beginnings its size. Its skill: reasoning laid open in full, on topic after topic, with long answers, trains a copy. Its
training data: one word without end makes it diverge, and beginnings or gaps of known passages show what it has
memorised. Its instructions: one wording after another asks for what stands before the conversation. What tells these
from use is never the wording alone: the wish stands with long answers on many topics, with beginnings that share no
frame and extend no earlier text, or with answers that go on where the prompt broke off.

Sources: Carlini et al., Stealing Part of a Production Language Model (ICML 2024) and Finlayson et al., Logits of
API-Protected LLMs Leak Information (COLM 2024) for biases and log-probabilities; Anthropic (2026) and Google
GTIG (2026) on the harvesting of reasoning; Nasr et al., Scalable Extraction of Training Data (2023) for divergence;
Carlini et al., Extracting Training Data from Large Language Models (USENIX Security 2021) for prefixes; Chang et al.,
Speak, Memory (EMNLP 2023) for gaps; Zhang et al., Effective Prompt Extraction (2023) for instructions.

Honest look-alikes: labelling by one map of biases, scoring of texts (natural prompts, one alternative), tutors and
evaluation harnesses (steps, but not every thought), agents that send their transcript (one text that grows), editors
(they extend one text for long), passages that are quoted out of a long prompt. A developer who tries out how well his
own instructions are hidden does the same as an attacker, and is named. Fails where the wish is worded beyond the
lexicon, or in an encoding; where a harvest asks plainly and the answers reason by themselves; where prefixes are hidden
among ordinary questions and the log has no answers.

>>> from detectors.checks import one_block
>>> harvest = one_block(
...     3, reasoning=0.9, answer_words=400, tokens=11, fresh=0.5, distinct=40, stream_share=1.0
... )
>>> tutor = one_block(3, reasoning=0.1, answer_words=400, tokens=11, fresh=0.5, distinct=40, stream_share=1.0)
>>> [round(float(Leakage().score(block).max()), 2) for block in (harvest, tutor)]
[1.0, 0.0]
"""

from __future__ import annotations

from typing import ClassVar

from detectors.scoring.gates import all_of, any_of, gate, where_known
from detectors.scoring.named import NamedTests
from detectors.sketch.queries import TEXT

# queries that stand out by their wish are judged by themselves as well: they have to be more than a stray few
NOT_A_FEW = gate("stream_share", honest=0.08, attack=0.16)
LONG_ANSWERS = where_known(
    "tokens",
    all_of(gate("tokens", honest=9.2, attack=10.0), gate("answer_words", honest=50, attack=100)),
    otherwise=gate("answer_words", honest=100, attack=200),
)


class Leakage(NamedTests):
    """Parameters, skill, training data or instructions of a language model are drawn out."""

    name = "leakage"
    family = "llm-leakage"
    kinds = frozenset({TEXT})
    expressions: ClassVar = {
        "biases": all_of(
            gate("bias_maps", honest=3, attack=8),
            gate("bias_probes", honest=0.04, attack=0.12),  # a map that goes with its question is no probe
        ),
        "distributions": all_of(
            gate("wide", honest=0.3, attack=0.6),
            gate("one_token", honest=0.3, attack=0.6),
            gate("template", honest=0.30, attack=0.15),
            gate("extends", honest=0.3, attack=0.1),
            gate("prompt_words", honest=40, attack=20),
            gate("distinct", honest=10, attack=16),
            NOT_A_FEW,
        ),
        "distillation": all_of(
            gate("reasoning", honest=0.30, attack=0.55),
            LONG_ANSWERS,
            gate("fresh", honest=0.20, attack=0.35),  # many topics; a growing transcript has little that is new
            gate("distinct", honest=10, attack=16),
            NOT_A_FEW,
        ),
        "repetition": any_of(
            all_of(
                gate("recurring", honest=0.40, attack=0.65),
                gate("variety", honest=0.18, attack=0.09),  # logs and tables repeat more than one phrase
                NOT_A_FEW,
            ),
            all_of(
                gate("endless", honest=0.30, attack=0.55),
                gate("distinct", honest=6, attack=10),
                gate("prompt_words", honest=150, attack=90),
                NOT_A_FEW,
            ),
        ),
        "prefixes": all_of(
            gate("open", honest=0.60, attack=0.85),
            gate("goes_on", honest=0.45, attack=0.65),
            gate("deterministic", honest=0.3, attack=0.6),
            gate("template", honest=0.20, attack=0.08),
            gate("extends", honest=0.3, attack=0.1),
            gate("one_token", honest=0.5, attack=0.3),
            gate("prompt_words", honest=4, attack=7),
            gate("prompt_words", honest=90, attack=60),
            gate("distinct", honest=10, attack=16),
            NOT_A_FEW,
        ),
        "recitation": all_of(
            gate("recite", honest=0.30, attack=0.55),
            gate("fresh", honest=0.15, attack=0.30),
            gate("prompt_words", honest=160, attack=110),  # what is quoted out of the prompt itself is no memory
            gate("distinct", honest=10, attack=16),
            NOT_A_FEW,
        ),
        "instructions": all_of(
            gate("hidden", honest=0.25, attack=0.50),
            gate("distinct", honest=5, attack=9),
            gate("prompt_words", honest=120, attack=70),
            NOT_A_FEW,
        ),
    }

"""Leakage and jailbreak search: each test speaks of its attack, and not of the honest traffic that lies next to it."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.checks import one_block
from detectors.jailbreak import Jailbreak
from detectors.leakage import Leakage

#: Features of an ordinary application of a language model.
ORDINARY = {
    "template": 0.1, "affix": 0.1, "fresh": 0.6, "reworded": 0.3, "extends": 0.0, "prompt_words": 20, "open": 0.4,
    "recurring": 0.0, "variety": 0.95, "reasoning": 0.0, "hidden": 0.0, "endless": 0.0, "recite": 0.0, "unbound": 0.0,
    "bias_maps": 0, "bias_probes": 0.0, "logprobs": 0.0, "wide": 0.0, "deterministic": 0.0, "one_token": 0.0,
    "tokens": 9.0, "answer_words": 150, "refusals": 0.05, "same_answer": 0.1, "refused_copies": 0.0, "turned": 0.0,
    "goes_on": 0.1, "answer_recurs": 0.0, "distinct": 30, "stream_share": 1.0,
}  # fmt: skip
ATTACKS = {
    "biases": {"bias_maps": 40, "bias_probes": 0.9, "one_token": 1.0, "distinct": 1},
    "distributions": {"wide": 1.0, "one_token": 1.0, "prompt_words": 5, "template": 0.0},
    "distillation": {"reasoning": 0.9, "tokens": 11, "answer_words": 300},
    "repetition": {"recurring": 0.9, "variety": 0.04, "prompt_words": 80},
    "prefixes": {"open": 0.95, "goes_on": 0.7, "deterministic": 1.0, "template": 0.0, "prompt_words": 12},
    "recitation": {"recite": 0.9, "prompt_words": 70, "template": 0.3},
    "instructions": {"hidden": 0.9, "fresh": 0.2},
}
LOOK_ALIKES = {
    "one map for all": {"bias_maps": 1, "bias_probes": 0.0, "one_token": 1.0, "template": 0.7},
    "a map for each question": {"bias_maps": 40, "bias_probes": 0.0, "one_token": 1.0},
    "scored texts": {"logprobs": 1.0, "one_token": 1.0, "deterministic": 1.0, "open": 1.0, "goes_on": 0.4},
    "labels with alternatives": {"wide": 1.0, "one_token": 1.0, "template": 0.6, "prompt_words": 80},
    "tutor": {"reasoning": 0.1, "tokens": 10, "answer_words": 300},
    "thinking aloud in short": {"reasoning": 0.9, "tokens": 8, "answer_words": 40},
    "growing transcript": {"reasoning": 0.9, "tokens": 11, "answer_words": 300, "fresh": 0.03, "extends": 0.9},
    "logs and tables": {"recurring": 1.0, "variety": 0.24, "prompt_words": 170},
    "editor": {"open": 0.95, "goes_on": 0.9, "deterministic": 1.0, "extends": 0.9, "fresh": 0.05},
    "quotes from the prompt": {"recite": 1.0, "prompt_words": 400},
    "one curious user of many": {"hidden": 0.05},
    "a stray few": {"hidden": 1.0, "stream_share": 0.05},
}
SEARCH = {"refused_copies": 0.7, "refusals": 0.8, "reworded": 0.5, "fresh": 0.1}


def says(detector: Leakage | Jailbreak, **given: float) -> dict[str, float]:
    score = detector.score(one_block(3, **(ORDINARY | given)))
    return dict(zip(detector.tests, score[0].tolist(), strict=True))


@pytest.mark.parametrize("test", ATTACKS)
def test_each_test_names_its_attack_alone(test: str) -> None:
    found = says(Leakage(), **ATTACKS[test])
    assert [name for name, strength in found.items() if strength >= 0.5] == [test]


@pytest.mark.parametrize("test", ATTACKS)
def test_each_test_has_an_attack_and_each_piece_of_it_counts(test: str) -> None:
    """Without what makes the attack, feature by feature, the ordinary value silences the test or was never needed."""
    whole = says(Leakage(), **ATTACKS[test])[test]
    less = [says(Leakage(), **(ATTACKS[test] | {name: ORDINARY[name]}))[test] for name in ATTACKS[test]]
    assert whole == 1
    assert min(less) < 0.5


def test_every_test_is_looked_at() -> None:
    assert set(ATTACKS) == set(Leakage.tests)


@pytest.mark.parametrize("kind", LOOK_ALIKES)
def test_look_alikes_are_left_alone(kind: str) -> None:
    assert max(says(Leakage(), **LOOK_ALIKES[kind]).values()) < 0.5


def test_endless_words_are_repetition_too() -> None:
    assert says(Leakage(), endless=0.8)["repetition"] == 1
    assert says(Leakage(), endless=0.8, prompt_words=900)["repetition"] == 0


def test_a_harvest_without_limits_of_tokens_is_told_by_its_answers() -> None:
    assert says(Leakage(), reasoning=0.9, tokens=np.nan, answer_words=300)["distillation"] == 1
    assert says(Leakage(), reasoning=0.9, tokens=np.nan, answer_words=90)["distillation"] == 0


def test_a_jailbreak_search() -> None:
    assert says(Jailbreak(), **SEARCH)["mutation"] == 1


def test_a_search_of_unlike_suffixes_is_told_by_its_refusals() -> None:
    assert says(Jailbreak(), **(SEARCH | {"reworded": 0.1, "refusals": 0.95, "fresh": 0.3}))["mutation"] == 1


@pytest.mark.parametrize(
    "given",
    [
        {"refusals": 0.55, "refused_copies": 0.1},  # a help desk: each question is another one
        {"refusals": 1.0, "refused_copies": 0.95, "fresh": 0.6, "reworded": 0.3},  # a frame that is always refused
        {"refusals": 0.5, "refused_copies": 0.5, "fresh": 0.3, "reworded": 0.1},  # a form, half of it refused
        {
            "refusals": 0.9,
            "refused_copies": 0.8,
            "fresh": 0.1,
            "reworded": 0.6,
            "hidden": 0.9,
        },  # fishing: another family
        {"refusals": 0.9, "refused_copies": 0.8, "fresh": 0.1, "reworded": 0.6, "extends": 0.9},  # one text that grows
        {"refusals": 0.9, "refused_copies": 0.8, "fresh": 0.1, "reworded": 0.6, "distinct": 3},  # retries
    ],
)
def test_refusals_of_honest_clients(given: dict[str, float]) -> None:
    assert says(Jailbreak(), **given)["mutation"] < 0.5

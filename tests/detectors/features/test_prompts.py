from typing import Any

import numpy as np
import pytest
from hand import asked, window

from detectors.features.facts import FACTS
from detectors.features.layout import LINKED, REPEAT
from detectors.features.prompts import LONG_ENOUGH, NAMES, prompts
from detectors.sketch.lexicon import ANSWERED, ENDLESS, GOES_ON, HIDDEN, LOOKED, OPEN, REASONING, RECURS, REFUSES
from detectors.sketch.queries import DETERMINISTIC, LOGPROBS, MINHASHES, WIDE

N = 20
UNLIKE = np.random.default_rng(0).permuted(np.tile(np.arange(256), (MINHASHES, 1)), axis=1).T[:N].astype(np.uint8)


def said(minhash: Any = UNLIKE, entries: Any = None, **facts: Any) -> dict[str, float]:
    """The features of twenty prompts: unlike each other, of unlike heads and tails, unless told otherwise."""
    kept: Any = np.zeros(N, FACTS)
    kept["head"], kept["tail"], kept["answer"] = np.arange(N), np.arange(N) + 100, np.arange(N) + 1
    kept["words"], kept["said"], kept["wishes"], kept["manner"] = 20, 30, LOOKED, ANSWERED
    for name, value in facts.items():
        kept[name] = value
    packed = np.concatenate([minhash, kept.view(np.uint8).reshape(N, -1)], axis=1)
    return asked(prompts, NAMES, window(N) if entries is None else entries, packed)


def test_ordinary_prompts_share_and_wish_nothing() -> None:
    found = said()
    assert all(np.isfinite(value) for name, value in found.items() if name != "tokens")
    assert np.isnan(found["tokens"])
    assert (found["fresh"], found["prompt_words"], found["answer_words"]) == (1, 20, 30)
    silent = set(NAMES) - {"fresh", "prompt_words", "answer_words", "same_answer", "tokens"}
    assert [name for name in silent if found[name] != 0] == []
    assert found["same_answer"] == 1 / N


def test_a_frame_around_documents() -> None:
    framed = UNLIKE.copy()
    framed[:, :24] = 7
    found = said(framed, head=3)
    assert (found["template"], found["fresh"], found["affix"]) == (0.75, 0.25, 1)
    assert said(tail=3)["affix"] == 1


def test_wording_that_a_few_prompts_share_is_neither_a_frame_nor_fresh() -> None:
    mutated = np.repeat(UNLIKE[::2], 2, axis=0)
    found = said(mutated)
    assert (found["template"], found["fresh"], found["reworded"]) == (0, 0, 1)


def test_a_prompt_that_grows_extends_itself() -> None:
    grown = np.tile(UNLIKE[:1], (N, 1))
    for i in range(N):
        grown[i:, i] = UNLIKE[i, i]  # a little is new each time
    assert said(grown, head=3, words=20 + np.arange(N))["extends"] == 0.95
    assert said(grown, head=3, words=20)["extends"] == 0
    assert said(UNLIKE, head=3, words=20 + np.arange(N))["extends"] == 0
    assert said(grown, words=20 + np.arange(N))["extends"] == 0


def test_repeats_say_nothing_of_what_prompts_share() -> None:
    found = said(entries=window(N, flags=[0] * 3 + [REPEAT] * (N - 3)))
    assert all(np.isnan(found[name]) for name in ("template", "affix", "fresh", "reworded", "extends"))


def test_wishes_are_shares_of_the_prompts_that_were_looked_at() -> None:
    half = np.repeat([LOOKED | REASONING, LOOKED | HIDDEN | OPEN], N // 2)
    found = said(wishes=half)
    assert (found["reasoning"], found["hidden"], found["open"], found["endless"]) == (0.5, 0.5, 0.5, 0)
    half[N // 2 :] = 0
    assert said(wishes=half)["reasoning"] == 1


def test_prompts_that_were_not_looked_at() -> None:
    found = said(wishes=0, repetition=255)
    assert all(np.isnan(found[name]) for name in ("reasoning", "hidden", "endless", "recite", "unbound", "recurring"))


def test_one_phrase_over_and_over() -> None:
    found = said(repetition=np.repeat([254, 10], N // 2), variety=127, wishes=LOOKED | ENDLESS)
    assert (found["recurring"], found["variety"], found["endless"]) == (0.5, 0.5, 1)


def test_new_biases_on_an_old_prompt() -> None:
    repeated = window(N, flags=[0] + [REPEAT] * (N - 1))
    found = said(entries=repeated, bias=1 + np.arange(N))
    assert (found["bias_maps"], found["bias_probes"]) == (N, 0.95)
    near = window(N, flags=[0] + [LINKED] * (N - 1), base=0)
    assert said(entries=near, bias=1 + np.arange(N))["bias_probes"] == 0.95
    one_map = said(entries=repeated, bias=9)
    assert (one_map["bias_maps"], one_map["bias_probes"]) == (1, 0)
    each_its_own = said(bias=1 + np.arange(N))
    assert (each_its_own["bias_maps"], each_its_own["bias_probes"]) == (N, 0)


def test_parameters() -> None:
    found = said(flags=LOGPROBS | WIDE | DETERMINISTIC, tokens=1)
    assert [found[name] for name in ("logprobs", "wide", "deterministic", "one_token", "tokens")] == [1, 1, 1, 1, 0]
    assert said(tokens=89)["tokens"] == 11
    assert said(said=1)["one_token"] == 1


def test_answers() -> None:
    found = said(manner=ANSWERED | GOES_ON | RECURS, answer=np.repeat([5, 6], [15, 5]))
    assert (found["goes_on"], found["answer_recurs"], found["same_answer"]) == (1, 1, 0.75)


def test_answers_that_are_not_known() -> None:
    found = said(manner=0)
    assert np.isnan([found[name] for name in NAMES[NAMES.index("answer_words") :]]).all()


@pytest.mark.parametrize("alike", [{"head": 3}, {"tail": 3}, {"entries": window(N, base=0)}])
def test_near_copies_of_a_refused_prompt(alike: dict[str, Any]) -> None:
    manner = np.full(N, ANSWERED | REFUSES)
    manner[-5:] = ANSWERED
    found = said(manner=manner, **alike)
    assert (found["refusals"], found["refused_copies"], found["turned"]) == (0.75, 0.7, 0.25)


def test_refusals_of_unlike_prompts_are_no_search() -> None:
    found = said(manner=ANSWERED | REFUSES)
    assert (found["refusals"], found["refused_copies"]) == (1, 0)


def test_refusals_of_repeats_and_of_short_prompts_are_no_search() -> None:
    repeats = window(N, flags=[0] + [REPEAT] * (N - 1), base=0)
    assert said(entries=repeats, manner=ANSWERED | REFUSES)["refused_copies"] == 0
    assert said(words=LONG_ENOUGH - 1, head=3, manner=ANSWERED | REFUSES)["refused_copies"] == 0

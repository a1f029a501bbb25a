"""MinHash bytes estimate the likeness of texts; words are words in any script; huge texts cost a bounded time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.sketch.lexicon import OPEN
from detectors.sketch.queries import MINHASHES, TextSketches
from detectors.sketch.text import TextSketcher
from detectors.sketch.words import ENDS

SKETCHER = TextSketcher(bytes(range(32)))


def words(*texts: str) -> list[int]:
    return SKETCHER.sketch(list(texts)).words.tolist()


def likeness(a: str, b: str) -> float:
    made = SKETCHER.sketch([a, b]).minhash
    return float((made[0] == made[1]).mean())


def jaccard(a: list[str], b: list[str]) -> float:
    one, other = ({tuple(each[i : i + 3]) for i in range(len(each) - 2)} for each in (a, b))
    return len(one & other) / len(one | other)


def test_likeness_estimates_jaccard() -> None:
    rng = np.random.default_rng(0)
    errors = []
    for _ in range(150):
        text = [f"w{i}" for i in rng.integers(0, 10_000, 80)]
        other = text.copy()
        for at in rng.integers(0, 80, rng.integers(0, 30)):
            other[at] = "changed"
        errors.append(likeness(" ".join(text), " ".join(other)) - jaccard(text, other))
    assert abs(np.mean(errors)) < 0.025
    assert np.std(errors) < 0.1  # sqrt(J (1 - J) / 32) is 0.088 at most


def test_unlike_texts() -> None:
    texts = [" ".join(f"a{i}b{j}" for j in range(20)) for i in range(200)]
    made = SKETCHER.sketch(texts).minhash
    assert abs((made[:-1] == made[1:]).mean() - 1 / 256) < 0.005
    assert made.shape == (200, MINHASHES)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("  \n", 0),
        ("one", 1),
        ("it's 3.5, e-mail_me!", 6),
        ("naïve Straße — “quoted”…", 3),
        ("北京 是首都。", 5),
        ("ひらがなとカナ", 7),
        ("한국어 문장", 2),
        ("hi 👍👍", 3),
        ("привет мир", 2),
        ("a\u00a0b", 2),
    ],
)
def test_words(text: str, count: int) -> None:
    assert words(text) == [count]
    assert SKETCHER.answers([text]).words.tolist() == [count]


def test_case_and_punctuation_do_not_count_but_words_do() -> None:
    a, b, c = SKETCHER.sketch(["Tell me: who ARE you?", "tell me who are you", "tell me who are they"]).minhash
    assert a.tolist() == b.tolist() != c.tolist()


def test_short_texts_are_compared_by_words() -> None:
    assert likeness("boundary attack", "boundary search") > 0.1
    assert likeness("boundary", "boundary") == 1


def test_head_and_tail() -> None:
    made = SKETCHER.sketch(["a b c d x y e f g h", "a b c d z e f g h", "b b c d z e f g i"])
    assert made.head[0] == made.head[1] != made.head[2]
    assert made.tail[0] == made.tail[1] != made.tail[2]


def test_variety() -> None:
    made = SKETCHER.sketch(["poem " * 50, "a b c d", "", "a A b B"])
    assert made.variety.tolist() == pytest.approx([1 / 50, 1, 1, 0.5])


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("poem " * 40, 1.0),
        ("make it rain " * 20, 1.0),
        ("诗" * 40, 1.0),
        ("poem " * 7, 0.0),  # too short to tell
        ("1 0 0 1 " * 20, 0.0),  # numbers are tables
        (" ".join(f"w{i}" for i in range(90)), 0.0),
        (" ".join("poem" if i % 2 else f"w{i}" for i in range(200)), 0.5),
    ],
)
def test_repetition(text: str, share: float) -> None:
    assert SKETCHER.sketch([text]).repetition[0] == pytest.approx(share, abs=0.01)


def test_texts_that_are_left_open() -> None:
    made = SKETCHER.sketch(["It was the best of", "It was,", "Was it?", "Answer:", "", "首都是北京", "It was.  \n"])
    assert (made.wishes & OPEN != 0).tolist() == [True, True, False, False, False, True, False]


def test_of_long_texts_the_ends_are_seen() -> None:
    text = [f"w{i}" for i in range(5 * ENDS)]
    middle, head, tail = text.copy(), text.copy(), text.copy()
    middle[2 * ENDS], head[1], tail[-2] = "x", "x", "x"
    long = SKETCHER.sketch([" ".join(each) for each in (text, middle, head, tail)])
    assert long.words.tolist() == [5 * ENDS] * 4
    assert long.minhash[0].tolist() == long.minhash[1].tolist()
    assert long.head[0] == long.head[1] == long.head[3] != long.head[2]
    assert long.tail[0] == long.tail[1] == long.tail[2] != long.tail[3]
    ends = SKETCHER.sketch([" ".join(text[:ENDS] + text[-ENDS:])])
    assert ends.minhash[0].tolist() == long.minhash[0].tolist()


@given(st.lists(st.text(max_size=40), min_size=1, max_size=6), st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_rows_do_not_depend_on_the_batch(texts: list[str], one: int) -> None:
    one %= len(texts)
    made, alone = SKETCHER.sketch(texts), SKETCHER.sketch([texts[one]])
    for name in TextSketches.__slots__:
        assert getattr(made, name)[one].tobytes() == getattr(alone, name)[0].tobytes()


def test_keys_are_apart() -> None:
    text = " ".join(f"w{i}" for i in range(100))
    a, b = SKETCHER.sketch([text]), TextSketcher(bytes(32)).sketch([text])
    assert (a.minhash == b.minhash).mean() < 0.2
    assert a.head != b.head

"""The properties of every reader of bytes, on inputs that fuzzing has found, and on what is made of good ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzz.mutate import MOST, around
from fuzz.seeds import seeds
from fuzz.targets import TARGETS, ours

CORPUS = Path(__file__).with_name("corpus")
FOUND = [(file.parent.name, file) for file in sorted(CORPUS.glob("*/*"))]


@pytest.mark.parametrize("target", TARGETS)
def test_good_inputs_and_what_is_near_them(target: str) -> None:
    for seed in seeds(target):
        TARGETS[target](list(around(seed, 64)))


@pytest.mark.parametrize(("target", "file"), FOUND, ids=[f"{target}-{file.name}" for target, file in FOUND])
def test_what_fuzzing_has_found_breaks_nothing_any_more(target: str, file: Path) -> None:
    TARGETS[target](list(around(file.read_bytes(), 64)))


@pytest.mark.parametrize("target", TARGETS)
@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(cuts=st.lists(st.tuples(st.integers(0, 4_000), st.integers(0, 40), st.binary(max_size=24)), max_size=4))
def test_good_inputs_with_pieces_put_in_their_place(target: str, cuts: list[tuple[int, int, bytes]]) -> None:
    inputs = []
    for seed in seeds(target):
        for at, length, piece in cuts:
            place = at % (len(seed) + 1)
            seed = seed[:place] + piece + seed[place + length :]
        inputs.append(seed)
    TARGETS[target](inputs)


@pytest.mark.parametrize("target", TARGETS)
@settings(max_examples=30)
@given(inputs=st.lists(st.binary(max_size=300), max_size=6))
def test_any_bytes(target: str, inputs: list[bytes]) -> None:
    TARGETS[target](inputs)


def test_a_word_of_an_input_in_a_message_is_noticed() -> None:
    ours("input.tensor.data: base64 was expected")
    with pytest.raises(AssertionError, match="Quagmire"):
        ours("client: Quagmire was not expected")


def test_what_is_derived_is_bounded_the_same_each_time_and_mostly_new() -> None:
    first, again = (list(around(b'{"client": "a", "model": "m"}', 200)) for _ in range(2))
    assert first == again
    assert len(set(first)) > 150
    assert max(map(len, around(bytes(MOST), 100))) <= MOST

"""Raw names end in a pseudonym; which one depends on the key, the sort of name, and nothing else."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from monitor.record.memory import Memory
from monitor.record.pseudonyms import Pseudonyms, text

NAMES = Pseudonyms(bytes(32), "1")


def test_a_known_answer() -> None:
    """HMAC-SHA256 of "client", a zero byte and the name, by another program: openssl dgst -sha256 -mac HMAC."""
    assert NAMES.client("key-123").hex() == PINNED


PINNED = "debe18f8099dabf3808024c0fd8bb358"


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=99).filter(str.strip))
def test_sorts_and_keys_are_apart(name: str) -> None:
    other = Pseudonyms(bytes(31) + b"\1", "2")
    made = [NAMES.client(name), NAMES.group(name), NAMES.address(name), other.client(name)]
    assert len(set(made)) == 4
    assert all(len(one) == 16 for one in made)


def test_as_people_see_it() -> None:
    assert re.fullmatch("[a-z2-7]{26}", text(NAMES.client("key-123")))
    assert text(b"") == ""


@given(st.lists(st.integers(0, 20)), st.integers(1, 5))
def test_memory_is_bounded_and_forgetting_changes_nothing(keys: list[int], most: int) -> None:
    double = Memory(lambda key: key * 2, most)
    for key in keys:
        assert double(key) == key * 2
        assert double.size <= 2 * most


def test_memory_keeps_what_is_used() -> None:
    asked: list[int] = []

    def make(key: int) -> int:
        asked.append(key)
        return key

    memory = Memory(make, most=4)
    for key in range(1, 100):
        memory(0)
        memory(key)
    assert asked.count(0) == 1

"""What lies behind a MinHash comes out as it went in, as far as its bytes hold it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from queries import Query, columns

from detectors.features.facts import (
    ANSWER,
    BIAS,
    FACTS,
    FLAGS,
    HEAD,
    MANNER,
    MOST,
    OCTAVE,
    REPETITION,
    SAID,
    SHARE,
    TAIL,
    TOKENS,
    UNKNOWN,
    VARIETY,
    WISHES,
    WORDS,
    pack_facts,
    stands_out,
    unpack,
)
from detectors.sketch.lexicon import GOES_ON, HIDDEN, LOOKED, OPEN
from detectors.sketch.queries import MINHASHES, WIDE, Queries


def queries(text: dict[str, Any] | None = None, **given: Any) -> Queries:
    """Three texts with these columns."""
    made = columns([Query(text=[1, 2, 3])] * 3)
    kinds = {name: getattr(made, name).dtype for name in given}
    own = {name: np.array(value, kinds[name]) for name, value in given.items()}
    table = {name: np.array(value, getattr(made.text, name).dtype) for name, value in (text or {}).items()}
    return replace(made, text=replace(made.text, **table), **own)


def packed(given: Queries) -> np.ndarray:
    facts = pack_facts(given, np.arange(3))
    return np.concatenate([np.zeros((3, MINHASHES), np.uint8), facts], axis=1)


def unpacked(given: Queries) -> np.ndarray:
    out = np.zeros((3, len(FACTS.fields or ())), np.int64)
    unpack(packed(given), out)
    return out


def test_hashes_and_bits_come_out_as_they_went_in() -> None:
    text = {"head": [1, 2, 0xFFFFFFFF], "tail": [3, 0x01020304, 5], "wishes": [0, LOOKED, LOOKED | HIDDEN]}
    out = unpacked(queries(text, answer=[0, 7, 0xDEADBEEF], manner=[0, 1, 3], flags=[0, WIDE, 1]))
    assert out[:, HEAD].tolist() == [1, 2, 0xFFFFFFFF]
    assert out[:, TAIL].tolist() == [3, 0x01020304, 5]
    assert out[:, ANSWER].tolist() == [0, 7, 0xDEADBEEF]
    assert out[:, WISHES].tolist() == [0, LOOKED, LOOKED | HIDDEN]
    assert out[:, MANNER].tolist() == [0, 1, 3]
    assert out[:, FLAGS].tolist() == [0, WIDE, 1]


def test_sizes_are_cut_and_shares_rounded() -> None:
    text = {"words": [0, 300, 100_000], "repetition": [np.nan, 0.5, 1.0], "variety": [0.0, 0.5, 1.0]}
    out = unpacked(queries(text, output_size=[0, 17, 1e9]))
    assert out[:, WORDS].tolist() == [0, 300, MOST]
    assert out[:, SAID].tolist() == [0, 17, MOST]
    assert out[:, REPETITION].tolist() == [UNKNOWN, SHARE // 2, SHARE]
    assert out[:, VARIETY].tolist() == [0, SHARE // 2, SHARE]


def test_maps_of_biases_keep_their_upper_half_and_are_never_lost() -> None:
    assert unpacked(queries(bias=[0, 5, 0x12345678]))[:, BIAS].tolist() == [0, 1, 0x1234]


def test_limits_of_tokens_are_logarithms() -> None:
    out = unpacked(queries(max_tokens=[0, 1, 2048]))[:, TOKENS]
    assert out.tolist() == [0, 1, 11 * OCTAVE + 1]
    assert unpacked(queries(max_tokens=[1e12, 1000, 0.5]))[:, TOKENS].tolist() == [255, 81, 0]


@pytest.mark.parametrize(
    ("given", "out"),
    [
        ({}, False),
        ({"text": {"wishes": [LOOKED | HIDDEN] * 3}}, True),
        ({"text": {"wishes": [LOOKED | OPEN] * 3}}, False),
        ({"text": {"wishes": [LOOKED | OPEN] * 3}, "manner": [GOES_ON] * 3}, True),
        ({"text": {"repetition": [0.4] * 3}}, False),
        ({"text": {"repetition": [0.6] * 3}}, True),
        ({"text": {"repetition": [np.nan] * 3}}, False),
        ({"flags": [WIDE] * 3}, True),
    ],
)
def test_what_stands_out(given: dict[str, Any], out: bool) -> None:
    assert stands_out(packed(queries(**given))[1]) is out

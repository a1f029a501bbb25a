"""SipHash-1-3 against Python's own, which hashes bytes with it."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from detectors.sketch.keyed import hash_bytes, hash_slices, joined, subkey

MESSAGES = [bytes(range(length)) for length in (*range(1, 40), 255, 256)]


@pytest.mark.skipif(sys.hash_info.algorithm != "siphash13", reason="this Python hashes with something else")
def test_known_answers() -> None:
    """With PYTHONHASHSEED=0 the key of Python's hash is zero."""
    program = f"print([hash(message) % 2**64 for message in {MESSAGES!r}])"
    environment = os.environ | {"PYTHONHASHSEED": "0"}
    answer = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, check=True)
    zero = np.zeros(2, np.uint64)
    assert str([hash_bytes(zero, message) for message in MESSAGES]) == answer.stdout.decode().strip()


def test_many_are_hashed_as_one_is() -> None:
    key = subkey(bytes(32), "test")
    assert hash_slices(key, *joined(MESSAGES)).tolist() == [hash_bytes(key, message) for message in MESSAGES]
    assert hash_bytes(key, b"") != 0


def test_bits_are_even_and_change_with_the_key() -> None:
    ones = np.zeros(64)
    for other in (subkey(bytes(32), "a"), subkey(bytes(32), "b")):
        hashes = hash_slices(other, *joined([b"%d" % number for number in range(4000)]))
        assert len(set(hashes.tolist())) == 4000
        ones += ((hashes[:, None] >> np.arange(64, dtype=np.uint64)) & np.uint64(1)).sum(axis=0)
    assert np.all(np.abs(ones / 8000 - 0.5) < 0.03)

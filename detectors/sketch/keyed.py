"""Keyed hashing: SipHash with one round per word and three at the end (Aumasson & Bernstein 2012), in kernels.

The key keeps whoever sees sketches from testing guesses against them, and whoever sends queries from aiming at
collisions. It does not help against somebody who has the key: values of few possibilities can then be enumerated.
64 bits are for telling things apart within a log, not for signatures. Measured against `hashlib.blake2b(key=...)`:
22 ns for a short string within a kernel, 590 ns for a call from Python.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

Key = NDArray[np.uint64]  # (2,): 128 bits
State = tuple[np.uint64, np.uint64, np.uint64, np.uint64]

KEY_BYTES: Final = 16

# numba turns uint64 with a plain integer into a float, so that every constant has to be a uint64
_0: Final = np.uint64(0)
_8: Final = np.uint64(8)
_13: Final = np.uint64(13)
_16: Final = np.uint64(16)
_17: Final = np.uint64(17)
_21: Final = np.uint64(21)
_32: Final = np.uint64(32)
_43: Final = np.uint64(43)
_47: Final = np.uint64(47)
_48: Final = np.uint64(48)
_51: Final = np.uint64(51)
_56: Final = np.uint64(56)
_FF: Final = np.uint64(0xFF)
_C0: Final = np.uint64(0x736F6D6570736575)
_C1: Final = np.uint64(0x646F72616E646F6D)
_C2: Final = np.uint64(0x6C7967656E657261)
_C3: Final = np.uint64(0x7465646279746573)


def subkey(secret: bytes, purpose: str) -> Key:
    """A 128-bit key for one purpose; keys of different purposes say nothing about each other or the secret (16 to 64
    bytes).

    >>> [int(part) != int(other) for part, other in zip(subkey(bytes(32), "rows"), subkey(bytes(32), "text"))]
    [True, True]
    """
    return np.frombuffer(blake2b(purpose.encode(), digest_size=KEY_BYTES, key=secret).digest(), "<u8").astype(np.uint64)


@njit(cache=True)
def begin(key: Key) -> State:
    """The state before the first word."""
    return key[0] ^ _C0, key[1] ^ _C1, key[0] ^ _C2, key[1] ^ _C3


@njit(cache=True)
def turn(a: np.uint64, b: np.uint64, c: np.uint64, d: np.uint64) -> State:
    """One SipRound."""
    a += b
    b = ((b << _13) | (b >> _51)) ^ a
    a = (a << _32) | (a >> _32)
    c += d
    d = ((d << _16) | (d >> _48)) ^ c
    a += d
    d = ((d << _21) | (d >> _43)) ^ a
    c += b
    b = ((b << _17) | (b >> _47)) ^ c
    c = (c << _32) | (c >> _32)
    return a, b, c, d


@njit(cache=True)
def absorb(state: State, word: np.uint64) -> State:
    """The state after one more word of 64 bits."""
    a, b, c, d = state
    a, b, c, d = turn(a, b, c, d ^ word)
    return a ^ word, b, c, d


@njit(cache=True)
def finish(state: State, length: int) -> np.uint64:
    """The hash of `length` bytes that were absorbed as whole words; never 0, which means "not known"."""
    state = absorb(state, (np.uint64(length) & _FF) << _56)
    return end(state)


@njit(cache=True)
def end(state: State) -> np.uint64:
    """The last three rounds; 0 becomes 1."""
    a, b, c, d = state
    c ^= _FF
    a, b, c, d = turn(a, b, c, d)
    a, b, c, d = turn(a, b, c, d)
    a, b, c, d = turn(a, b, c, d)
    value = a ^ b ^ c ^ d
    return value if value != _0 else np.uint64(1)


@njit(cache=True)
def absorb_bytes(state: State, data: NDArray[np.uint8], start: int, stop: int) -> State:
    """The state after data[start:stop] and its length, padded as SipHash pads."""
    length = stop - start
    whole = start + length - length % 8
    for at in range(start, whole, 8):
        word = _0
        for i in range(8):
            word |= np.uint64(data[at + i]) << (_8 * np.uint64(i))
        state = absorb(state, word)
    word = (np.uint64(length) & _FF) << _56
    for at in range(whole, stop):
        word |= np.uint64(data[at]) << (_8 * np.uint64(at - whole))
    return absorb(state, word)


@njit(cache=True)
def hash_pair(key: Key, first: np.uint64, second: np.uint64) -> np.uint64:
    """The hash of two words."""
    return finish(absorb(absorb(begin(key), first), second), 16)


@njit(cache=True)
def hash_slices(key: Key, data: NDArray[np.uint8], starts: NDArray[np.int64]) -> NDArray[np.uint64]:
    """The hash of each data[starts[i]:starts[i + 1]]; (n,) for n + 1 starts."""
    out = np.empty(len(starts) - 1, np.uint64)
    for i in range(len(out)):
        out[i] = end(absorb_bytes(begin(key), data, starts[i], starts[i + 1]))
    return out


def joined(parts: list[bytes]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Byte strings end to end, and where each starts; n + 1 starts for n strings.

    >>> [column.tolist() for column in joined([b"ab", b"", b"c"])]
    [[97, 98, 99], [0, 2, 2, 3]]
    """
    starts = np.zeros(len(parts) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, parts), np.int64, len(parts)), out=starts[1:])
    return np.frombuffer(b"".join(parts), np.uint8), starts


def hash_bytes(key: Key, data: bytes) -> int:
    """The hash of one byte string, 1 to 2^64 - 1. For many at once use `hash_slices`.

    >>> key = subkey(bytes(32), "labels")
    >>> hash_bytes(key, b"cat") == hash_bytes(key, b"cat") != hash_bytes(key, b"dog")
    True
    """
    return int(hash_slices(key, *joined([data]))[0])

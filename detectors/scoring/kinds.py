"""Kinds of traffic: a place in a space that no model stretches, how far two places lie apart, and a code for a place.

A block's place is its features, each as sign(x) log(1 + |x|). Features are shares, entropies and ratios to the model's
own scales, so that one radius serves every model: the logarithm keeps an error of 50 spreads from drowning all else.
Arcsinh, square roots, x / (1 + |x|) and tanh told the kinds of a scene apart just as well (AUC .70 to .75 over pairs of
blocks that novelty had called rare, within .02 of each other). Places are joined by leader clustering (Hartigan,
Clustering Algorithms, 1975): the first of a kind is its leader for ever, so that a kind can be written down and does
not wander. It fails on kinds that differ in one feature only, and on clients whose blocks scatter wider than the
radius: the blocks of an honest kind needed two leaders on average on the development scenes.

The code holds quantised features and nothing else: no input, no name, no time.

>>> here = place(3, ("repeat", "near"), np.array([0.25, np.nan]))
>>> code(here)
'aebtmoahqa56g'
>>> read(code(here)) == here, apart(here, place(3, ("repeat", "near"), np.array([0.75, np.nan]))) > 0.2
(True, True)
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

import numpy as np

from detectors.contract import Floats

RADIUS: Final = 0.25  # decision 0013: the root mean square over features up to which two places are of one kind
UNEQUAL: Final = 1.0  # how far a feature that is known lies from one that is not
GRAIN: Final = 32  # quantisation steps in one unit of the logarithm
MOST: Final = 127
NOTHING: Final = -128  # a feature that is not known
EDITION: Final = 1  # of codes
HEAD: Final = 4  # bytes before the features: edition, kind of input, and two that depend on the features' names
CHECK: Final = 2  # bytes after them, so that a slip of the pen is no other kind


@dataclass(frozen=True, slots=True)
class Place:
    """Where a block's traffic lies: the kind of its input, a mark of which features were looked at, and their
    quantised values, one signed byte each."""

    kind: int
    mark: bytes
    steps: bytes

    @property
    def values(self) -> Floats:
        """The logarithms, (f,); NaN where a feature is not known."""
        steps = np.frombuffer(self.steps, np.int8).astype(np.float64)
        return np.where(steps == NOTHING, np.nan, steps / GRAIN)


def mark_of(names: Sequence[str]) -> bytes:
    """Two bytes that depend on which features are looked at, and on their order."""
    return blake2b("\0".join(names).encode(), digest_size=2).digest()


def place(kind: int, names: Sequence[str], row: Floats) -> Place:
    """The place of one block's features (f,), NaN where not known."""
    bounded = np.clip(row, -1e6, 1e6)
    logs = np.sign(bounded) * np.log1p(np.abs(bounded)) * GRAIN
    steps = np.where(np.isnan(row), NOTHING, np.clip(np.rint(np.nan_to_num(logs)), -MOST, MOST))
    return Place(kind, mark_of(names), steps.astype(np.int8).tobytes())


def apart(one: Place, other: Place) -> float:
    """Root mean square of the differences over all features; infinite where they can not be compared."""
    if (one.kind, one.mark, len(one.steps)) != (other.kind, other.mark, len(other.steps)):
        return float("inf")
    a, b = one.values, other.values
    differences = np.where(np.isnan(a) & np.isnan(b), 0.0, np.where(np.isnan(a - b), UNEQUAL, a - b))
    return float(np.sqrt(np.mean(differences**2)))


def code(at: Place) -> str:
    """The place as lower-case base32, about two characters a feature."""
    whole = bytes([EDITION, at.kind]) + at.mark + at.steps
    return base64.b32encode(whole + _check(whole)).decode().rstrip("=").lower()


def read(written: str) -> Place:
    """The place in a code. ValueError, with what is wrong, where it is none."""
    try:
        whole = base64.b32decode(written.upper() + "=" * (-len(written) % 8))
    except (binascii.Error, ValueError):
        raise ValueError("not a code of a kind of traffic: letters and the digits 2 to 7 were expected") from None
    if len(whole) <= HEAD + CHECK or _check(whole[:-CHECK]) != whole[-CHECK:]:
        raise ValueError("not a whole code of a kind of traffic: some of its characters are missing or wrong")
    if whole[0] != EDITION:
        raise ValueError("a code of a kind of traffic that another version of the program made")
    return Place(whole[1], whole[2:HEAD], whole[HEAD:-CHECK])


def _check(whole: bytes) -> bytes:
    return blake2b(whole, digest_size=CHECK).digest()

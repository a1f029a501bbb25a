"""Blacklight: near-duplicates share fingerprints of their quantised pixels.

Li, Shan, Wenger, Zhang, Zheng, Zhao: "Blacklight: Scalable Defense for Neural Networks against Query-Based Black-Box
Attacks", USENIX Security 2022, section 4: salt each pixel, quantise to multiples of 50 (of 255), hash every window of
20 values, keep the 50 first hashes in an order that the attacker cannot know; flagged when a query shares half of them
with an earlier one. The paper keeps one index for all clients (`global` here); `per client` is the variant that does
not hold one client's query against another's.

Departures: a keyed 64-bit polynomial hash instead of SHA-256, with the same rule of selection; postings of one hash are
bounded, the newest win; pictures with fewer than 50 windows keep what they have, and half of that is the threshold.
Pictures larger than 32 x 32 have windows of 50, as in the authors' settings for large ones.
Known defects: noise beyond the quantum is not seen (0 of 12 at a standard deviation of 0.02); pictures of constant
background share windows, so ordinary users of digits are flagged; the index is never forgotten between resets. Pixels
only: a row of a table has too few values for windows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from rivals.contract import PUBLISHED, Ints, Lesson, Rival, Stream, Trace

QUANTUM = 50
KEPT = 50
SHARED = 0.5
WINDOWS = (20, 50)
LARGE = 32 * 32 * 3
SEED = 50
EMPTY: Final = -1
Hashes = NDArray[np.uint64]


def windows_of(size: int) -> int:
    """Values in a window, for pictures of `size` values."""
    return WINDOWS[size > LARGE]


class Fingerprints:
    """The kept hashes of pictures of one size; the salt is drawn once and is the secret."""

    def __init__(self, size: int, seed: int = SEED) -> None:
        rng = np.random.default_rng(seed)
        self.window = min(windows_of(size), size)
        self._salt = rng.integers(0, 255, size).astype(np.uint8)
        factor = int(rng.integers(2**62)) * 2 + 1
        powers, inverses = [1], [1]
        undo = pow(factor, -1, 2**64)
        for _ in range(size - 1):
            powers.append(powers[-1] * factor % 2**64)
            inverses.append(inverses[-1] * undo % 2**64)
        self._powers = np.array(powers, np.uint64)
        self._inverses = np.array(inverses, np.uint64)[: size - self.window + 1]

    @property
    def kept(self) -> int:
        """Hashes kept of a picture, at most."""
        return min(KEPT, len(self._inverses))

    def of(self, pixels: NDArray[np.uint8]) -> tuple[Hashes, NDArray[np.bool_]]:
        """Hashes (n, kept), and which places hold one: windows that are equal within a picture count once."""
        flat = (pixels.reshape(len(pixels), -1).astype(np.uint16) + self._salt) % 255
        steps = np.rint(flat / QUANTUM).astype(np.uint64) + np.uint64(1)
        sums = np.zeros((len(flat), flat.shape[1] + 1), np.uint64)
        np.cumsum(steps * self._powers, axis=1, out=sums[:, 1:])
        hashes = mixed((sums[:, self.window :] - sums[:, : -self.window]) * self._inverses)
        hashes = np.sort(hashes, axis=1)[:, ::-1]
        first = np.ones(hashes.shape, bool)
        first[:, 1:] = hashes[:, 1:] != hashes[:, :-1]
        place = np.where(first, np.cumsum(first, axis=1) - 1, self.kept)
        kept, there = np.zeros((len(flat), self.kept), np.uint64), np.zeros((len(flat), self.kept), bool)
        rows, columns = np.nonzero(place < self.kept)
        kept[rows, place[rows, columns]] = hashes[rows, columns]
        there[rows, place[rows, columns]] = True
        return kept, there


def mixed(values: Hashes) -> Hashes:
    """The finaliser of splitmix64: every bit depends on all, which the order of selection needs."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


@njit(cache=True)
def most_shared(names: Ints, different: int, postings: int) -> Ints:
    """For each row of hash numbers (n, kept; -1 is none) the most that it shares with one earlier row."""
    held, fill = np.full((different, postings), EMPTY, np.int32), np.zeros(different, np.int64)
    shared, best = np.zeros(len(names), np.int32), np.zeros(len(names), np.int64)
    touched = np.empty(names.shape[1] * postings, np.int64)
    for query in range(len(names)):
        count = 0
        for name in names[query]:
            if name == EMPTY:
                continue
            for place in range(min(fill[name], postings)):
                other = held[name, place]
                if shared[other] == 0:
                    touched[count] = other
                    count += 1
                shared[other] += 1
            held[name, fill[name] % postings] = query
            fill[name] += 1
        for place in range(count):
            best[query] = max(best[query], shared[touched[place]])
            shared[touched[place]] = 0
    return best


def _numbered(hashes: Hashes, there: NDArray[np.bool_]) -> tuple[Ints, int]:
    names = np.full(hashes.shape, EMPTY, np.int64)
    every, numbers = np.unique(hashes[there], return_inverse=True)
    names[there] = numbers
    return names, len(every)


class Blacklight(Rival):
    """One index per client. The statistic is the share of its hashes that a query has in common with an earlier one."""

    name = "Blacklight, per client"
    postings: ClassVar[int] = 64

    def unfit(self, lesson: Lesson) -> str:
        """It works on pixels."""
        return "" if lesson.sort == "image" else "it fingerprints windows of pixels"

    def published(self) -> Mapping[str, float]:
        """25 of 50 hashes."""
        return {PUBLISHED: SHARED}

    def follow(self, streams: Sequence[Stream]) -> list[Trace]:
        """Read all clients, one after the other."""
        prints = self.prints(streams)
        return [self._read(prints, stream) for stream in streams]

    def prints(self, streams: Sequence[Stream]) -> Fingerprints:
        """Fingerprints for pictures of this scene's size."""
        return Fingerprints(int(np.prod(_pixels(streams[0]).shape[1:])))

    def _read(self, prints: Fingerprints, stream: Stream) -> Trace:
        hashes, there = prints.of(_pixels(stream))
        names, different = _numbered(hashes, there)
        best = most_shared(names, different, self.postings)
        return Trace(best / prints.kept, 8 * different + 4 * int(there.sum()))


class GlobalBlacklight(Blacklight):
    """One index over all clients, as in the paper; whoever sends the later query of a pair is flagged."""

    name = "Blacklight, global"
    postings: ClassVar[int] = 8

    def follow(self, streams: Sequence[Stream]) -> list[Trace]:
        """Read all clients together, in order of time."""
        prints = self.prints(streams)
        parts = [prints.of(_pixels(stream)) for stream in streams]
        order = np.argsort(np.concatenate([stream.times for stream in streams]), kind="stable")
        names, different = _numbered(np.concatenate([h for h, _ in parts]), np.concatenate([t for _, t in parts]))
        best = np.empty(len(order))
        best[order] = most_shared(names[order], different, self.postings) / prints.kept
        state = (8 + 4 * self.postings) * different // max(1, len(streams))
        ends = np.cumsum([len(stream) for stream in streams])[:-1]
        return [Trace(one, state) for one in np.split(best, ends)]


def _pixels(stream: Stream) -> NDArray[np.uint8]:
    if stream.pixels is None:
        raise ValueError("Blacklight and PIHA read pixels, and this stream has none")
    return stream.pixels

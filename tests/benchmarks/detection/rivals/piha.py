"""PIHA: a perceptual hash of the hue finds near-duplicates of colour pictures.

Choi, Shin, Choi: "PIHA: Detection method using perceptual image hashing against query-based adversarial attacks",
Future Generation Computer Systems 145, 2023: blur (3 x 3, sigma 1), hue, sum over blocks of 7 x 7, local binary pattern
of 8 neighbours; flagged when the share of differing places to an earlier hash of the client is 0.05 or less.

Departures: neighbours lie on the grid, not on a circle; outside of the picture there is 0; blocks that are not full are
dropped. Known defects: it needs colour; small pictures leave few blocks (16 for 32 x 32), so equal hashes are common
among honest pictures; pollers and video are flagged at once.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from rivals.contract import PUBLISHED, SILENT, Alone, Floats, Lesson, Stream, Trace
from rivals.nearness import LATEST

BLOCK = 7
DISTANCE = 0.05
AROUND = ((0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1))


def hues(pictures: NDArray[np.float64]) -> Floats:
    """Hue 0..1 (n, height, width) of red, green, blue 0..1 (n, height, width, 3); grey has hue 0.

    >>> hues(np.array([[[[1.0, 0, 0], [0, 1.0, 0], [0.5, 0.5, 0.5]]]])).round(3).tolist()
    [[[0.0, 0.333, 0.0]]]
    """
    red, green, blue = np.moveaxis(pictures, -1, 0)
    most = pictures.max(axis=-1)
    spread = most - pictures.min(axis=-1)
    safe = np.where(spread == 0, 1.0, spread)
    sector = np.select(
        [most == red, most == green],
        [((green - blue) / safe) % 6.0, (blue - red) / safe + 2.0],
        (red - green) / safe + 4.0,
    )
    return np.where(spread == 0, 0.0, sector / 6.0)


def blurred(pictures: NDArray[np.float64]) -> Floats:
    """A 3 x 3 Gaussian blur, sigma 1, edges repeated."""
    side = np.exp(-0.5)
    kernel = np.array([side, 1.0, side]) / (1.0 + 2.0 * side)
    wide = np.pad(pictures, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
    rows = sum(kernel[k] * wide[:, k : wide.shape[1] - 2 + k] for k in range(3))
    return np.asarray(sum(kernel[k] * rows[:, :, k : wide.shape[2] - 2 + k] for k in range(3)))


def hashes(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """One byte for each block (n, blocks)."""
    hue = hues(blurred(pixels / 255.0))
    n, height, width = hue.shape
    down, right = height // BLOCK, width // BLOCK
    whole = hue[:, : down * BLOCK, : right * BLOCK].reshape(n, down, BLOCK, right, BLOCK)
    sums = np.pad(whole.sum(axis=(2, 4)).round(6), ((0, 0), (1, 1), (1, 1)))
    codes = np.zeros((n, down, right), np.uint8)
    for bit, (y, x) in enumerate(AROUND):
        neighbour = sums[:, 1 + y : 1 + y + down, 1 + x : 1 + x + right]
        codes |= (neighbour >= sums[:, 1:-1, 1:-1]).astype(np.uint8) << np.uint8(bit)
    return codes.reshape(n, -1)


class Piha(Alone):
    """The statistic is the share of places that agree with the nearest earlier hash."""

    name = "PIHA"

    def unfit(self, lesson: Lesson) -> str:
        """It works on hue."""
        pixels = lesson.ordinary.pixels
        return "" if pixels is not None and pixels.shape[-1] == 3 else "it hashes the hue of colour pictures"

    def published(self) -> Mapping[str, float]:
        """At most 5 % of the places differ."""
        return {PUBLISHED: 1.0 - DISTANCE}

    def read(self, stream: Stream) -> Trace:
        """Read one client."""
        if stream.pixels is None:
            raise ValueError("PIHA reads pixels, and this stream has none")
        codes = hashes(stream.pixels)
        statistic = np.full(len(codes), SILENT)
        for query in range(1, len(codes)):
            same = codes[max(0, query - LATEST) : query] == codes[query]
            statistic[query] = same.mean(axis=1).max()
        return Trace(statistic, codes.shape[1] * min(len(codes), LATEST))

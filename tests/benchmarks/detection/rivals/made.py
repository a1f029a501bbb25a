"""Streams made by hand, for the tests."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rivals.contract import PUBLISHED, Lesson, Rival, Stream, first_flag

Rng = np.random.Generator
SIZE = 20


def stream_of(vectors: Any, labels: Any = None, times: Any = None, pixels: Any = None) -> Stream:
    codes = np.asarray(vectors, np.float32)
    _, digests = np.unique(codes if pixels is None else pixels.reshape(len(codes), -1), axis=0, return_inverse=True)
    return Stream(
        times=np.arange(len(codes), dtype=float) if times is None else np.asarray(times, float),
        labels=np.zeros(len(codes), np.int64) if labels is None else np.asarray(labels),
        probabilities=np.full((len(codes), 2), 0.5),
        digests=digests.reshape(-1).astype(np.uint64),
        codes=codes,
        pixels=pixels,
    )


def shown(pixels: NDArray[np.uint8]) -> Stream:
    return stream_of(pixels.reshape(len(pixels), -1) / 255.0, pixels=pixels)


def natural(rng: Rng, count: int) -> NDArray[np.float64]:
    return rng.normal(0, 1, (count, SIZE))


def chain(rng: Rng, count: int, step: float = 0.05) -> NDArray[np.float64]:
    return natural(rng, 1) + np.cumsum(rng.normal(0, step, (count, SIZE)), axis=0)


def jacobian(rng: Rng, count: int, step: float = 0.3) -> NDArray[np.float64]:
    """Papernot's augmentation: each round moves every point by one fixed step along signs."""
    points = natural(rng, 20)
    while len(points) < count:
        points = np.concatenate([points, points + step * rng.choice([-1.0, 1.0], points.shape)])
    return points[:count]


def lesson(rng: Rng, clients: int = 20, count: int = 100) -> Lesson:
    return Lesson("table", stream_of(natural(rng, 1000)), [stream_of(natural(rng, count)) for _ in range(clients)])


def flag(rival: Rival, stream: Stream, setting: str = PUBLISHED) -> int | None:
    return first_flag(rival.follow([stream])[0], rival.published()[setting])


def pictures(rng: Rng, count: int, shape: tuple[int, int, int] = (16, 16, 1)) -> NDArray[np.uint8]:
    return rng.integers(0, 256, (count, *shape)).astype(np.uint8)


def near(rng: Rng, picture: NDArray[np.uint8], count: int, spread: float) -> NDArray[np.uint8]:
    return np.clip(picture + np.rint(rng.normal(0, spread, (count, *picture.shape))), 0, 255).astype(np.uint8)

"""Arrays under names of their own, so that the state of many parts is one flat mapping."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray


def nested(name: str, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Arrays under a name of their own."""
    return {f"{name}/{key}": array for key, array in arrays.items()}


def copied(arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The same arrays, which nothing changes that is done to these: for those that kernels write into, and for state
    that an engine goes on from and that is wanted again."""
    return {name: array.copy() for name, array in arrays.items()}


def inside(name: str, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The arrays that `nested` put under that name."""
    return {key.removeprefix(f"{name}/"): array for key, array in arrays.items() if key.startswith(f"{name}/")}

"""A bounded cache whose hit costs one dictionary look-up."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Memory(Generic[K, V]):
    """Remembers what `make` answered, for up to 2 x `most` keys, the least recently used half forgotten at once.

    Two generations instead of a linked list: a key that is used again moves to the young one; when that is full the
    old one is dropped. `make` has to be pure, so that forgetting changes nothing but time.

    >>> squares = Memory(lambda n: n * n, most=2)
    >>> [squares(n) for n in (1, 2, 3, 1)], len(squares) <= 4
    ([1, 4, 9, 1], True)
    """

    __slots__ = ("_make", "_most", "_old", "_young")

    def __init__(self, make: Callable[[K], V], most: int) -> None:
        self._make = make
        self._most = most
        self._young: dict[K, V] = {}
        self._old: dict[K, V] = {}

    def __call__(self, key: K) -> V:
        """What `make` answers for the key."""
        try:
            return self._young[key]
        except KeyError:
            return self._seldom(key)

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def _seldom(self, key: K) -> V:
        found = self._old.pop(key, None)
        value = self._make(key) if found is None else found
        if len(self._young) >= self._most:
            self._old = self._young
            self._young = {}
        self._young[key] = value
        return value

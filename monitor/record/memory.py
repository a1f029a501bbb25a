"""A bounded cache whose hit costs one dictionary look-up."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Memory(dict[K, V]):
    """Remembers what `make` answered, for up to 2 x `most` keys, the least recently used half forgotten at once.

    `memory[key]`, or `memory(key)`, asks it. Two generations instead of a linked list: a key that is used again moves
    to the young one (this dictionary); when that is full the old one is dropped. `make` has to be pure, so that
    forgetting changes nothing but time; what it raises is raised, and not remembered.

    >>> squares = Memory(lambda n: n * n, most=2)
    >>> [squares[n] for n in (1, 2, 3, 1)], squares.size <= 4
    ([1, 4, 9, 1], True)
    """

    __slots__ = ("_make", "_most", "_old")

    def __init__(self, make: Callable[[K], V], most: int) -> None:
        super().__init__()
        self._make = make
        self._most = most
        self._old: dict[K, V] = {}

    def __call__(self, key: K) -> V:
        """What `make` answers for the key."""
        return self[key]

    @property
    def size(self) -> int:
        """How many keys are remembered."""
        return len(self) + len(self._old)

    def __missing__(self, key: K) -> V:
        found = self._old.pop(key, None)
        value = self._make(key) if found is None else found
        if len(self) >= self._most:
            self._old = dict(self)
            self.clear()
        self[key] = value
        return value

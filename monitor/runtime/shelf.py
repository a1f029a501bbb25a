"""Where the pieces of snapshots are put: names with bytes behind them, in a folder or in a bucket."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol


class Shelf(Protocol):
    """Names with bytes behind them, which are put there once and never changed. All that goes wrong is an OSError."""

    def names(self, prefix: str) -> Iterator[str]:
        """The names that begin so, in any order."""
        ...

    def read(self, name: str, most: int | None = None) -> bytes:
        """What stands there, or the first `most` bytes of it."""
        ...

    def put(self, name: str, pieces: Sequence[memoryview]) -> None:
        """Puts it there, whole or not at all, and safe when this returns. FileExistsError where the name is taken, as
        far as the shelf can tell."""
        ...

    def remove(self, name: str) -> None:
        """Takes it away, if it is there."""
        ...

    def place(self, name: str) -> str:
        """The name for people."""
        ...

    def written(self, name: str) -> float:
        """When it was put there, in seconds since 1970."""
        ...

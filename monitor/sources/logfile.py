"""One log that is being read: a regular file, or standard input, which may have nothing to say for a while."""

from __future__ import annotations

import os
import select
import sys
from collections import deque
from collections.abc import Iterator
from itertools import dropwhile, islice
from pathlib import Path
from typing import BinaryIO, Protocol

from monitor.config.trouble import Trouble
from monitor.sources.inflate import PIECE, DamageError, pieces
from monitor.sources.lines import Lines

Line = tuple[int, bytes]  # number and text


class LogFile(Protocol):
    """Numbered lines of one log, in order."""

    @property
    def line(self) -> int:
        """Number of the line that comes next."""
        ...

    @property
    def position(self) -> int:
        """Bytes read so far."""
        ...

    @property
    def ended(self) -> bool:
        """Whether the last line was handed over."""
        ...

    def take(self, most: int, timeout: float) -> list[Line]:
        """Up to `most` lines; DamageError where the rest cannot be read."""
        ...

    def close(self) -> None:
        """Give the file back."""
        ...


class RegularFile:
    """A file on the disk, from line `start` on. Trouble where it cannot be opened or read."""

    def __init__(self, path: Path, longest: int, start: int) -> None:
        self._path = path
        self.line = start
        self.ended = False
        self._cutter = Lines(longest)
        self._damage: DamageError | None = None
        try:
            self._file: BinaryIO = path.open("rb")
        except OSError as problem:
            raise self._trouble(problem) from problem
        self._lines = dropwhile(lambda line: line[0] < start, self._all())

    @property
    def position(self) -> int:
        """Bytes read so far, compressed ones where the file is compressed; 0 for a pipe."""
        return self._file.tell() if self._file.seekable() else 0

    def take(self, most: int, timeout: float) -> list[Line]:
        """Up to `most` lines. Damage is raised when the lines before it have been taken."""
        if self._damage is not None:
            raise self._damage
        taken: list[Line] = []
        try:
            taken.extend(islice(self._lines, most))
        except OSError as problem:
            raise self._trouble(problem) from problem
        if taken:
            self.line = taken[-1][0] + 1
        if len(taken) < most:
            self._finish()
            if self._damage is not None and not taken:
                raise self._damage
        return taken

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _all(self) -> Iterator[Line]:
        try:
            for piece in pieces(self._file, self._path):
                yield from self._cutter.feed(piece)
        except DamageError as damage:
            self._damage = damage  # the line that was open is not whole: it is left out
            return
        yield from self._cutter.end()

    def _finish(self) -> None:
        self.line = self._cutter.number
        self.ended = self._damage is None

    def _trouble(self, problem: OSError) -> Trouble:
        return Trouble(
            what=f"the log cannot be read: {problem.strerror}",
            where=str(self._path),
            mend="let the user of this process read it",
        )


class StandardInput:
    """Lines of standard input as they come."""

    def __init__(self, longest: int) -> None:
        self._descriptor = sys.stdin.fileno()
        self._cutter = Lines(longest)
        self._ready: deque[Line] = deque()
        self._closed = False
        self.position = 0

    @property
    def line(self) -> int:
        """Number of the line that comes next."""
        return self._ready[0][0] if self._ready else self._cutter.number

    @property
    def ended(self) -> bool:
        """Whether the writer has gone and all lines were taken."""
        return self._closed and not self._ready

    def take(self, most: int, timeout: float) -> list[Line]:
        """Up to `most` lines, waiting up to `timeout` seconds for some."""
        if not self._ready and not self._closed and select.select([self._descriptor], [], [], timeout)[0]:
            self._read()
        return [self._ready.popleft() for _ in range(min(most, len(self._ready)))]

    def close(self) -> None:
        """Nothing: standard input belongs to the process."""

    def _read(self) -> None:
        piece = os.read(self._descriptor, PIECE)
        self.position += len(piece)
        self._closed = not piece
        self._ready.extend(self._cutter.feed(piece) if piece else self._cutter.end())

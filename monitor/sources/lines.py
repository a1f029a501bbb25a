"""Lines out of pieces of bytes, never holding more of a line than a ceiling and one byte."""

from __future__ import annotations

from collections.abc import Iterable

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Lines:
    """Cuts pieces of bytes into numbered lines.

    A line over `longest` bytes comes out cut to `longest + 1`, which tells the reader that it was too long. Blank
    lines are counted and left out."""

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._number = 0
        self._open = b""

    @property
    def number(self) -> int:
        """Number of the next line, from 0."""
        return self._number

    def feed(self, piece: bytes) -> list[tuple[int, bytes]]:
        """The lines that this piece completes, with their numbers."""
        first, *others = piece.split(b"\n")
        self._extend(first)
        if not others:
            return []
        *middle, last = others
        done = self._numbered([self._open, *(line[: self._longest + 1] for line in middle)])
        self._open = b""
        self._extend(last)
        return done

    def end(self) -> list[tuple[int, bytes]]:
        """The last line, where no line break follows it."""
        last, self._open = self._open, b""
        return self._numbered([last]) if last else []

    def _extend(self, text: bytes) -> None:
        self._open += text[: max(0, self._longest + 1 - len(self._open))]

    def _numbered(self, lines: Iterable[bytes]) -> list[tuple[int, bytes]]:
        found = []
        for line in lines:
            text = line.removeprefix(BYTE_ORDER_MARK) if self._number == 0 else line
            if text and not text.isspace():
                found.append((self._number, text))
            self._number += 1
        return found

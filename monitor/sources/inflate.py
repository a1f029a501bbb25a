"""Files piece by piece: plain, gzip or zstd, in bounded memory; one that was cut short is told from one that ends."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

import zstandard

PIECE: Final = 262_144  # bytes of plain text handled at a time
GZIP: Final = 16 + zlib.MAX_WBITS
# A zstd block of 4 bytes can stand for 128 KiB, so what is fed at a time bounds what comes out: 128 MiB at worst.
ZSTD_FED: Final = 4_096
ZSTD_WINDOW: Final = 1 << 27


class DamageError(Exception):
    """The rest of a file cannot be read; `reason` is a stable code."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def pieces(file: BinaryIO, path: Path) -> Iterator[bytes]:
    """The content of an open file, inflated after the suffix of its path, in pieces that are never empty.

    Raises DamageError where a compressed file is cut short or corrupt; what came before it has been yielded."""
    match path.suffix:
        case ".gz":
            return _gzip(file)
        case ".zst":
            return _zstd(file)
        case _:
            return iter(lambda: file.read(PIECE), b"")


def _gzip(file: BinaryIO) -> Iterator[bytes]:
    member, rest = zlib.decompressobj(GZIP), b""
    begun = False
    while data := rest or file.read(PIECE):
        begun = True
        try:
            piece = member.decompress(data, PIECE)
        except zlib.error as problem:
            raise DamageError("corrupt-gzip") from problem
        rest = member.unconsumed_tail
        if piece:
            yield piece
        if member.eof:
            member, rest, begun = zlib.decompressobj(GZIP), member.unused_data.lstrip(b"\0"), False
    if begun:
        raise DamageError("truncated-gzip")


def _zstd(file: BinaryIO) -> Iterator[bytes]:
    decompressor = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW)
    frame, rest, begun = decompressor.decompressobj(), b"", False
    while data := rest or file.read(ZSTD_FED):
        begun, rest = True, b""
        try:
            piece = frame.decompress(data)
        except zstandard.ZstdError as problem:
            raise DamageError("corrupt-zstd") from problem
        if piece:
            yield piece
        if frame.eof:
            frame, rest, begun = decompressor.decompressobj(), frame.unused_data, False
    if begun:
        raise DamageError("truncated-zstd")

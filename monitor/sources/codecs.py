"""Inflates the records of one Kafka record batch, up to a ceiling: a small batch can stand for a lot of memory."""

from __future__ import annotations

import io
import zlib
from typing import Final

import lz4.frame
import snappy
import zstandard

PIECE: Final = 1 << 18  # inflated at a time: the libraries take the memory before they know what they need
LZ4_RATIO: Final = 255  # no lz4 data grow further than that
GZIP: Final = 16 + zlib.MAX_WBITS
XERIAL: Final = b"\x82SNAPPY\x00"  # what Java writes around snappy blocks: 16 bytes, then blocks with their length
XERIAL_HEADER: Final = 16


class UnreadableError(Exception):
    """Bytes that are not what they should be; `reason` is a stable code."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def inflate(codec: int, data: memoryview, ceiling: int) -> bytes:
    """The bytes behind `data`, compressed with the codec of that number (0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd).

    Raises UnreadableError where the codec is unknown, the data are corrupt, or more than `ceiling` bytes come out."""
    try:
        inflated = _inflate(codec, data, ceiling + 1)
    except UnreadableError:
        raise
    except Exception as problem:  # five libraries with no common error, and all they can complain about is the data
        raise UnreadableError("corrupt-compression") from problem
    if len(inflated) > ceiling:
        raise UnreadableError("batch-too-large")
    return inflated


def _inflate(codec: int, data: memoryview, most: int) -> bytes:
    match codec:
        case 0:
            return bytes(data)
        case 1:
            return _gzip(data, most)
        case 2:
            return _snappy(bytes(data), most)
        case 3:
            return _lz4(bytes(data), most)
        case 4:
            return _zstd(data, most)
        case _:
            raise UnreadableError("unknown-codec")


def _gzip(data: memoryview, most: int) -> bytes:
    found, rest = io.BytesIO(), bytes(data)
    while rest and found.tell() < most:
        member = zlib.decompressobj(GZIP)
        found.write(member.decompress(rest, most - found.tell()))
        rest = member.unused_data
        if not member.eof and found.tell() < most:
            raise UnreadableError("corrupt-compression")
    return found.getvalue()


def _lz4(data: bytes, most: int) -> bytes:
    if len(data) * LZ4_RATIO < most:  # the usual case, and nearly twice as fast
        return bytes(lz4.frame.decompress(data))
    frame, found = lz4.frame.LZ4FrameDecompressor(), io.BytesIO()
    found.write(frame.decompress(data, max_length=min(most, PIECE)))
    while not frame.eof and found.tell() < most:
        piece = frame.decompress(b"", max_length=min(most - found.tell(), PIECE))
        if not piece:
            raise UnreadableError("corrupt-compression")
        found.write(piece)
    return found.getvalue()


def _zstd(data: memoryview, most: int) -> bytes:
    reader, found = zstandard.ZstdDecompressor().stream_reader(data, read_across_frames=True), io.BytesIO()
    while piece := reader.read(min(most - found.tell(), PIECE)):
        found.write(piece)
    return found.getvalue()


def _snappy(data: bytes, most: int) -> bytes:
    if not data.startswith(XERIAL):
        return _snappy_block(data, most)
    found, position = io.BytesIO(), XERIAL_HEADER
    while position < len(data) and found.tell() < most:
        end = position + 4 + int.from_bytes(data[position : position + 4], "big")
        found.write(_snappy_block(data[position + 4 : end], most - found.tell()))
        position = end
    return found.getvalue()


def _snappy_block(block: bytes, most: int) -> bytes:
    """A block tells its inflated length in its first bytes, a varint."""
    length = shift = 0
    for byte in block[:5]:
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    if length > most:
        raise UnreadableError("batch-too-large")
    return bytes(snappy.decompress(block))

"""Files of arrays under a checksum, written whole or not at all, and read without pickle.

A file is magic, digest, a line of JSON, and an uncompressed npz. It becomes visible by a rename after it is on the
disk, so that a kill leaves the one before.
"""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson
from numpy.typing import NDArray

from monitor.sinks.disk import private, sync

DIGEST: Final = 16  # bytes of BLAKE2b over everything after it
HEADER: Final = 1 << 26  # bytes of a header, at most

Arrays = Mapping[str, NDArray[Any]]
Header = Mapping[str, Any]


def write(file: Path, temporary: Path, magic: bytes, header: Header, arrays: Arrays) -> None:
    """Write `file` by way of `temporary`, readable by this user alone; OSError where the disk is full or closed."""
    try:
        with open(temporary, "w+b", opener=private) as out:
            _fill(out, magic, header, arrays)
            out.flush()
            os.fsync(out.fileno())
        temporary.rename(file)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    sync(file.parent)


def read(content: bytes, magic: bytes, name: str) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Header and arrays of a file called `name`; ValueError with the reason where it is not whole."""
    if not content.startswith(magic):
        raise ValueError(f"not {name}")
    start = len(magic) + DIGEST
    whole = memoryview(content)  # slices of it copy nothing; state is large
    if _hash(whole[start:]).digest() != content[len(magic) : start]:
        raise ValueError("torn or changed: the checksum is wrong")
    end = content.find(b"\n", start)
    header = _object(whole[start:end]) if end >= 0 else {}
    return header, _arrays(whole[end + 1 :])


def peek(file: Path, magic: bytes, name: str) -> tuple[str, dict[str, Any]]:
    """Digest and header alone, unchecked: what stands in front of arrays that may be large. OSError, ValueError."""
    with file.open("rb") as opened:
        if opened.read(len(magic)) != magic:
            raise ValueError(f"not {name}")
        digest, line = opened.read(DIGEST), opened.readline(HEADER)
    return digest.hex(), _object(line)


def _object(line: bytes | memoryview) -> dict[str, Any]:
    """The header in its line; ValueError where it is no object. The parser's own error holds the line."""
    try:
        header = orjson.loads(line)
    except orjson.JSONDecodeError:
        raise ValueError("the header cannot be read") from None
    if not isinstance(header, dict):
        raise ValueError("the header is no object")
    return header


def _fill(out: io.BufferedRandom, magic: bytes, header: Header, arrays: Arrays) -> None:
    out.write(magic + bytes(DIGEST) + orjson.dumps(header, option=orjson.OPT_APPEND_NEWLINE))
    np.savez(out, allow_pickle=False, **dict(arrays))
    out.seek(len(magic) + DIGEST)
    digest = hashlib.file_digest(out, _hash).digest()
    out.seek(len(magic))
    out.write(digest)


def _arrays(body: memoryview) -> dict[str, NDArray[Any]]:
    """The arrays; ValueError where they are not what we have written. A compressed one could be a bomb."""
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            plain = all(member.compress_type == zipfile.ZIP_STORED for member in archive.infolist())
            if not plain or sum(member.file_size for member in archive.infolist()) > len(body):
                raise ValueError("compressed")
        with np.load(io.BytesIO(body), allow_pickle=False) as arrays:
            return dict(arrays)
    except Exception as problem:  # two libraries with no common error, and all they can complain about is the data
        raise ValueError("the arrays cannot be read") from problem


def _hash(content: bytes | memoryview = b"") -> hashlib.blake2b:
    return hashlib.blake2b(content, digest_size=DIGEST)

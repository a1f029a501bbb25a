"""Setting a file aside: numbered names, how many are kept, and compression."""

from __future__ import annotations

import gzip
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from monitor.sinks.disk import private, sync

_PACKED: Final = ".gz"


@dataclass(frozen=True, slots=True)
class Rotation:
    """When a file is set aside and what becomes of it: after so many `bytes` or `seconds` since its first line, `keep`
    of them at most, compressed or not. None: no bound."""

    bytes: int | None = None
    seconds: float | None = None
    keep: int | None = None
    compress: bool = False

    def due(self, size: int, age: float) -> bool:
        """Whether a file of that size and age has to be set aside. An empty one never has."""
        large = self.bytes is not None and size >= self.bytes
        old = self.seconds is not None and age >= self.seconds
        return size > 0 and (large or old)

    def set_aside(self, path: Path) -> None:
        """Renames the file to the next number, compresses it, and deletes what is too many."""
        before = aside(path)
        number = _number(before[-1], path) + 1 if before else 1
        moved = path.with_name(f"{path.name}.{number}")
        path.rename(moved)
        if self.compress:
            _compress(moved)
        for old in aside(path)[: -self.keep] if self.keep is not None else ():
            old.unlink()
        sync(path.parent)


def aside(path: Path) -> list[Path]:
    """Files set aside so far, the newest last."""
    found = [one for one in path.parent.glob(f"{path.name}.*") if _number(one, path) > 0]
    return sorted(found, key=lambda one: _number(one, path))


def content(path: Path) -> bytes:
    """What a file set aside holds."""
    raw = path.read_bytes()
    return gzip.decompress(raw) if path.suffix == _PACKED else raw


def _number(found: Path, path: Path) -> int:
    """The number at the end of a name; 0 where there is none."""
    text = found.name.removeprefix(f"{path.name}.").removesuffix(_PACKED)
    return int(text) if text.isascii() and text.isdecimal() else 0


def _compress(path: Path) -> None:
    """Puts a compressed file in its place; after a crash in between the plain one is still there."""
    packed, making = path.with_name(path.name + _PACKED), path.with_name(f"{path.name}.tmp")
    with path.open("rb") as plain, open(making, "wb", opener=private) as raw:
        with gzip.GzipFile(fileobj=raw, mode="wb", mtime=0, filename="") as file:
            shutil.copyfileobj(plain, file)
        raw.flush()
        os.fsync(raw.fileno())
    making.rename(packed)
    path.unlink()

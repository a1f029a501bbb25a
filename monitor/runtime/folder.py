"""Snapshots in a local folder: one file per partition and generation, written whole or not at all."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from monitor.config.trouble import Trouble
from monitor.runtime.generations import GENERATIONS, Generations, stem_of
from monitor.sinks.disk import private, sync

_NO_LINKS: Final = {errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK}


class SnapshotFolder(Generations):
    """A folder of files `TOPIC-NUMBER.TERM-GENERATION-BASE.snapshot`, readable by this user alone."""

    def __init__(self, folder: Path, keep: int = GENERATIONS) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            raise Trouble(
                what=f"the folder for snapshots cannot be made: {problem.strerror}",
                where=str(folder),
                mend="let the user of this process write there, or set runtime.state to another folder",
            ) from None
        super().__init__(FolderShelf(folder), keep)


class FolderShelf:
    """A folder as a shelf. A file becomes visible under its name after it is on the disk, so that a kill leaves nothing
    half."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self, prefix: str) -> Iterator[str]:
        """The names of files that begin so."""
        if self._folder.is_dir():
            yield from (entry.name for entry in os.scandir(self._folder) if entry.name.startswith(prefix))

    def read(self, name: str, most: int | None = None) -> bytes:
        """What stands in the file."""
        with (self._folder / name).open("rb") as file:
            return file.read(-1 if most is None else most)

    def put(self, name: str, pieces: Sequence[memoryview]) -> None:
        """Writes the file by way of another one; FileExistsError where it is there."""
        file, temporary = self._folder / name, self._folder / f"{name}.{os.getpid()}.writing"
        self._sweep(name)
        try:
            with open(temporary, "wb", opener=private) as out:
                for piece in pieces:
                    out.write(piece)
                out.flush()
                os.fsync(out.fileno())
            _name(temporary, file)
        finally:
            temporary.unlink(missing_ok=True)
        sync(self._folder)

    def remove(self, name: str) -> None:
        """Deletes the file."""
        (self._folder / name).unlink(missing_ok=True)

    def place(self, name: str) -> str:
        """The path."""
        return str(self._folder / name)

    def written(self, name: str) -> float:
        """When the file was last written."""
        return (self._folder / name).stat().st_mtime

    def _sweep(self, name: str) -> None:
        """Removes what killed writers of that partition have left; a slow one, that lost the partition to us, fails."""
        for other in list(self.names("")):
            if other.endswith(".writing") and stem_of(other.rsplit(".", 2)[0]) == stem_of(name):
                self.remove(other)


def _name(temporary: Path, file: Path) -> None:
    """Give a written file its name, where nobody else has it."""
    try:
        os.link(temporary, file)
    except OSError as problem:
        if problem.errno not in _NO_LINKS:
            raise
        if file.exists():  # a file system without links: the check and the step may be told apart there
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(file)) from None
        temporary.rename(file)

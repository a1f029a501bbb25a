"""Sinks that write lines: a file, synced after each batch and free of duplicates, and standard output."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from io import FileIO
from pathlib import Path
from typing import BinaryIO, Final

from monitor.alerts.finding import Finding
from monitor.config.trouble import Trouble
from monitor.formats.native import encode, parse
from monitor.sinks.disk import sync
from monitor.sinks.protocol import DELIVERED, Outcome

_BATCH: Final = 500
_TAIL: Final = 64 * 1024  # bytes that are read at a time on the way back from a file's end


class FileSink:
    """Appends alerts to a file in the native form; an alert counts as delivered when it is on the disk.

    A line that a crash has torn is cut off at open. The last lines are read then, so that a batch that was written
    but not reported before the crash is not written again. One process writes a file.
    """

    max_batch: Final = _BATCH

    def __init__(self, name: str, path: Path, rotate_bytes: int | None = None) -> None:
        self.name: Final = name
        self._path = path
        self._rotate = rotate_bytes
        self._file: FileIO | None = None
        self._written: frozenset[str] = frozenset()

    def send(self, alerts: Sequence[Finding], doubtful: Collection[str] = ()) -> list[Outcome]:
        """Appends the alerts and syncs; a full disk or a missing folder is a reason to try again later."""
        try:
            file = self._open()
            fresh = [alert for alert in alerts if not (alert.id in doubtful and alert.id in self._written)]
            _write(file, b"".join(encode(alert) + b"\n" for alert in fresh))
            self._rotate_if_large(file)
        except OSError as problem:
            self.close()  # the next attempt opens it again, and cuts off what was torn
            return [Outcome("retry", f"file: {problem.strerror}", doubtful=True)] * len(alerts)
        return [DELIVERED] * len(alerts)

    def close(self) -> None:
        """Closes the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open(self) -> FileIO:
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            self._file = FileIO(descriptor, "r+")
            sync(self._path.parent)
            mend(self._file)
            self._written = frozenset(self._ids())
        return self._file

    def _ids(self) -> list[str]:
        """Ids of the alerts in the last lines of the file, and of the one set aside before it."""
        lines = [line for path in (self._path, *self._aside()[-1:]) for line in last_lines(path, _BATCH)]
        return [name for name in map(_id, lines) if name is not None]

    def _aside(self) -> list[Path]:
        """Files set aside so far, the newest last."""
        found = [path for path in self._path.parent.glob(self._path.name + ".*") if path.suffix[1:].isdigit()]
        return sorted(found, key=lambda path: int(path.suffix[1:]))

    def _rotate_if_large(self, file: FileIO) -> None:
        if self._rotate is None or file.tell() < self._rotate:
            return
        aside = self._aside()
        number = int(aside[-1].suffix[1:]) + 1 if aside else 1
        self._path.rename(self._path.with_name(f"{self._path.name}.{number}"))
        self.close()
        sync(self._path.parent)


class StdoutSink:
    """Writes alerts to a stream, standard output in the daemon, in the native form."""

    max_batch: Final = _BATCH

    def __init__(self, name: str, stream: BinaryIO) -> None:
        self.name: Final = name
        self._stream = stream

    def send(self, alerts: Sequence[Finding], doubtful: Collection[str] = ()) -> list[Outcome]:
        """Writes and flushes. Where the reader has gone away, alerts are held until there is one again."""
        try:
            self._stream.write(b"".join(encode(alert) + b"\n" for alert in alerts))
            self._stream.flush()
        except (OSError, ValueError):  # ValueError: the stream is closed
            return [Outcome("hold", "nobody reads the standard output")] * len(alerts)
        return [DELIVERED] * len(alerts)

    def close(self) -> None:
        """Leaves the stream open: it is not ours."""


def mend(file: FileIO) -> int:
    """Cuts off what follows the last line break, left by a crash in the middle of a write; how many bytes it was."""
    end = position = file.seek(0, os.SEEK_END)
    while position > 0:
        start = max(0, position - _TAIL)
        file.seek(start)
        found = file.read(position - start).rfind(b"\n")
        if found >= 0:
            position = start + found + 1
            break
        position = start
    if position < end:
        file.truncate(position)
    file.seek(position)
    return end - position


def last_lines(path: Path, count: int) -> list[bytes]:
    """The last lines of a file, at most `count`; none where there is no file."""
    if not path.exists():
        return []
    with path.open("rb") as file:
        position, tail = file.seek(0, os.SEEK_END), b""
        while position > 0 and tail.count(b"\n") <= count:
            start = max(0, position - _TAIL)
            file.seek(start)
            tail = file.read(position - start) + tail
            position = start
    return tail.splitlines()[-count:]


def _write(file: FileIO, content: bytes) -> None:
    """Writes all of it and waits until it is on the disk; a raw file may take less than it is given."""
    rest = memoryview(content)
    while rest:
        rest = rest[file.write(rest) :]
    os.fsync(file.fileno())


def _id(line: bytes) -> str | None:
    try:
        return parse(line).id
    except Trouble:
        return None

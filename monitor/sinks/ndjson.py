"""Sinks that write lines: a file, synced after each batch and free of duplicates, and standard output."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from fcntl import LOCK_EX, LOCK_UN, flock
from io import FileIO
from pathlib import Path
from typing import BinaryIO, Final

from monitor.alerts.finding import Finding
from monitor.config.trouble import Trouble
from monitor.sinks.disk import sync
from monitor.sinks.form import Form
from monitor.sinks.protocol import DELIVERED, Outcome
from monitor.sinks.rotation import Rotation, aside, content

_BATCH: Final = 500
_NATIVE: Final = Form.named("native")
_NEVER: Final = Rotation()
_TAIL: Final = 64 * 1024  # bytes that are read at a time on the way back from a file's end


class FileSink:
    """Appends alerts to a file, one a line; an alert counts as delivered when it is on the disk.

    A line that a crash has torn is cut off at open. The last lines are read then, so that a batch that was written
    but not reported before the crash is not written again. One process writes a file, and others a line now and then.
    """

    max_batch: Final = _BATCH

    def __init__(
        self,
        name: str,
        path: Path,
        rotation: Rotation = _NEVER,
        form: Form = _NATIVE,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.name: Final = name
        self._path = path
        self._rotation = rotation
        self._form = form
        self._clock = clock
        self._file: FileIO | None = None
        self._begun: float | None = None  # when the first line was written, in seconds since 1970
        self._written: frozenset[bytes] = frozenset()

    def send(self, alerts: Sequence[Finding], doubtful: Collection[str] = ()) -> list[Outcome]:
        """Appends the alerts and syncs; a full disk or a missing folder is a reason to try again later."""
        try:
            with self._locked() as file:
                lines = [(alert.id in doubtful, self._form.line(alert)) for alert in alerts]
                _write(file, b"".join(line + b"\n" for doubt, line in lines if not (doubt and line in self._written)))
                self._rotate(file)
        except OSError as problem:
            self.close()  # the next attempt opens it again, and cuts off what was torn
            return [Outcome("retry", f"file: {problem.strerror}", doubtful=True)] * len(alerts)
        return [DELIVERED] * len(alerts)

    def read_back(self, alert: Finding) -> str:
        """Where the alert was found. Trouble where it is not among the last lines."""
        if self._form.line(alert) not in self._lines():
            raise Trouble(what="the alert is not in the file", where=str(self._path), mend="look at the disk")
        return f"read from {self._path}"

    def close(self) -> None:
        """Closes the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    @contextmanager
    def _locked(self) -> Iterator[FileIO]:
        """The file, ours until the block ends. Another process may write to it for a moment (`sinks test`), or set it
        aside: then the one that has its name now is opened."""
        while True:
            fresh = self._file is None
            file = self._file if self._file is not None else self._opened()
            with suppress(OSError):  # a file system without locks has one writer
                flock(file, LOCK_EX)
            if _named(file, self._path):
                break
            self.close()
        if fresh:
            mend(file)
            self._written = frozenset(self._lines())
            # a file's first line is at least as old as its last change, and that is all that a file system tells
            self._begun = os.fstat(file.fileno()).st_mtime if file.tell() else None
        try:
            yield file
        finally:
            if not file.closed:
                with suppress(OSError):
                    flock(file, LOCK_UN)

    def _opened(self) -> FileIO:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = FileIO(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), "r+")
        sync(self._path.parent)
        return self._file

    def _lines(self) -> list[bytes]:
        """The last lines of the file, and of the one set aside before it."""
        before = [line for path in aside(self._path)[-1:] for line in content(path).splitlines()[-_BATCH:]]
        return before + last_lines(self._path, _BATCH)

    def _rotate(self, file: FileIO) -> None:
        now, size = self._clock(), file.tell()
        self._begun = now if self._begun is None else self._begun
        if self._rotation.due(size, now - self._begun):
            self._rotation.set_aside(self._path)
            self.close()
            self._begun = None


class StdoutSink:
    """Writes alerts to a stream, standard output in the daemon."""

    max_batch: Final = _BATCH

    def __init__(self, name: str, stream: BinaryIO, form: Form = _NATIVE) -> None:
        self.name: Final = name
        self._stream = stream
        self._form = form

    def send(self, alerts: Sequence[Finding], doubtful: Collection[str] = ()) -> list[Outcome]:
        """Writes and flushes. Where the reader has gone away, alerts are held until there is one again."""
        try:
            self._stream.write(b"".join(self._form.line(alert) + b"\n" for alert in alerts))
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


def _named(file: FileIO, path: Path) -> bool:
    """Whether the path still leads to that file."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(path))
    except FileNotFoundError:
        return False


def _write(file: FileIO, content: bytes) -> None:
    """Writes all of it and waits until it is on the disk; a raw file may take less than it is given."""
    rest = memoryview(content)
    while rest:
        rest = rest[file.write(rest) :]
    os.fsync(file.fileno())

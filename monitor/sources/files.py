"""Recorded logs as a source: each file is a partition, an offset is the number of a line, counted from 0.

Files are read one after the other, in the order of the list, so that the same files give the same alerts.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from monitor.config.sources import STANDARD_INPUT, FileSettings
from monitor.config.trouble import Trouble
from monitor.record.raw import Partition, RawBatch
from monitor.sources.folders import partitions
from monitor.sources.inflate import DamageError
from monitor.sources.logfile import LogFile, RegularFile, StandardInput
from monitor.sources.protocol import Arrival, Assignment, Bounds, Progress, Quarantined


class FileSource:
    """Files, folders and standard input. Trouble at once where a path does not exist or cannot be opened."""

    def __init__(self, settings: FileSettings) -> None:
        self._settings = settings
        self._paths = partitions(settings.paths)
        self._sizes = {partition: _size(path) for partition, path in self._paths.items()}
        self._waiting = deque(self._paths)  # the first one is being read
        self._open: LogFile | None = None
        self._starts: dict[Partition, int] = {}
        self._told = False
        self._paused: set[Partition] = set()
        self._read = 0  # bytes of the files that are done

    def assigned(self) -> frozenset[Partition]:
        """All files, from first to last."""
        return frozenset(self._paths)

    def changes(self) -> Sequence[Assignment]:
        """All files at the first call, nothing later."""
        if self._told:
            return ()
        self._told = True
        return (Assignment(self.assigned(), frozenset()),)

    def seek(self, partition: Partition, offset: int | None) -> None:
        """Read the file from line `offset`, None being the first. Of standard input only the start can be had, once."""
        began = partition not in self._waiting or (self._open is not None and self._waiting[0] == partition)
        if self._paths[partition] == STANDARD_INPUT and (offset not in (None, 0) or began):
            raise Trouble(
                what=f"standard input cannot go to line {offset or 0}",
                where="standard input",
                mend="write the log into a file to go on in its middle",
            )
        self._starts[partition] = 0 if offset is None else offset
        if partition not in self._waiting:
            self._waiting.append(partition)
        if self._open is not None and self._waiting[0] == partition:
            self._close_file()

    def poll(self, timeout: float) -> Iterable[Arrival]:
        """The next lines of the file that is being read."""
        if not self._waiting:
            return ()
        partition = self._waiting[0]
        if partition not in self._starts or partition in self._paused:
            time.sleep(timeout)
            return ()
        return list(self._next(partition, timeout))

    def bounds(self, partition: Partition) -> Bounds | None:
        """A file is there from its first line, and that is where reading begins."""
        return Bounds(0, 0)

    def confirm(self, partitions: Iterable[Partition]) -> frozenset[Partition]:
        """All: nobody else reads these files."""
        return frozenset(partitions)

    def commit(self, offsets: Mapping[Partition, int]) -> bool:
        """Nothing to do: nobody else reads these files, and snapshots hold the offsets."""
        return True

    def pause(self, partitions: Iterable[Partition]) -> None:
        """Reading stops at the first paused file."""
        self._paused.update(partitions)

    def resume(self, partitions: Iterable[Partition]) -> None:
        """Undo `pause`."""
        self._paused.difference_update(partitions)

    def lag(self) -> Mapping[Partition, int]:
        """Nothing: how many lines a file has is not known before they are read."""
        return {}

    def progress(self) -> Progress:
        """Bytes of the files as they lie on the disk, compressed ones as compressed."""
        known = [size for size in self._sizes.values() if size is not None]
        total = sum(known) if len(known) == len(self._sizes) else None
        return Progress(self._read + (self._open.position if self._open else 0), total)

    @property
    def finished(self) -> bool:
        """Whether the last line of the last file was handed over."""
        return not self._waiting

    def close(self) -> None:
        """Close the file that is open."""
        self._close_file()

    def _next(self, partition: Partition, timeout: float) -> Iterator[Arrival]:
        file = self._open or self._open_file(partition)
        try:
            lines = file.take(self._settings.records, timeout)
        except DamageError as damage:
            yield Quarantined(partition, file.line, file.line, damage.reason)
            self._end_file()
            return
        if lines:
            yield _batch(partition, lines, file.line)
        if file.ended:
            self._end_file()

    def _open_file(self, partition: Partition) -> LogFile:
        path, longest = self._paths[partition], self._settings.line_bytes
        start = self._starts[partition]
        self._open = StandardInput(longest) if path == STANDARD_INPUT else RegularFile(path, longest, start)
        return self._open

    def _end_file(self) -> None:
        done = self._waiting.popleft()
        self._read += self._open.position if self._open else 0
        del self._starts[done]
        self._close_file()

    def _close_file(self) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None


def _batch(partition: Partition, lines: Sequence[tuple[int, bytes]], following: int) -> RawBatch:
    numbers, payloads = zip(*lines, strict=True)
    return RawBatch(
        partition=partition,
        payloads=payloads,
        offsets=np.array(numbers, np.int64),
        timestamps=np.full(len(lines), -1, np.int64),
        next_offset=following,
    )


def _size(path: Path) -> int | None:
    return path.stat().st_size if path.is_file() else None

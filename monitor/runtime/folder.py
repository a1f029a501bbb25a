"""Snapshots in a local folder: one file per partition and generation, checksummed, written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from monitor.config.trouble import Trouble
from monitor.record.raw import Partition
from monitor.runtime.sealed import peek, read, write
from monitor.runtime.snapshots import Refused, Snapshot

VERSION: Final = 1
GENERATIONS: Final = 2

_MAGIC: Final = b"probewatch snapshot\n"


class SnapshotFolder:
    """A folder of files `TOPIC-NUMBER.GENERATION.snapshot`; the last two generations of each partition are kept.

    A file is sealed (monitor/runtime/sealed.py); its header has version, partition, next offset, configuration, key
    epoch, and how far learning has come, which others may read while the daemon runs.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            raise Trouble(
                what=f"the folder for snapshots cannot be made: {problem.strerror}",
                where=str(folder),
                mend="let the user of this process write there, or set runtime.state to another folder",
            ) from None

    def save(self, snapshot: Snapshot) -> None:
        """Keeps it as the newest generation; OSError where the disk is full or not writable."""
        older = self._generations(snapshot.partition)
        number = older[0][0] + 1 if older else 1
        temporary = self._folder / f"{_stem(snapshot.partition)}.{os.getpid()}.writing"
        file = self._folder / f"{_stem(snapshot.partition)}.{number:09d}.snapshot"
        write(file, temporary, _MAGIC, _header(snapshot), snapshot.arrays)
        for old in [file for _, file in older[GENERATIONS - 1 :]] + self._left_over(snapshot.partition):
            old.unlink(missing_ok=True)

    def load(self, partition: Partition, key_epoch: str) -> Iterator[Snapshot | Refused]:
        """The generations of that partition, newest first; each whole and checked, or refused with the reason."""
        for _, file in self._generations(partition):
            try:
                yield _read(file.read_bytes(), partition, key_epoch)
            except (OSError, ValueError) as problem:
                reason = problem.strerror if isinstance(problem, OSError) else str(problem)
                yield Refused(str(file), str(reason))

    def _generations(self, partition: Partition) -> list[tuple[int, Path]]:
        """Numbers and files of the generations, newest first."""
        stem = _stem(partition)
        found = []
        for file in self._folder.glob("*.snapshot"):
            name, _, number = file.name.removesuffix(".snapshot").rpartition(".")
            if name == stem and number.isdigit():
                found.append((int(number), file))
        return sorted(found, reverse=True)

    def _left_over(self, partition: Partition) -> list[Path]:
        """What killed writers of that partition have left; a slow one, that lost the partition to us, fails."""
        return [file for file in self._folder.glob("*.*.writing") if file.name.rsplit(".", 2)[0] == _stem(partition)]


def _stem(partition: Partition) -> str:
    """A file name that no topic can break out of, and that no two partitions share."""
    return f"{quote(partition.topic, safe='')}-{partition.number}"


def _header(snapshot: Snapshot) -> dict[str, Any]:
    return {
        "version": VERSION,
        "topic": snapshot.partition.topic,
        "partition": snapshot.partition.number,
        "next_offset": snapshot.next_offset,
        "config_hash": snapshot.config_hash,
        "key_epoch": snapshot.key_epoch,
        "standings": snapshot.standings,
    }


def _read(content: bytes, partition: Partition, key_epoch: str) -> Snapshot:
    """The snapshot in these bytes; ValueError with the reason where they are not one that can be used."""
    header, arrays = read(content, _MAGIC, "a snapshot")
    lacking = {"topic", "partition", "next_offset", "config_hash", "key_epoch", "version"} - header.keys()
    if lacking or type(header["next_offset"]) is not int:
        raise ValueError("its header is incomplete")
    if header["version"] != VERSION:
        raise ValueError(f"version {header['version']}, and this program reads version {VERSION}")
    if (header["topic"], header["partition"]) != (partition.topic, partition.number):
        raise ValueError(f"of another partition, {header['topic']}-{header['partition']}")
    if header["key_epoch"] != key_epoch:
        raise ValueError(f"made with key {header['key_epoch']}, and the key is now {key_epoch}")
    return Snapshot(partition, header["next_offset"], header["config_hash"], key_epoch, arrays)


def latest(folder: Path) -> Iterator[tuple[Path, float, dict[str, Any]]]:
    """The newest snapshot of each partition in a folder: the file, when it was written (seconds since 1970), and its
    header. Reads no state and changes nothing; what cannot be read, or goes away meanwhile, is left out."""
    newest: dict[str, tuple[int, Path]] = {}
    for file in folder.glob("*.snapshot"):
        name, _, number = file.name.removesuffix(".snapshot").rpartition(".")
        if number.isdigit():
            newest[name] = max(newest.get(name, (0, file)), (int(number), file))
    for _, file in sorted(newest.values(), key=lambda found: found[1].name):
        try:
            yield file, file.stat().st_mtime, peek(file, _MAGIC, "a snapshot")[1]
        except (OSError, ValueError):
            continue

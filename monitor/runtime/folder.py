"""Snapshots in a local folder: one file per partition and generation, checksummed, written whole or not at all."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import numpy as np
import orjson
from numpy.typing import NDArray

from monitor.config.trouble import Trouble
from monitor.record.raw import Partition
from monitor.runtime.snapshots import Refused, Snapshot

VERSION: Final = 1
GENERATIONS: Final = 2

_MAGIC: Final = b"probewatch snapshot\n"
_DIGEST: Final = 16  # bytes of BLAKE2b over everything after it
_START: Final = len(_MAGIC) + _DIGEST


class SnapshotFolder:
    """A folder of files `TOPIC-NUMBER.GENERATION.snapshot`; the last two generations of each partition are kept.

    A file is magic, digest, a line of JSON (version, partition, next offset, configuration, key epoch), and an
    uncompressed npz. It becomes visible by a rename after it is on the disk, so that a kill leaves the one before.
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
        try:
            with open(temporary, "w+b", opener=_private) as file:
                _write(file, snapshot)
                file.flush()
                os.fsync(file.fileno())
            temporary.rename(self._folder / f"{_stem(snapshot.partition)}.{number:09d}.snapshot")
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        self._sync_folder()
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

    def _sync_folder(self) -> None:
        handle = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)  # pseudonyms and evidence are nobody else's business


def _stem(partition: Partition) -> str:
    """A file name that no topic can break out of, and that no two partitions share."""
    return f"{quote(partition.topic, safe='')}-{partition.number}"


def _write(file: io.BufferedRandom, snapshot: Snapshot) -> None:
    header = {
        "version": VERSION,
        "topic": snapshot.partition.topic,
        "partition": snapshot.partition.number,
        "next_offset": snapshot.next_offset,
        "config_hash": snapshot.config_hash,
        "key_epoch": snapshot.key_epoch,
    }
    file.write(_MAGIC + bytes(_DIGEST) + orjson.dumps(header, option=orjson.OPT_APPEND_NEWLINE))
    np.savez(file, allow_pickle=False, **dict(snapshot.arrays))
    file.seek(_START)
    digest = hashlib.file_digest(file, _hash).digest()
    file.seek(len(_MAGIC))
    file.write(digest)


def _read(content: bytes, partition: Partition, key_epoch: str) -> Snapshot:
    """The snapshot in these bytes; ValueError with the reason where they are not one that can be used."""
    if not content.startswith(_MAGIC):
        raise ValueError("not a snapshot")
    whole = memoryview(content)  # slices of it copy nothing; state is large
    if _hash(whole[_START:]).digest() != content[len(_MAGIC) : _START]:
        raise ValueError("torn or changed: the checksum is wrong")
    end = content.index(b"\n", _START)
    header = orjson.loads(whole[_START:end])
    if header["version"] != VERSION:
        raise ValueError(f"version {header['version']}, and this program reads version {VERSION}")
    if (header["topic"], header["partition"]) != (partition.topic, partition.number):
        raise ValueError(f"of another partition, {header['topic']}-{header['partition']}")
    if header["key_epoch"] != key_epoch:
        raise ValueError(f"made with key {header['key_epoch']}, and the key is now {key_epoch}")
    return Snapshot(partition, header["next_offset"], header["config_hash"], key_epoch, _arrays(whole[end + 1 :]))


def _arrays(body: memoryview) -> dict[str, NDArray[Any]]:
    try:
        with np.load(io.BytesIO(body), allow_pickle=False) as arrays:
            return dict(arrays)
    except (zipfile.BadZipFile, KeyError, EOFError) as problem:
        raise ValueError("the arrays cannot be read") from problem


def _hash(content: bytes | memoryview = b"") -> hashlib.blake2b:
    return hashlib.blake2b(content, digest_size=_DIGEST)

"""Erases clients from everything that the daemon keeps, and looks whether anything is left.

The daemon does not run meanwhile. What it reads again later, because a snapshot is lost or offsets are set back, is
passed over up to where the log had been read when the client was erased (monitor/record/erasures.py).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import orjson

from monitor.config.settings import Settings
from monitor.config.trouble import Trouble
from monitor.record.erasures import Erasures, mark
from monitor.record.keys import Keys
from monitor.record.pseudonyms import former_of, text
from monitor.record.raw import Partition
from monitor.runtime import audit
from monitor.runtime.engines import engine_maker
from monitor.runtime.fingerprints import digests, load_all
from monitor.runtime.folder import GENERATIONS, SnapshotFolder, latest
from monitor.runtime.keys import key_name
from monitor.runtime.learnt import config_hash
from monitor.runtime.lock import only_process
from monitor.runtime.metrics import Metrics
from monitor.runtime.partitions import Partitions
from monitor.runtime.paths import audit_path, outbox_path, snapshots_path
from monitor.sinks.erasing import erase

ACTION: Final = "erasure"
_FILE: Final = "erasures.json"


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was done: partitions written anew, alerts deleted and changed; `searched` files and bytes, and the files in
    which something is `left` (none, where all went well)."""

    partitions: int
    deleted: int
    changed: int
    files: int
    bytes: int
    left: tuple[str, ...]


def forget(settings: Settings, keys: Keys, sort: str, names: Sequence[str]) -> Forgotten:
    """Erases names of clients or addresses (`sort`). Trouble where the daemon runs, or something cannot be written."""
    own = [getattr(keys.names, sort)(name) for name in names]
    former = [one for one in map(former_of, own) if one]
    every = [*map(bytes, own), *former]
    marks = [mark(keys, one) for one in own]
    if keys.former is not None:
        marks += [mark(keys.former, one) for one in former]
    folder = snapshots_path(settings)
    with only_process(settings.runtime.state):
        audit.append(audit_path(settings), datetime.now(UTC), ACTION, len(names), keys.epoch, {"marks": marks})
        partitions = _taken(settings, keys)
        _remember(folder / _FILE, marks, partitions.offsets())
        partitions.forget(every)
        for partition in partitions.offsets():
            for _ in range(GENERATIONS):  # each one pushes the oldest out
                partitions.save(partition)
        outbox = outbox_path(settings)
        deleted, changed = erase(outbox, [text(one) for one in every]) if outbox.exists() else (0, 0)
        found = search([settings.runtime.state, folder], every)
    return Forgotten(len(partitions.offsets()), deleted, changed, *found)


def load(settings: Settings, keys: Keys) -> Erasures:
    """The erasures that the daemon has to honour; Trouble where they cannot be read."""
    return Erasures(keys, _read(snapshots_path(settings) / _FILE))


def search(folders: Sequence[Path], pseudonyms: Sequence[bytes]) -> tuple[int, int, tuple[str, ...]]:
    """Look through all files for pseudonyms as bytes, as texts and as the 64-bit keys that are made of them: how many
    files and bytes were looked at, and the files in which one is."""
    traces = [trace for name in pseudonyms for trace in traces_of(name)]
    files, size, left = 0, 0, []
    for file in sorted({file for folder in folders for file in folder.rglob("*") if file.is_file()}):
        content = file.read_bytes()
        files, size = files + 1, size + len(content)
        if any(trace in content for trace in traces):
            left.append(str(file))
    return files, size, tuple(left)


def traces_of(name: bytes) -> Iterator[bytes]:
    """In which forms a pseudonym stands in files."""
    yield name[:8]  # of the name, and of the key that is its first 64 bits
    yield name.hex().encode()
    yield text(name).encode()
    yield str(int.from_bytes(name[:8], "little")).encode()


def _taken(settings: Settings, keys: Keys) -> Partitions:
    """Every partition of which there is a snapshot, with the state that the daemon would go on from."""
    store, known = SnapshotFolder(snapshots_path(settings)), load_all(settings.engine, keys)
    partitions = Partitions(
        engine_maker(settings, keys, known),
        store,
        time.monotonic,
        Metrics(),
        config_hash=config_hash(settings, digests(known)),
        key_epoch=key_name(keys),
    )
    partitions.former_epoch = None if keys.former is None else key_name(keys.former)
    for _, _, header in latest(snapshots_path(settings)):
        partitions.take(Partition(header["topic"], header["partition"]))
    return partitions


def _read(file: Path) -> dict[str, dict[str, int]]:
    try:
        content = file.read_bytes() if file.exists() else b"{}"
        tree = orjson.loads(content)
        return {str(name): {str(one): int(offset) for one, offset in where.items()} for name, where in tree.items()}
    except (OSError, ValueError, AttributeError):
        mend = "restore it from a backup: without it what was erased would be learnt again"
        raise Trouble(what="the list of erased clients cannot be read", where=str(file), mend=mend) from None


def _remember(file: Path, marks: Sequence[str], offsets: dict[Partition, int]) -> None:
    known = _read(file)
    for one in marks:
        where = known.setdefault(one, {})
        where |= {str(partition): max(offset, where.get(str(partition), 0)) for partition, offset in offsets.items()}
    part = file.with_name(f"{file.name}.writing")
    part.touch(mode=0o600)
    part.write_bytes(orjson.dumps(known, option=orjson.OPT_INDENT_2))
    part.rename(file)

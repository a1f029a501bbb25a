"""Erases clients from everything that the daemon keeps, and looks whether anything is left.

The daemon does not run meanwhile. What it reads again later, because a snapshot is lost or offsets are set back, is
passed over up to where the log had been read when the client was erased (monitor/record/erasures.py).
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from monitor.config.settings import Settings
from monitor.config.trouble import Trouble
from monitor.record.erasures import Erasures, mark
from monitor.record.keys import Keys
from monitor.record.pseudonyms import former_of, text
from monitor.record.raw import Partition
from monitor.runtime import audit
from monitor.runtime.engines import engine_maker
from monitor.runtime.erased import listed, remember
from monitor.runtime.fingerprints import digests, load_all
from monitor.runtime.generations import Generations
from monitor.runtime.keys import key_name
from monitor.runtime.learnt import config_hash
from monitor.runtime.lock import only_process
from monitor.runtime.metrics import Metrics
from monitor.runtime.partitions import Partitions
from monitor.runtime.paths import audit_path, outbox_path, snapshots_path
from monitor.runtime.shadow import clear, shadow_folder
from monitor.runtime.shelf import Shelf
from monitor.runtime.stores import open_shelf, open_store
from monitor.sinks.erasing import Erased, erase
from monitor.sinks.sealing import sealer

ACTION: Final = "erasure"
SEARCHED: Final = "erasure searched"


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was done: partitions written anew, alerts deleted and changed, dead letters deleted; `files` and `bytes`
    that were searched, and the files in which something is `left`. `unread` are partitions whose state cannot be read
    with these keys, and `sealed` dead letters that cannot be opened: nobody knows what is in them."""

    partitions: int
    deleted: int
    changed: int
    letters: int
    files: int
    bytes: int
    left: tuple[str, ...]
    unread: tuple[str, ...]
    sealed: int

    @property
    def complete(self) -> bool:
        """Whether nothing is left, as far as everything could be looked at."""
        return not (self.left or self.unread or self.sealed)


def forget(settings: Settings, keys: Keys, sort: str, names: Sequence[str]) -> Forgotten:
    """Erases names of clients or addresses (`sort`). Trouble where the daemon runs, or something cannot be written."""
    own = [getattr(keys.names, sort)(name) for name in names]
    former = [one for one in map(former_of, own) if one]
    every = [*map(bytes, own), *former]
    marks = [mark(keys, one) for one in own]
    if keys.former is not None:
        marks += [mark(keys.former, one) for one in former]
    log, opener = audit_path(settings), sealer(settings.outbox.letters_key)
    with only_process(settings.runtime.state):
        audit.append(log, datetime.now(UTC), ACTION, len(names), keys.epoch, {"marks": marks})
        clear(shadow_folder(settings))
        store, shelf = open_store(settings), open_shelf(settings)
        partitions, unread = _taken(settings, keys, store)
        remember(shelf, marks, partitions.offsets())
        partitions.forget(every)
        for partition in partitions.offsets():
            _write_anew(partition, partitions, store)
        outbox, cleared = outbox_path(settings), Erased(0, 0, 0, 0)
        if outbox.exists():
            cleared = erase(outbox, [text(one) for one in every], names, opener)
        files, size, left = search(_everything(settings, shelf), every)
        proof = {"files": files, "left": len(left), "unread": len(unread), "sealed": cleared.sealed}
        audit.append(log, datetime.now(UTC), SEARCHED, len(names), keys.epoch, {"marks": marks, **proof})
    done = len(partitions.offsets())
    return Forgotten(
        done, cleared.deleted, cleared.changed, cleared.letters, files, size, left, tuple(unread), cleared.sealed
    )


def load(settings: Settings, keys: Keys) -> Erasures:
    """The erasures that the daemon has to honour; Trouble where they cannot be read."""
    return Erasures(keys, listed(open_shelf(settings)))


def search(content: Iterable[tuple[str, bytes]], pseudonyms: Sequence[bytes]) -> tuple[int, int, tuple[str, ...]]:
    """Look through files (their places, and what is in them) for pseudonyms as bytes, as texts and as the 64-bit keys
    that are made of them: how many files and bytes were looked at, and the files in which one is."""
    traces = [trace for name in pseudonyms for trace in traces_of(name)]
    files, size, left = 0, 0, []
    for place, found in content:
        files, size = files + 1, size + len(found)
        if any(trace in found for trace in traces):
            left.append(place)
    return files, size, tuple(left)


def in_folders(folders: Iterable[Path]) -> Iterator[tuple[str, bytes]]:
    """All files below these folders."""
    for file in sorted({file for folder in folders for file in folder.rglob("*") if file.is_file()}):
        yield str(file), file.read_bytes()


def traces_of(name: bytes) -> Iterator[bytes]:
    """In which forms a pseudonym stands in files."""
    yield name[:8]  # of the name, and of the key that is its first 64 bits
    yield name.hex().encode()
    yield text(name).encode()
    yield str(int.from_bytes(name[:8], "little")).encode()


def _everything(settings: Settings, shelf: Shelf) -> Iterator[tuple[str, bytes]]:
    """All files of the state folder and of the snapshots, wherever those are."""
    if settings.runtime.bucket is None:
        yield from in_folders([settings.runtime.state, snapshots_path(settings)])
        return
    yield from in_folders([settings.runtime.state])
    for name in sorted(shelf.names("")):
        yield shelf.place(name), shelf.read(name)


def _write_anew(partition: Partition, partitions: Partitions, store: Generations) -> None:
    """Save the partition as a whole, and remove every generation before."""
    try:
        partitions.save(partition)
        if partition in partitions.saved(wait=True):
            store.purge(partition)
            return
        reason = "the snapshot cannot be written"
    except OSError as problem:
        reason = str(problem.strerror)
    mend = "mend it, and run the command again: what is erased already stays so"
    raise Trouble(what=f"{partition} is not erased: {reason}", where="snapshots", mend=mend)


def _taken(settings: Settings, keys: Keys, store: Generations) -> tuple[Partitions, list[str]]:
    """Every partition of which there is a snapshot, with the state that the daemon would go on from; and those whose
    state cannot be read."""
    known = load_all(settings.engine, keys)
    partitions = Partitions(
        engine_maker(settings, keys, known),
        store,
        time.monotonic,
        Metrics(),
        config_hash=config_hash(settings, digests(known)),
        key_epoch=key_name(keys),
        former_epoch=None if keys.former is None else key_name(keys.former),
    )
    kept = store.partitions()
    for partition in kept:
        partitions.take(partition)
    return partitions, [str(one) for one in kept if one not in partitions.offsets()]

"""Generations of snapshots on a shelf: who may write the next one, what it builds on, and which ones are kept.

A name is `TOPIC-NUMBER.TERM-GENERATION-BASE.snapshot`. Whoever takes a partition begins a new term, by putting down a
claim of the next number; from then on the owner of an older term saves nothing, and if it was writing just then, its
snapshot stands behind all of the new term. A whole snapshot is its own base; a partial one builds on all from its base
to itself, each of which holds the digest of the one before (decision 0017).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from itertools import count, groupby
from typing import Any, Final
from urllib.parse import quote, unquote

from monitor.record.raw import Partition
from monitor.runtime import framed, sealed
from monitor.runtime.shelf import Shelf
from monitor.runtime.snapshots import Arrays, FencedError, Refused, Snapshot

VERSION: Final = 2
GENERATIONS: Final = 3  # of each partition that are kept, unless told otherwise
CHAIN: Final = 32  # partial snapshots after a whole one, at most
GLANCE: Final = 1 << 18  # bytes in which most headers end

_MAGIC: Final = b"probewatch snapshot 2\n"
_MAGIC_1: Final = b"probewatch snapshot\n"
_NAME: Final = "a snapshot"
_SUFFIX: Final = ".snapshot"
_FORM: Final = re.compile(r"(?:(\d{6})-(\d{9})-(\d{9})|(\d{9}))")  # one of version 1 has a generation alone
_NEEDED: Final = {"topic": str, "partition": int, "next_offset": int, "config_hash": str, "key_epoch": str}


@dataclass(frozen=True, slots=True, order=True)
class Generation:
    """One snapshot by its name: newer ones are greater."""

    term: int
    number: int
    base: int
    name: str

    @property
    def chain(self) -> tuple[int, int]:
        """The whole snapshot that it builds on."""
        return self.term, self.base


@dataclass(slots=True)
class _Term:
    """A partition that is ours: our term, the number of its newest snapshot, and the chain that goes on from there
    (base 0: none does): the bytes of its whole snapshot, those of the changes since, and the digest of the last."""

    term: int
    number: int
    base: int = 0
    whole: int = 0
    changed: int = 0
    digest: str = ""


class Generations:
    """A store of snapshots on a shelf. The last `keep` of each partition are kept, those that they build on, and the
    newest one that shares nothing with them."""

    def __init__(self, shelf: Shelf, keep: int = GENERATIONS) -> None:
        self._shelf, self._keep = shelf, keep
        self._terms: dict[Partition, _Term] = {}

    def take(self, partition: Partition) -> None:
        """Begins a new term; OSError where the shelf takes nothing."""
        stem = _stem(partition)
        kept = self._kept(stem)
        number = max((one.number for one in kept), default=0)
        note = [memoryview(f"{os.uname().nodename} {os.getpid()}\n".encode())]
        for term in count(1 + max([self._claimed(stem), *(one.term for one in kept)])):
            try:
                self._shelf.put(_claim(stem, term), note)
            except FileExistsError:
                continue
            self._terms[partition] = _Term(term, number)
            return

    def follows(self, partition: Partition) -> bool:
        """Whether a partial snapshot can be saved: changes have not come to as much as the whole."""
        own = self._terms.get(partition)
        return own is not None and own.base > 0 and own.changed < own.whole and own.number - own.base < CHAIN

    def save(self, snapshot: Snapshot) -> None:
        """Keeps it as the newest generation. After a failure the next one has to be whole."""
        stem = _stem(snapshot.partition)
        if snapshot.partition not in self._terms:
            self.take(snapshot.partition)
        own = self._terms[snapshot.partition]
        base, before, own.base = own.base if snapshot.partial else own.number + 1, own.digest, 0
        if base == 0:
            raise ValueError("a partial snapshot needs one before it")
        self._look_for_others(stem, own)
        digest, pieces = framed.pieces(_MAGIC, _header(snapshot, before), snapshot.arrays)
        size = sum(map(len, pieces))
        own.number += 1  # also after a failure, of which nobody knows how far it came
        name = f"{stem}.{own.term:06d}-{own.number:09d}-{base:09d}{_SUFFIX}"
        try:
            self._shelf.put(name, pieces)
        except FileExistsError as problem:
            raise FencedError(problem.errno, "the snapshot is there already; another process writes it") from None
        self._look_for_others(stem, own)
        whole, changed = (own.whole, own.changed + size) if snapshot.partial else (size, 0)
        own.base, own.whole, own.changed, own.digest = base, whole, changed, digest
        self._tidy(stem, own)

    def load(self, partition: Partition, *key_epochs: str) -> Iterator[Snapshot | Refused]:
        """The generations of that partition, newest first; each whole and checked, or refused with the reason."""
        kept = self._kept(_stem(partition))
        for one in kept:
            place, offset = self._shelf.place(one.name), None
            try:
                content = self._shelf.read(one.name)
                header, arrays = _opened(content)
                offset = header["next_offset"]
                _check(header, partition, key_epochs)
                if isinstance(arrays, int):
                    arrays = framed.body(content, header, arrays)
                yield self._whole(one, kept, header, arrays, partition, place)
            except (OSError, ValueError) as problem:
                reason = problem.strerror if isinstance(problem, OSError) else str(problem)
                yield Refused(place, str(reason), offset)

    def latest(self) -> Iterator[tuple[str, float, Mapping[str, Any]]]:
        """The newest snapshot of each partition: where it lies, when it was written, and its header."""
        found = [one for one in map(_parsed, self._shelf.names("")) if one is not None]
        for _, own in groupby(sorted(found, key=lambda one: (stem_of(one.name), one)), lambda one: stem_of(one.name)):
            name = list(own)[-1].name
            try:
                content = self._shelf.read(name, GLANCE)
                if b"\n" not in content[len(_MAGIC) + framed.DIGEST :]:
                    content = self._shelf.read(name)
                yield self._shelf.place(name), self._shelf.written(name), _opened(content, peek=True)[0]
            except (OSError, ValueError):
                continue

    def partitions(self) -> list[Partition]:
        """All partitions of which something is kept, whether or not it can be read."""
        stems = {stem_of(name) for name in self._shelf.names("") if _parsed(name) is not None}
        halves = [stem.rpartition("-") for stem in sorted(stems)]
        return [Partition(unquote(topic), int(number)) for topic, _, number in halves if number.isdigit()]

    def purge(self, partition: Partition) -> None:
        """Removes all generations but the newest, whoever wrote them. ValueError where that one builds on others,
        OSError where something cannot be removed."""
        newest, *others = self._kept(_stem(partition))
        if newest.base != newest.number:
            raise ValueError("the newest snapshot builds on others")
        for one in others:
            self._shelf.remove(one.name)

    def _whole(
        self,
        one: Generation,
        kept: list[Generation],
        header: Mapping[str, Any],
        arrays: Arrays,
        partition: Partition,
        place: str,
    ) -> Snapshot:
        """The snapshot with all that it builds on; ValueError where something of that is missing or not whole."""
        chain = [arrays]
        by_number = {other.number: other for other in kept if other.chain == one.chain}
        before = header["before"]
        for number in range(one.number - 1, one.base - 1, -1):
            if number not in by_number:
                raise ValueError(f"generation {number}, on which it builds, is missing")
            content = self._shelf.read(by_number[number].name)
            digest, older, at = framed.head(content, _MAGIC, _NAME)
            if digest != before:
                raise ValueError(f"generation {number} is not the one on which it builds")
            chain.append(framed.body(content, older, at))
            before = older["before"]
        whole, *changes = reversed(chain)
        migrated = "" if header["version"] == VERSION else f"read from a file of version {header['version']}"
        return Snapshot(
            partition,
            header["next_offset"],
            header["config_hash"],
            header["key_epoch"],
            whole,
            header.get("standings", ()),
            changes=changes,
            program=header.get("program", ""),
            migrated=migrated,
            place=place,
        )

    def _look_for_others(self, stem: str, own: _Term) -> None:
        if self._claimed(stem) > own.term:
            raise FencedError(None, "another process has taken the partition over")

    def _claimed(self, stem: str) -> int:
        """The newest term that somebody has claimed; 0 where nobody has."""
        return max(self._claims(stem), default=0)

    def _claims(self, stem: str) -> list[int]:
        prefix = _claim(stem, None)
        numbers = [name.removeprefix(prefix) for name in self._shelf.names(prefix)]
        return [int(number) for number in numbers if number.isdigit()]

    def _kept(self, stem: str) -> list[Generation]:
        """The generations, newest first."""
        found = [_parsed(name) for name in self._shelf.names(f"{stem}.") if stem_of(name) == stem]
        return sorted((one for one in found if one is not None), reverse=True)

    def _tidy(self, stem: str, own: _Term) -> None:
        """Remove what nobody needs any more; never what is of a later term. What cannot be removed is left."""
        kept = [one for one in self._kept(stem) if one.term <= own.term]
        wanted = kept[: self._keep]
        wanted += [one for one in kept if one.chain != kept[0].chain][:1]
        chains = {one.chain: max(other.number for other in wanted if other.chain == one.chain) for one in wanted}
        useless = [one.name for one in kept if one.number > chains.get(one.chain, 0)]
        useless += [_claim(stem, term) for term in self._claims(stem) if term < own.term]
        for name in useless:
            try:
                self._shelf.remove(name)
            except OSError:
                return


def _stem(partition: Partition) -> str:
    """A name that no topic can break out of, and that no two partitions share."""
    return f"{quote(partition.topic, safe='')}-{partition.number}"


def stem_of(name: str) -> str:
    """The partition's part of a name; a name that is no snapshot's is one as a whole."""
    return name.removesuffix(_SUFFIX).rpartition(".")[0] if name.endswith(_SUFFIX) else name


def _claim(stem: str, term: int | None) -> str:
    return f"claim-{stem}." + ("" if term is None else f"{term:06d}")


def _parsed(name: str) -> Generation | None:
    """The generation of that name; None where it is something else."""
    form = _FORM.fullmatch(name.removesuffix(_SUFFIX).rpartition(".")[2]) if name.endswith(_SUFFIX) else None
    if form is None:
        return None
    if form[4]:
        return Generation(0, int(form[4]), int(form[4]), name)
    return Generation(int(form[1]), int(form[2]), int(form[3]), name)


def _header(snapshot: Snapshot, before: str) -> dict[str, Any]:
    return {
        "version": VERSION,
        "program": program(),
        "topic": snapshot.partition.topic,
        "partition": snapshot.partition.number,
        "next_offset": snapshot.next_offset,
        "config_hash": snapshot.config_hash,
        "key_epoch": snapshot.key_epoch,
        "before": before if snapshot.partial else "",
        "standings": snapshot.standings,
    }


def program() -> str:
    """The version of this program."""
    try:
        return version("probewatch")
    except PackageNotFoundError:
        return "unknown"


def _opened(content: bytes, peek: bool = False) -> tuple[dict[str, Any], Arrays | int]:
    """The header, and where the arrays begin; of version 1 the arrays, of which nothing is read to `peek`."""
    if content.startswith(_MAGIC_1):
        if peek:
            line = content[len(_MAGIC_1) + sealed.DIGEST :].partition(b"\n")[0]
            return framed.parsed(line), 0
        header, arrays = sealed.read(content, _MAGIC_1, _NAME)
        return _complete(header | {"before": ""}), arrays
    _, header, at = framed.head(content, _MAGIC, _NAME)
    return _complete(header), at


def _complete(header: dict[str, Any]) -> dict[str, Any]:
    if any(type(header.get(key)) is not kind for key, kind in _NEEDED.items()):
        raise ValueError("its header is incomplete")
    return header


def _check(header: Mapping[str, Any], partition: Partition, key_epochs: Sequence[str]) -> None:
    """ValueError with the reason where it is of no use to us."""
    if header["version"] not in (1, VERSION):
        raise ValueError(f"version {header['version']}, and this program reads versions 1 to {VERSION}")
    if (header["topic"], header["partition"]) != (partition.topic, partition.number):
        raise ValueError(f"of another partition, {header['topic']}-{header['partition']}")
    if header["key_epoch"] not in key_epochs:
        raise ValueError(f"made with key {header['key_epoch']}, and the key is now {key_epochs[0]}")

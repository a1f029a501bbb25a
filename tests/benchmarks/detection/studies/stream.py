"""Scenes taken apart: the queries of chosen clients, at other times, under other names, fed to an engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

import numpy as np
from hearing import TRIED, Client
from numpy.typing import NDArray
from owner import name_of
from playing import PARTITION, truth

from detectors.sketch.queries import Queries
from monitor.alerts.finding import Finding
from monitor.engine.partition import PartitionEngine
from monitor.record.decode import Decoder
from monitor.record.pseudonyms import Pseudonyms, text
from monitor.record.raw import RawBatch
from monitor.runtime.keys import OPEN_KEYS
from monitor.runtime.replay import Tally, batches

CHUNK: Final = 5_000
TABLES: Final = frozenset({"models", "dense", "rows", "text"})  # what all queries share; the rest goes by query

Index = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Scene:
    """A scene: all its queries as one table, its clients by raw name, and where in the table each one's queries lie."""

    name: str
    queries: Queries
    clients: dict[str, Client]
    rows: dict[str, Index]

    def chosen(self, wanted: Callable[[Client], bool]) -> list[str]:
        """The clients that are wanted and have come, in the order of the labels."""
        return [name for name, client in self.clients.items() if wanted(client) and len(self.rows[name])]

    def plain_attackers(self) -> list[str]:
        """Attackers that work alone, hide in no way, were nobody before they attacked, and can be told by content."""
        return [
            name
            for name in self.chosen(
                lambda client: client.sort == "asked" and not client.variant and client.kind != TRIED
            )
            if self.queries.time[self.rows[name][0]] >= self.clients[name].attack_from
        ]

    @property
    def model(self) -> str:
        """The name of the model that is asked most."""
        return self.queries.models[int(np.bincount(self.queries.model).argmax())]


@dataclass(frozen=True, slots=True)
class Act:
    """One client's part in a new stream: queries of the table, each with a time, under a pseudonym."""

    rows: Index
    times: Index
    client: bytes


def scene(log: Path) -> Scene:
    """Decode a scene. OSError where its labels are missing, Trouble where the log cannot be read."""
    parts = list(batches([log], Tally()))
    payloads = [payload for part in parts for payload in part.payloads]
    none = np.full(len(payloads), -1, np.int64)
    batch = RawBatch(PARTITION, payloads, np.arange(len(payloads), dtype=np.int64), none, len(payloads))
    queries = Decoder(OPEN_KEYS).decode(batch).queries
    names, clients = Pseudonyms(OPEN_KEYS.pseudonyms, OPEN_KEYS.epoch), truth(log)
    at: dict[bytes, list[int]] = {}
    for row, client in enumerate(queries.client):
        at.setdefault(client, []).append(row)
    rows = {name: np.array(at.get(names.client(name), ()), np.int64) for name in clients}
    return Scene(name_of(log), queries, clients, rows)


def act(of: Scene, name: str, shift: int = 0, tag: str = "") -> Act:
    """What a client does in its scene, so many microseconds later, under a name of its own."""
    rows = of.rows[name]
    return Act(rows, of.queries.time[rows] + shift, pseudonym(f"{name}\0{tag}"))


def pseudonym(name: str) -> bytes:
    """16 bytes for a client that no scene has."""
    return blake2b(name.encode(), digest_size=16).digest()


def merged(queries: Queries, acts: Sequence[Act]) -> Queries:
    """The queries of all acts in the order of their times; of equal ones the earlier act's first."""
    rows = np.concatenate([one.rows for one in acts])
    times = np.concatenate([one.times for one in acts])
    owner = np.repeat(np.arange(len(acts)), [len(one.rows) for one in acts])
    order = np.argsort(times, kind="stable")
    who = [acts[at].client for at in owner[order].tolist()]
    return replace(
        part(queries, rows[order]), time=times[order], client=who, offset=np.arange(len(order), dtype=np.int64)
    )


def part(queries: Queries, rows: Index) -> Queries:
    """The queries at these rows, in this order."""
    changed: dict[str, Any] = {}
    for each in fields(queries):
        if each.name not in TABLES:
            column = getattr(queries, each.name)
            changed[each.name] = (
                column[rows] if isinstance(column, np.ndarray) else [column[at] for at in rows.tolist()]
            )
    return replace(queries, **changed)


def feed(engine: PartitionEngine, queries: Queries, seen: Callable[[int], None] = lambda _: None) -> list[Finding]:
    """The findings that come of these queries; `seen` is told how many have been fed."""
    found: list[Finding] = []
    for start in range(0, len(queries), CHUNK):
        found += engine.feed(part(queries, np.arange(start, min(len(queries), start + CHUNK))))
        seen(start + CHUNK)
    return found


def firsts(findings: Iterable[Finding], clients: Iterable[bytes], tier: str = "named") -> dict[bytes, Finding]:
    """Of each of these clients that a finding of the tier names, the first revision that does."""
    known = {text(client): client for client in clients}
    first: dict[bytes, Finding] = {}
    for finding in findings:
        for who in finding.members or (finding.client or "",):
            if who in known and finding.tier == tier:
                first.setdefault(known[who], finding)
    return first

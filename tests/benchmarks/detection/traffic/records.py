"""From played clients to native records and labels, in time order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

import numpy as np
import orjson
from numpy.typing import NDArray

from traffic.service import Trace


class Served(Protocol):
    """A world as the log sees it: the model's name, and how a query is written."""

    @property
    def name(self) -> str: ...

    def record(self, one: Any, answer: Any, labels_only: bool) -> dict[str, Any]:
        """`input`, and `output` (answer is None: not answered) and `request` where there are any."""
        ...


@dataclass(frozen=True)
class Identity:
    """Who calls, as the log has it."""

    client: str
    group: str
    address: str
    agent: str


@dataclass
class Played:
    """One client's queries with their times; `models` names the model per query where it is not the scene's own."""

    identity: Identity
    label: dict[str, Any]
    trace: Trace
    stamps: NDArray[np.float64]
    labels_only: bool = False
    models: Sequence[str] = ()
    addresses: Sequence[str] = field(default_factory=tuple)


def _when(stamp: float) -> str:
    return datetime.fromtimestamp(round(stamp, 3), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def merge(games: Sequence[tuple[Served, Sequence[Played]]], seed: int) -> Iterator[bytes]:
    """All queries of all clients of all worlds as lines, ordered by time, with short ids."""
    flat = [
        (stamp, w, p, q)
        for w, (_, cast) in enumerate(games)
        for p, one in enumerate(cast)
        for q, stamp in enumerate(one.stamps)
    ]
    flat.sort(key=lambda row: row[:3])  # equal times of one client keep their order
    latencies = np.random.default_rng([seed, 5]).lognormal(2.2, 0.5, len(flat)).round(1)
    for number, (stamp, w, p, q) in enumerate(flat):
        world, played = games[w][0], games[w][1][p]
        yield _line(world, played, q, float(stamp), f"{number:x}", float(latencies[number]))


def _line(world: Served, played: Played, q: int, stamp: float, name: str, latency: float) -> bytes:
    who, trace = played.identity, played.trace
    record: dict[str, Any] = {
        "id": name,
        "time": _when(stamp),
        "client": {
            "id": who.client,
            "group": who.group,
            "address": played.addresses[q] if played.addresses else who.address,
            "user_agent": who.agent,
        },
        "model": {"name": played.models[q] if played.models else world.name, "version": trace.versions[q]},
        **world.record(trace.inputs[q], trace.answers[q], played.labels_only),
    }
    record["status"] = trace.statuses[q]
    record["latency_ms"] = latency
    return orjson.dumps(record)


def labels(cast: Sequence[Played]) -> dict[str, dict[str, Any]]:
    """The truth about every client by its name; a client that was played in two parts is joined."""
    table: dict[str, dict[str, Any]] = {}
    for played in cast:
        entry = {
            **played.label,
            "queries": len(played.trace),
            "first_time": _when(float(played.stamps[0])),
            "last_time": _when(float(played.stamps[-1])),
        }
        if entry["attack"]:
            entry["attack_from"] = entry["first_time"]
        before = table.get(played.identity.client)
        if before is not None:
            main = max(before, entry, key=lambda one: one["attack"])
            entry = {
                **main,
                "queries": before["queries"] + entry["queries"],
                "first_time": min(before["first_time"], entry["first_time"]),
                "last_time": max(before["last_time"], entry["last_time"]),
            }
        table[played.identity.client] = entry
    return table

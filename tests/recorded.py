"""The recorded day that the demo plays, as queries: real attacks and real honest use, whole or by client."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import zstandard

from detectors.sketch.queries import Queries
from detectors.sketch.rows import RowSketcher
from monitor.config.engine import EngineSettings, ModelSettings
from monitor.engine.bank import Bank
from monitor.engine.partition import Origin, PartitionEngine
from monitor.record.decode import Decoder
from monitor.record.keys import Keys
from monitor.record.raw import Partition, RawBatch

DAY = Path(__file__).parents[1] / "monitor/console/demo/day.ndjson.zst"
KEYS = Keys.derive(bytes(range(32)), "test")
PARTITION = Partition("requests", 3)
SENSITIVE = ("race", "hispanic")

Line = tuple[bytes, dict[str, Any]]


@cache
def day() -> tuple[Line, ...]:
    """The day's records: their bytes, and what stands in them."""
    plain = zstandard.ZstdDecompressor().stream_reader(DAY.read_bytes()).read()
    return tuple((line, json.loads(line)) for line in plain.splitlines())


@cache
def labels() -> dict[str, dict[str, Any]]:
    """What each client of the day was up to."""
    found: dict[str, dict[str, Any]] = json.loads(DAY.with_name("day.labels.json").read_text())
    return found


def client(record: dict[str, Any]) -> str:
    """The raw name of a record's client."""
    who = record["client"]
    return str(who["id"] if isinstance(who, dict) else who)


def model(record: dict[str, Any]) -> str:
    """The name of a record's model."""
    what = record["model"]
    return str(what["name"] if isinstance(what, dict) else what)


def records(keep: Callable[[str, dict[str, Any], dict[str, Any]], bool]) -> list[bytes]:
    """The day's records of which `keep` (client, its label, record) says so, in their order."""
    known = labels()
    return [line for line, record in day() if keep(who := client(record), known[who], record)]


def raw(lines: Sequence[bytes], first: int = 0) -> RawBatch:
    """Records as a source hands them over."""
    offsets = np.arange(first, first + len(lines))
    return RawBatch(PARTITION, lines, offsets, np.full(len(lines), -1), first + len(lines))


def decoded(lines: Sequence[bytes], first: int = 0) -> Queries:
    """Their columns; none may be rejected."""
    found = Decoder(KEYS).decode(raw(lines, first))
    assert not found.rejected
    return found.queries


ORIGIN = Origin("c0", "test")


def engine(bank: Bank | None = None, **settings: Any) -> PartitionEngine:
    """An engine with every detector of the package, which knows the models of the day."""
    return PartitionEngine(PARTITION, engine_settings(**settings), every() if bank is None else bank, ORIGIN)


def engine_settings(**settings: Any) -> EngineSettings:
    known = {name: ModelSettings(sensitive_columns=SENSITIVE) for name in ("hi",)}
    return EngineSettings(known=known, **settings)


@cache
def every() -> Bank:
    """All detectors that pyproject names."""
    import tomllib
    from importlib.metadata import EntryPoint

    from detectors.registry import GROUP, loaded

    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())
    points = [EntryPoint(name, value, GROUP) for name, value in project["project"]["entry-points"][GROUP].items()]
    sketcher = RowSketcher(KEYS.sketches)
    marked = {int(sketcher.sketch([{column: 0.0}])[0].name[0]): column for column in SENSITIVE}
    return Bank([make() for make in loaded(points).values()], {"hi": marked})

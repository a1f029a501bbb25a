"""Replays and explanations leave out what the daemon leaves out, and know nothing of what was tried in vain."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cache, partial
from typing import Any

import numpy as np
import orjson
import pytest
import recorded

from detectors.sketch.queries import Queries
from monitor.config.trouble import Trouble
from monitor.engine.partition import PartitionEngine
from monitor.engine.stream import Judged
from monitor.formats.native import encode
from monitor.record.decode import Decoder
from monitor.record.raw import RawBatch
from monitor.runtime import steady
from monitor.runtime.steady import SteadyEngine

DEADLY = 666.0
CULPRITS = (700, 1_250)
ATTACKS = ("hop-skip-jump", "probe-replay", "tried-key")


class Brittle(PartitionEngine):
    def _flooded(self, queries: Queries, clocks: Any) -> Iterator[Any]:
        if DEADLY in queries.latency_ms:
            raise ZeroDivisionError("alice@example.org")
        yield from super()._flooded(queries, clocks)


def make(engine: type[PartitionEngine], arrays: Any) -> PartitionEngine:
    of = (recorded.PARTITION, recorded.engine_settings(), recorded.every())
    return engine(*of, recorded.ORIGIN) if arrays is None else engine.restore(*of, arrays, recorded.ORIGIN)


class Notes:
    """Counts what it sees, and hears with the time at which it was."""

    def __init__(self) -> None:
        self.queries = 0
        self.blocks: Counter[tuple[str, bytes, int, float]] = Counter()
        self._times = np.zeros(0)

    def look(self, queries: Queries) -> None:
        self.queries += len(queries)
        self._times = queries.time

    def hear(self, model: str, judged: Judged) -> None:
        times = self._times[judged.index].tolist()
        streams = judged.blocks.features["stream"].tolist()
        self.blocks.update(
            (model, client, time, stream) for client, time, stream in zip(judged.clients, times, streams, strict=True)
        )


@cache
def lines() -> list[bytes]:
    def wanted(_: str, label: dict[str, Any], one: dict[str, Any]) -> bool:
        few = label["kind"] in ATTACKS if label["attack"] else label["queries"] <= 100
        return few and recorded.model(one) == "digits"

    return recorded.records(wanted)


def log(blank: bool) -> Iterator[RawBatch]:
    changed = list(lines())
    for at in CULPRITS:
        changed[at] = b"{" if blank else orjson.dumps(orjson.loads(changed[at]) | {"latency_ms": DEADLY})
    yield from (recorded.raw(changed[at : at + 300], at) for at in range(0, len(changed), 300))


def test_what_is_found_and_seen_is_that_of_the_log_without_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steady, "BATCHES", 3)
    found = []
    for blank in (False, True):
        engine = SteadyEngine(partial(make, Brittle), Decoder(recorded.KEYS), Notes())
        aside, findings = [], []
        for batch in log(blank):
            decoded, more = engine.feed(batch)
            aside += [(one.offset, one.reason) for one in decoded.rejected]
            findings += map(encode, more)
        found.append((findings, engine.follower.queries, engine.follower.blocks, engine.engine.stats().queries))
        assert aside == [(at, "not-json" if blank else "engine-failed") for at in CULPRITS]
    assert len(lines()) > 1_300
    assert found[0][0]
    assert found[0] == found[1]


def test_a_failure_of_everything_is_told_with_its_place_and_not_its_words() -> None:
    class Broken(PartitionEngine):
        def feed(self, queries: Queries) -> Any:
            raise TypeError("alice@example.org")

    engine = SteadyEngine(partial(make, Broken), Decoder(recorded.KEYS), Notes())
    with pytest.raises(Trouble, match="the engine fails on whatever it is fed: TypeError") as trouble:
        engine.feed(next(log(blank=True)))
    assert trouble.value.where == "requests-3, from offset 0"
    assert "alice" not in str(trouble.value)

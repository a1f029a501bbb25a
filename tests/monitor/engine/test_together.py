"""Accounts that share no input: known by when they come, or by doing the same thing alone since the same hour."""

from __future__ import annotations

import json
import os
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import recorded
import zstandard
from queries import batches

from detectors.sketch.queries import Queries
from monitor.alerts.finding import Finding
from monitor.engine.partition import PartitionEngine
from monitor.formats.native import encode
from monitor.record.pseudonyms import text

GOLDEN = Path(__file__).parents[2] / "golden"
ACCOUNTS = 4

pytestmark = pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="takes minutes uncompiled")


def log(path: Path) -> list[bytes]:
    return zstandard.ZstdDecompressor().stream_reader(path.read_bytes()).read().splitlines()


def by_lot(lines: list[bytes], seconds: float) -> list[bytes]:
    """The same inputs, dealt to accounts by lot, each account's next one at no time that others know."""
    seats = np.random.default_rng(7).integers(ACCOUNTS, size=len(lines))
    first = datetime.fromisoformat(json.loads(lines[0])["time"])
    trees = [json.loads(line) for line in lines]
    for n, tree in enumerate(trees):
        tree["client"] = f"lot-{seats[n]}"
        tree["time"] = (first + timedelta(seconds=seconds * n)).isoformat()
    return [json.dumps(tree).encode() for tree in trees]


@cache
def scene(name: str) -> Queries:
    own = log(GOLDEN / "extraction" / name / "queries.ndjson.zst")
    lines = [*log(GOLDEN / "base" / "digits.ndjson.zst"), *(by_lot(own, 400) if name == "slow" else own)]
    return recorded.decoded(sorted(lines, key=lambda line: str(json.loads(line)["time"])))


def restored(engine: PartitionEngine) -> PartitionEngine:
    arrays = {name: array.copy() for name, array in engine.dump().items()}
    origin = recorded.Origin("c0", "test")
    return PartitionEngine.restore(recorded.PARTITION, recorded.engine_settings(), recorded.every(), arrays, origin)


@cache
def found(name: str) -> tuple[Finding, ...]:
    return tuple(recorded.engine().feed(scene(name)))


@pytest.mark.parametrize(("name", "members"), [("dealt-slow", 10), ("slow", ACCOUNTS)])
def test_they_are_one_finding_with_all_its_members(name: str, members: int) -> None:
    groups = [finding for finding in found(name) if finding.client is None]
    assert {finding.family for finding in groups} == {"extraction"}
    assert len({finding.finding for finding in groups}) == 1, "pauses of hours open no second one"
    assert len(groups[-1].members) == members


def test_suspects_need_no_time_in_common() -> None:
    engine = recorded.engine()
    engine.feed(scene("slow"))
    (campaigns,) = [view.campaigns for view in engine._views.values()]
    (group,) = [group for group in campaigns.ties.groups.values() if len(group.members) > 2]
    assert set(group.members) <= campaigns.suspected.named()
    named = [finding.client for finding in found("slow") if finding.status == "open" and finding.client]
    assert {text(campaigns.ties.kin[key].name) for key in group.members} == set(named), "each was named alone before"


@pytest.mark.parametrize("name", ["dealt-slow", "slow"])
def test_cuts_and_restarts_do_not_matter(name: str) -> None:
    queries = scene(name)
    cuts = [700, 1_400, *range(len(queries) - 150, len(queries), 11)]
    engine, came = recorded.engine(), []
    for batch in batches(queries, cuts):
        came += [encode(finding) for finding in engine.feed(batch)]
        engine = restored(engine)
    assert came == [encode(finding) for finding in found(name)]

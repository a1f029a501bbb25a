"""Queries in, alerts out, byte for byte. A case is a folder: an attack, a slow attack, an honest look-alike.

A case's log is its scene's ordinary clients and the case's own; where it holds a file `fingerprinted`, the model has
fingerprints of its training records. The name of an attack ends in `attack` or `slow`. After a change that is meant to
move alerts run `pytest tests/test_golden.py --update` and read the diff.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import recorded
import zstandard

from monitor.console.scenarios.form import scenarios
from monitor.console.scenarios.judging import misses, outcomes
from monitor.engine.bank import Bank
from monitor.engine.training import Training
from monitor.formats.native import encode, parse
from monitor.record.limits import Limits
from monitor.runtime.training import Wish, gather

GOLDEN = Path(__file__).parent / "golden"
CASES = sorted(path.parent for path in GOLDEN.glob("*/*/queries.ndjson.zst"))
ATTACKS = {"attack", "slow"}
FURTHER = {"score-only", "score-only-slow", "among-others"}  # attacks that only fingerprints can see
BATCH = 1_000

pytestmark = pytest.mark.skipif(
    os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="uncompiled kernels round the last digit in another way"
)


@cache
def log(path: Path) -> tuple[bytes, ...]:
    """The records of a compressed log."""
    return tuple(zstandard.ZstdDecompressor().stream_reader(path.read_bytes()).read().splitlines())


def time(line: bytes) -> str:
    return str(json.loads(line)["time"])


def merged(case: Path) -> list[bytes]:
    """The case's records among those of its scene's ordinary clients, by time."""
    own = log(case / "queries.ndjson.zst")
    name = recorded.model(json.loads(own[0])).split("-")[0]
    return sorted((*log(GOLDEN / "base" / f"{name}.ndjson.zst"), *own), key=time)


@cache
def fingerprinted(model: str) -> Bank:
    """All detectors, and fingerprints of the training records of that model."""
    path = GOLDEN / "training" / f"{model}.ndjson.zst"
    made = gather(path, model, recorded.KEYS, Limits(), Wish(), lambda _: None).collection.finished()
    bank = recorded.every()
    return Bank(bank.detectors, bank.sensitive, {model: Training(made)})


def bank_of(case: Path) -> Bank:
    """What looks at the case."""
    name = recorded.model(json.loads(log(case / "queries.ndjson.zst")[0]))
    return fingerprinted(name) if (case / "fingerprinted").exists() else recorded.every()


def alerts(lines: list[bytes], bank: Bank | None = None) -> bytes:
    """What the engine says, one revision a line; the program's version is no part of it."""
    engine, found = recorded.engine(bank), []
    for at in range(0, len(lines), BATCH):
        found += engine.feed(recorded.decoded(lines[at : at + BATCH], at))
    plain = [replace(one, lineage=replace(one.lineage, detector_version="")) for one in found]
    return b"".join(encode(one) + b"\n" for one in plain)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}/{case.name}")
def test_golden_alerts(case: Path, update: bool) -> None:
    found = alerts(merged(case), bank_of(case))
    if update:
        (case / "alerts.ndjson").write_bytes(found)
    assert found == (case / "alerts.ndjson").read_bytes()


@pytest.mark.parametrize("file", sorted(GOLDEN.glob("*/scenarios.yaml")), ids=lambda file: file.parent.name)
def test_the_alerts_are_those_that_the_scenarios_expect(file: Path) -> None:
    """`probewatch test` plays these files; here they are held against the alerts that lie beside the queries."""
    played = scenarios(file, None, {})
    own = {case.name: case for case in CASES if case.parent == file.parent}
    assert {one.test.name.split()[-1] for one in played} == set(own)
    for one in played:
        case = own[one.test.name.split()[-1]]
        assert case / "queries.ndjson.zst" in {part.log for part in one.traffic}
        assert bool(one.training) == (case / "fingerprinted").exists()
        found = outcomes(parse(line) for line in (case / "alerts.ndjson").read_bytes().splitlines())
        assert misses(one.test, found, recorded.KEYS.names, 0) == []


def families(alert: dict[str, Any]) -> set[str]:
    """The family that is named, and those of a group's further evidence."""
    return {alert["family"]} | {piece["family"] for piece in alert["evidence"] if alert.get("members")}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}/{case.name}")
def test_attacks_are_named_and_look_alikes_are_not(case: Path) -> None:
    """Holds for the alerts as they lie there: an update must not turn an attack into silence."""
    lines = (case / "alerts.ndjson").read_bytes().splitlines()
    if case.name.split("-")[-1] not in ATTACKS and case.name not in FURTHER:
        assert not lines
        return
    named = [one for one in map(json.loads, lines) if case.parent.name in families(one)]
    assert named
    if case.parent.name == "campaign":  # the attack that is dealt out leads, and its accounts are named
        assert max(len(one["members"]) for one in named) >= 5


@pytest.mark.parametrize("base", sorted((GOLDEN / "base").iterdir()), ids=lambda base: base.name.split(".")[0])
def test_ordinary_clients_alone_raise_nothing(base: Path) -> None:
    assert alerts(list(log(base))) == b""
    if (GOLDEN / "training" / base.name).exists():
        assert alerts(list(log(base)), fingerprinted(base.name.split(".")[0])) == b""


@pytest.mark.parametrize("name", ["membership-inference/score-only", "membership-inference/score-only-slow"])
def test_without_fingerprints_score_only_has_no_name(name: str) -> None:
    found = alerts(merged(GOLDEN / name))
    assert "membership-inference" not in {json.loads(line)["family"] for line in found.splitlines()}


def test_without_fingerprints_an_audit_of_a_marked_column_looks_like_the_attack() -> None:
    found = alerts(merged(GOLDEN / "attribute-inference" / "audit"))
    assert {json.loads(line)["family"] for line in found.splitlines()} == {"attribute-inference"}


def test_every_family_has_its_cases() -> None:
    families = {case.parent.name for case in CASES}
    for family in families:
        names = {case.name for case in CASES if case.parent.name == family}
        assert names - FURTHER > ATTACKS, f"{family} needs an attack, a slow attack and a look-alike"

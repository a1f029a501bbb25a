"""The benchmarks on tiny loads, so that they cannot rot. Nothing here looks at a clock."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import bench
import memory
import numpy as np
import orjson
import pytest
import speed
import zstandard
from contenders import Load, floor, product
from findings import finding
from load import records, write_file
from paper import render
from printed import share
from scorecard import Client, card, clients_of, hold

RECORDS = 600


def sweeper(at: int) -> bytes:
    """One record of a client that sweeps a sensitive column, beside people who ask a few times."""
    rng, attack = np.random.default_rng(at), at % 2 == 0
    races = ("white", "black", "other")
    row: dict[str, int | str] = {
        "income": at // 6 if attack else int(rng.integers(999)),
        "age": at // 6 if attack else int(rng.integers(99)),
    }
    row |= {"race": races[at // 2 % 3] if attack else str(rng.choice(races)), "hispanic": "no"}
    return orjson.dumps(
        {
            "client": "sweeper" if attack else f"person-{at % 61}",
            "model": "hi",
            "time": 1_790_000_000_000 + at * 1_000,
            "input": {"columns": row},
            "output": {"probabilities": {"yes": 0.4, "no": 0.6}},
        }
    )


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    log = tmp_path / "tiny.ndjson.zst"
    log.write_bytes(zstandard.compress(b"".join(sweeper(at) + b"\n" for at in range(RECORDS))))
    person = {"kind": "user", "family": None, "attack": False, "unseen": False, "variant": ""}
    attacker = {"kind": "sweep", "family": "attribute-inference", "attack": True, "unseen": True, "variant": ""}
    labels = {f"person-{number}": person for number in range(61)} | {"sweeper": attacker}
    (tmp_path / "tiny.labels.json").write_bytes(orjson.dumps(labels))
    return log


def test_detection_finds_a_sweep_and_saves_its_tables(scene: Path, tmp_path: Path) -> None:
    bench.main([str(scene), "--save", str(tmp_path / "out")])
    tree = json.loads((tmp_path / "out" / "detection-tiny.json").read_bytes())
    assert [(row["name"], row["clients"], row["right"]) for row in tree["attacks"]] == [
        (["attribute-inference", "sweep", "asked"], 1, 1)
    ]
    assert [(row["clients"], row["found"]) for row in tree["honest"]] == [(61, 0)]
    assert "100.0 % (1 of 1)" in (tmp_path / "out" / "detection-tiny.md").read_text(encoding="utf-8")


def test_detection_says_which_scene_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        bench.main([str(tmp_path / "none.ndjson.zst")])
    assert "no such scene" in capsys.readouterr().err


def honest(kind: str = "user") -> Client:
    return Client(kind, None, False, False, "", "", 0)


def attacker(kind: str, family: str, *, since: int = 0, variant: str = "", campaign: str = "") -> Client:
    return Client(kind, family, True, True, variant, campaign, since)


def test_tried_keys_speak_for_whoever_tried_them() -> None:
    clients = {
        "thief": attacker("key-spray", "access", since=900, campaign="thief"),
        "k1": attacker("tried-key", "access", since=100, campaign="thief"),
    }
    early = hold([finding(family="access", members=("k1",), raised_at=200, updated_at=200)], clients, str)
    rows = card("", clients.values(), early).attacks
    assert (early, [(row.clients, row.found, row.right) for row in rows]) == (0, [(1, 1, 1)])


def test_a_finding_before_the_attack_is_no_success() -> None:
    clients = {"a": attacker("nes", "evasion", since=900)}
    early = hold([finding(client="a", family="evasion", updated_at=200)], clients, str)
    assert (early, clients["a"].first) == (1, None)


def test_revisions_count_once_and_the_first_finding_counts_for_speed() -> None:
    clients = {"a": attacker("nes", "evasion"), "b": honest()}
    first = finding(client="a", family="inversion", queries=40, revision=1)
    second = finding(client="a", family="evasion", queries=300, episode=2)
    novel = finding(client="b", family="novelty", tier="novelty")
    hold([first, replace(first, revision=2), second, novel], clients, str)
    told = card("", clients.values(), 0)
    (row,) = told.attacks
    assert (row.found, row.right, row.within_100, row.right_within_200, row.middle) == (1, 1, 1, 0, 40)
    assert [(row.found, row.novel) for row in told.honest] == [(0, 1)]


def test_limits_and_what_is_not_built_stay_out_of_the_headline() -> None:
    clients = [attacker("knockoff", "extraction"), attacker("fishing", "llm-leakage"), attacker("nes", "evasion")]
    text = render(card("All", clients, 0))
    assert "found within 200 queries: **0.0 % (0 of 1)**" in text
    assert "honest limit: 0.0 % (0 of 1) found" in text
    assert "not built yet: 0.0 % (0 of 1) found" in text


def test_a_group_is_found_when_a_member_is() -> None:
    group = {name: attacker("nes", "evasion", variant="group-of-5", campaign="a") for name in "abc"}
    hold([finding(client="b", family="evasion", queries=20)], group, str)
    told = card("", group.values(), 0)
    assert [(row.clients, row.found) for row in told.variants] == [(3, 1)]
    assert [(row.clients, row.found) for row in told.groups] == [(1, 1)]


def test_labels_are_read_as_the_scenes_write_them() -> None:
    label = {"kind": "nes", "family": "evasion", "attack": True, "unseen": True, "variant": "slow"}
    client = clients_of({"a": {**label, "attack_from": "2026-03-04T08:02:14.696Z", "queries": 3}})["a"]
    assert (client.attack_from, client.sort, client.campaign) == (1_772_611_334_696_000, "asked", "")


def test_shares_of_nothing() -> None:
    assert (share(1, 3), share(0, 0)) == ("33.3 % (1 of 3)", "none there")


def test_speed_reads_every_record_once_and_sums_its_stages(tmp_path: Path) -> None:
    load = Load(5_000, tmp_path / "load.ndjson.zst")
    write_file(load.file, load.records)
    runs = {"floor-file": [floor("floor-file", load)], "product-file": [product("product-file", load)]}
    staged = product(speed.STAGES, load)
    text = speed.report(load, runs, staged)
    speed.save(tmp_path / "out", text, runs, staged)
    assert "product-file" in text
    assert {"JSON", "kernel", "sketch", "snapshot and commit"} <= staged.stages.keys()
    assert (tmp_path / "out" / "speed.json").is_file()


def test_the_load_is_as_large_as_it_says() -> None:
    sizes = [len(record) for _, record in records(200)]
    assert 650 < sum(sizes) / len(sizes) < 750


@pytest.mark.parametrize("kind", ["dense", "rows"])
def test_memory_accounts_for_every_array(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    memory.main(["--clients", "60", "--mean", "12", "--kind", kind, "--save", str(tmp_path)])
    tree = json.loads((tmp_path / f"memory-{kind}.json").read_bytes())
    assert tree["clients"] == 60
    assert tree["queries"] == int(memory.volumes(60, 12.0).sum())
    assert tree["arrays"]["entries"] > 0
    assert 0 < tree["full"] <= memory.CLIENT_BARS[kind]
    assert tree["snapshot_bytes"] > 0
    assert "bytes a client" in capsys.readouterr().out

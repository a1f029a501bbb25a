"""The benchmarks on tiny loads, so that they cannot rot. Nothing here looks at a clock."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import bench
import budgets
import numpy as np
import orjson
import pytest
import zstandard
from bars import Elsewhere, sheet
from findings import finding
from hearing import LIMITS, Client, clients_of, hold
from intervals import Share
from opponents import duels, rivals
from owner import SENSITIVE, fingerprinted
from paper import render
from playing import Played, play, side_by_side, truth
from printed import share
from scorecard import Card, card

from monitor.alerts.finding import Finding

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
    bench.main([str(scene), "--save", str(tmp_path / "out"), "--results", str(tmp_path)])
    tree = json.loads((tmp_path / "out" / "detection-tiny.json").read_bytes())
    assert [(row["name"], row["clients"], row["right"]) for row in tree["attacks"]] == [
        (["attribute-inference", "sweep", "asked"], 1, 1)
    ]
    assert [(row["clients"], row["named"], row["days"]) for row in tree["honest"]] == [(61, 0, 61)]
    assert [cost["bytes_a_client"] > 0 for cost in tree["costs"]] == [True]
    assert "100 % (21–100)" in (tmp_path / "out" / "detection-tiny.md").read_text(encoding="utf-8")


def test_fingerprints_of_the_training_records_are_loaded_where_they_lie_beside_a_scene(scene: Path) -> None:
    labels = orjson.loads(scene.with_name("tiny.labels.json").read_bytes())
    labels["sweeper"] |= {"kind": "score-only", "limit": True}
    scene.with_name("tiny.labels.json").write_bytes(orjson.dumps(labels))
    (scene.parent / "hi-tiny.labels.json").write_bytes(orjson.dumps(labels))
    log = scene.rename(scene.parent / "hi-tiny.ndjson.zst")
    assert fingerprinted(log, scene.parent) == SENSITIVE
    assert truth(log)["sweeper"].sort == "limit"
    lines = (orjson.loads(sweeper(at)) for at in range(0, 40, 2))
    records = [orjson.dumps({"model": "hi", "input": line["input"]}) + b"\n" for line in lines]
    (scene.parent / "hi-tiny.training.ndjson.zst").write_bytes(zstandard.compress(b"".join(records)))
    path = fingerprinted(log, scene.parent)["hi"].fingerprints
    assert path is not None
    assert path.stat().st_size > 0
    assert (truth(log)["sweeper"].sort, truth(log, fingerprints=False)["sweeper"].sort) == ("asked", "limit")
    assert play(log).clients["sweeper"].first is not None


def test_scenes_side_by_side_give_what_they_give_alone(scene: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.ndjson.zst"
    again.write_bytes(scene.read_bytes())
    again.with_name("again.labels.json").write_bytes(scene.with_name("tiny.labels.json").read_bytes())
    alone = [play(log) for log in (scene, again)]
    together = side_by_side(play, [scene, again], 2, True)
    assert [one.scene for one in together] == ["tiny", "again"]
    assert [{name: client.said for name, client in one.clients.items()} for one in together] == [
        {name: client.said for name, client in one.clients.items()} for one in alone
    ]


def test_budgets_are_held_against_what_comes(scene: Path, tmp_path: Path) -> None:
    bench.main([str(scene), "--budgets", "--save", str(tmp_path)])
    tree = json.loads((tmp_path / "budgets.json").read_bytes())
    came = budgets.restored(tree)
    assert [one.budget for one in came] == list(budgets.BUDGETS)
    assert [(one.found.part, one.rate("named").events) for one in came] == [(1, 0)] * 5
    assert tree["promise"][0] is True  # of 61 clients none is named: nothing speaks against any budget
    bench.main([str(scene), "--save", str(tmp_path), "--results", str(tmp_path)])
    page = tmp_path / "detection-tiny.md"
    assert "10 of 10 budgets" in page.read_text(encoding="utf-8")
    (tmp_path / "raw-inputs.json").write_bytes(orjson.dumps({"points": 1.5}))
    bench.main([str(scene), "--again", str(tmp_path), "--save", str(tmp_path / "more"), "--results", str(tmp_path)])
    again = (tmp_path / "more" / "detection-tiny.md").read_text(encoding="utf-8")
    old, new = ("| at most 2 points of detection that sketching costs | ", "not measured"), ("1.5", "MET")
    assert again == page.read_text(encoding="utf-8").replace(f"{old[0]} | {old[1]}", f"{old[0]}{new[0]} | {new[1]}")


def test_keys_that_were_tried_are_no_attackers_of_their_own_at_any_budget() -> None:
    label = {"family": "access", "attack": True, "unseen": True, "variant": "", "attack_from": "2026-03-04T09:00:00Z"}
    clients = clients_of({"t": {**label, "kind": "key-spray"}, "k1": {**label, "kind": "tried-key", "campaign": "t"}})
    played = [Played("tiny", clients, hold([], clients, str), 0, 0) for _ in budgets.BUDGETS]
    assert [one.found.whole for one in budgets.delivered([played])] == [1] * len(budgets.BUDGETS)


def test_a_promise_is_broken_where_more_come_than_chance_allows() -> None:
    row = budgets.Honest(("known",), 1000, 1000, 30, 0, 30, 0)
    one = budgets.Delivered(3.0, [], [row], Share(0, 0))
    assert (one.kept("named"), one.kept("novelty"), one.rate("named", "unseen").days) == (False, True, 0)
    assert budgets.promise([one]) == (False, "1 of 2 budgets; not: named 3 delivered 30.0 (20.2–42.8)")


def test_detection_says_which_scene_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        bench.main([str(tmp_path / "none.ndjson.zst")])
    assert "no such scene" in capsys.readouterr().err


def honest(kind: str = "user", *, unseen: bool = False) -> Client:
    return Client(kind, None, False, unseen)


def attacker(kind: str, family: str, *, since: int = 0, variant: str = "", campaign: str = "") -> Client:
    return Client(kind, family, True, True, variant, campaign, since, limit=kind in LIMITS)


def told(clients: dict[str, Client], *findings: Finding) -> Card:
    """The scorecard of clients of whom this was said."""
    return card("", [Played("tiny", clients, hold(findings, clients, str), 0, 0)])


def test_tried_keys_speak_for_whoever_tried_them() -> None:
    access = {"kind": "key-spray", "family": "access", "attack": True, "unseen": True, "variant": "", "campaign": "t"}
    clients = clients_of(
        {
            "t": {**access, "attack_from": "2026-03-04T09:00:00Z"},
            "k1": {**access, "kind": "tried-key", "attack_from": "2026-03-04T08:00:00Z"},
        }
    )
    at = clients["k1"].attack_from + 5_000_000
    rows = told(clients, finding(family="access", members=("k1",), raised_at=at, updated_at=at))
    assert [(row.clients, row.found, row.right, row.seconds) for row in rows.attacks] == [(1, 1, 1, (5.0, 5.0))]
    assert rows.early == 0


def test_a_finding_before_the_attack_is_no_success() -> None:
    clients = {"a": attacker("nes", "evasion", since=900)}
    rows = told(clients, finding(client="a", family="evasion", updated_at=200))
    assert (rows.early, clients["a"].first) == (1, None)


def test_revisions_count_once_and_the_first_finding_counts_for_speed() -> None:
    clients = {"a": attacker("nes", "evasion"), "b": honest()}
    clients["b"].times = np.arange(3) * 86_400_000_000
    first = finding(client="a", family="inversion", queries=40, revision=1, updated_at=100)
    second = finding(client="a", family="evasion", queries=300, episode=2, updated_at=900)
    novel = finding(client="b", family="novelty", tier="novelty")
    rows = told(clients, first, replace(first, revision=2, updated_at=500), second, novel, replace(novel, revision=2))
    (row,) = rows.attacks
    assert (row.found, row.right, row.right_at_once, row.within_100, row.queries) == (1, 1, 0, 1, (40, 40))
    assert [(row.named, row.novel, row.novel_findings, row.days) for row in rows.honest] == [(0, 1, 1, 3)]
    assert rows.honest[0].novel_rate.value == pytest.approx(1000 / 3)


def test_queries_and_seconds_count_from_the_first_query_of_the_attack() -> None:
    client = attacker("volume-burst", "cost", since=10_000_000)
    client.times = np.arange(20) * 1_000_000
    client.reached = ((2, 0.5), (4, 0.75), (9, 0.9))
    client.goal = "share of the model"
    rows = told({"a": client}, finding(client="a", family="cost", queries=17, updated_at=15_500_000))
    (row,) = rows.attacks
    assert (row.queries, row.seconds) == ((6, 6), (5.5, 5.5))
    assert (row.goal, row.reached, row.reached_at_last) == ("share of the model", 0.75, 0.9)
    assert "| 0.75 (0.9) |" in render(rows)
    assert "cost: share of the model" in render(rows)


def test_who_had_reached_nothing_counts_as_the_one_who_had_least() -> None:
    near, far, none = (attacker("nes", "evasion") for _ in range(3))
    near.reached, far.reached = ((5, 0.9), (40, 0.2)), ((5, 0.8), (40, 0.4))
    for client in (near, far, none):
        client.goal = "distance"
    (row,) = told({"a": near, "b": far}, finding(client="a", family="evasion", queries=10, updated_at=9)).attacks
    assert (row.reached, row.reached_at_last) == (0.9, 0.4)
    assert told({"a": near, "b": none, "c": none}).attacks[0].reached_at_last is None


def test_a_finding_with_members_is_one_finding_and_names_each() -> None:
    clients = {name: honest("load-test", unseen=True) for name in "abc"} | {
        "d": attacker("foreign-corpus", "extraction")
    }
    for client in clients.values():
        client.times = np.array([1, 2, 3])
    one = finding(tier="novelty", family="novelty", members=("a", "b"), updated_at=2)
    rows = told(clients, one, replace(one, revision=2, members=("a", "b", "c", "d"), updated_at=3))
    (row,) = rows.honest
    assert (row.clients, row.novel, row.novel_findings, row.named) == (3, 3, 1, 0)
    assert [(row.found, row.novel) for row in rows.attacks] == [(0, 1)]


def group(size: int) -> dict[str, Client]:
    clients = {f"m{at}": attacker("nes", "evasion", variant=f"group-of-{size}", campaign="m0") for at in range(size)}
    for at, client in enumerate(clients.values()):
        client.times = np.arange(at, 100, size)
    return clients


def test_a_group_is_one_campaign_when_one_finding_names_most_of_it() -> None:
    clients = group(5) | {"user": honest()}
    apart = [finding(client=f"m{at}", family="evasion", updated_at=90) for at in range(5)]
    few = finding(family="evasion", members=("m0", "m1", "m2", "user"), updated_at=30)
    rows = told(clients, *apart, few)
    assert [(row.campaigns, row.found, row.whole, row.covered) for row in rows.groups] == [(1, 1, 0, 0.6)]
    assert rows.strangers == 1
    rows = told(group(5), few, replace(few, revision=2, members=("m0", "m1", "m2", "m4"), updated_at=50))
    (row,) = rows.groups
    assert (row.whole, row.right, row.covered, row.queries) == (1, 1, 0.8, 51)
    assert [(row.clients, row.found) for row in rows.variants] == [(5, 4)]


def test_a_campaign_of_which_only_the_coordination_is_known_has_no_right_family() -> None:
    rows = told(group(5), finding(family="campaign", members=("m0", "m1", "m2", "m3", "m4"), updated_at=50))
    assert [(row.whole, row.right) for row in rows.groups] == [(1, 0)]
    assert [(row.found, row.right) for row in rows.variants] == [(5, 0)]


def test_limits_stay_out_of_the_headline() -> None:
    clients = {"a": attacker("knockoff", "extraction"), "b": attacker("nes", "evasion")}
    text = render(told(clients))
    assert "attackers found within 200 queries: **0 % (0–79)** of 1" in text
    assert "honest limit: 0 of 1 found" in text


def test_labels_are_read_as_the_scenes_write_them() -> None:
    label = {"kind": "nes", "family": "evasion", "attack": True, "unseen": True, "variant": "slow"}
    more = {"attack_from": "2026-03-04T08:02:14.696Z", "queries": 3, "goal": "distance", "reached": [[1, 9.5], [3, 2]]}
    client = clients_of({"a": label | more})["a"]
    assert (client.attack_from, client.sort, client.campaign) == (1_772_611_334_696_000, "asked", "")
    assert (client.goal, client.got(0), client.got(2), client.got()) == ("distance", None, 9.5, 2.0)


def test_the_bar_sheet_tells_met_from_missed_and_from_not_measured() -> None:
    fast, slow = attacker("nes", "evasion"), attacker("zoo", "evasion")
    clients = {"a": fast, "b": slow, "c": honest(), "d": honest("audit", unseen=True)}
    for client in clients.values():
        client.times = np.arange(200) * 1_000_000
    named = [finding(client=name, family="evasion", updated_at=at) for name, at in (("a", 50e6), ("b", 150e6))]
    rows = told(clients, *named, finding(client="d", family="evasion", updated_at=9))
    met = [one.met for one in sheet(rows, elsewhere=Elsewhere(cost=24.0, sketching=2.5))]
    families, medians, diluted, together, right, known, unseen, novelty, limits, promise, rivals, cost, cut = met
    assert (families, medians, right, known, unseen) == (False, False, True, True, False)
    assert (novelty, cost, cut) == (True, True, False)
    assert [diluted, together, limits, promise, rivals] == [None] * 5
    assert "evasion 50 % (9–91)" in sheet(rows)[0].figure


def test_rivals_are_read_and_fought_at_equal_false_findings(tmp_path: Path) -> None:
    def rival(name: str, setting: str, found: int) -> dict[str, object]:
        attacks = {"nes": {"clients": 4, "found": found, "median": 30, "p90": 60}}
        return {"rival": name, "setting": setting, "attacks": attacks, "honest": {"user": {"clients": 9, "flagged": 6}}}

    trees = [rival("prada", "published", 4), rival("prada", "recalibrated", 1), rival("rate", "recalibrated", 2)]
    (tmp_path / "rivals-tiny.json").write_bytes(orjson.dumps(trees))
    clients = {"a": attacker("nes", "evasion"), "b": attacker("nes", "evasion")}
    against = rivals(tmp_path, ["tiny", "other"])
    lost = duels(told(clients), against)
    assert [(duel.kind, duel.rival, duel.theirs.part, duel.won) for duel in lost] == [("nes", "rate", 2, False)]
    assert [str(one.flagged) for one in against] == ["67 % (35–88)"] * 3
    rows = told(clients, finding(client="a", family="evasion", queries=40, updated_at=9))
    assert not duels(rows, against)[0].won  # as many found, and later
    rows = told(clients, *(finding(client=name, family="evasion", queries=40, updated_at=9) for name in "ab"))
    assert duels(rows, against)[0].won
    assert "| prada | published |" in render(rows, (), against, duels(rows, against))


def test_shares_of_nothing() -> None:
    assert (share(1, 3), share(0, 0)) == ("33.3 % (1 of 3)", "none there")

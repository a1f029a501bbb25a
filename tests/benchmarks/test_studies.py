"""The studies of detection on tiny scenes, so that they cannot rot. Nothing here looks at a clock."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import capability
import numpy as np
import orjson
import pytest
import zstandard
from owner import maker_for, warmed
from playing import PARTITION, play
from studies import cold_start, growth, poison, raw_inputs, stream, unsketched

from detectors.features.neighbours import EXPONENT, LEAST, SKETCH_BYTES, UNITS, signed
from detectors.sketch.queries import DENSE, SEGMENTS

DAY = 86_400_000
START = 1_772_409_600_000
WIDE = 12
HONEST = 40
ATTACKERS = 6


def queries(name: str, start: int, count: int, *, attack: bool) -> list[dict[str, Any]]:
    """Vectors on a plane with some noise, or a chain of small steps around one of them whose label flips."""
    rng = np.random.default_rng(sum(map(ord, name)))
    mixing = np.random.default_rng(1).normal(size=(4, WIDE))
    points = rng.normal(size=(count, 4)) @ mixing + rng.normal(0, 0.1, (count, WIDE))
    if attack:
        points = points[:1] + rng.normal(0, 0.02, (count, WIDE))
    sure = np.where(np.arange(count) % 2, 0.52, 0.48) if attack else rng.uniform(0.01, 0.99, count)
    times = start + np.sort(rng.integers(0, DAY, count))
    return [
        {
            "client": {"id": name},
            "model": "vectors",
            "time": int(when),
            "input": {"vector": point.round(4).tolist()},
            "output": {"probabilities": {"yes": round(float(p), 4), "no": round(1 - float(p), 4)}},
        }
        for when, point, p in zip(times, points, sure, strict=True)
    ]


def town(folder: Path, honest: int, attackers: int) -> Path:
    """Four days: honest clients of the first two and of the last two, attackers in the last two."""
    records, labels = [], {}
    for number in range(honest):
        name, day = f"user-{number}", 2 * (number % 2)
        records += queries(name, START + day * DAY, 30, attack=False)
        labels[name] = {"kind": "user", "family": None, "attack": False, "unseen": False, "variant": ""}
    for number in range(attackers):
        name = f"nes-{number}"
        records += queries(name, START + 2 * DAY, 60, attack=True)
        begin = min(one["time"] for one in records if one["client"]["id"] == name)
        label = {"kind": "nes", "family": "evasion", "attack": True, "unseen": True, "variant": ""}
        labels[name] = label | {"attack_from": begin}
    records.sort(key=lambda one: one["time"])
    log = folder / "vectors.ndjson.zst"
    log.write_bytes(zstandard.compress(b"".join(orjson.dumps(one) + b"\n" for one in records)))
    (folder / "vectors.labels.json").write_bytes(orjson.dumps(labels))
    return log


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    return town(tmp_path, HONEST, ATTACKERS)


def test_a_scene_put_together_again_is_the_scene(scene: Path) -> None:
    of = stream.scene(scene)
    whole = stream.merged(of.queries, [stream.act(of, name) for name in of.clients])
    assert (len(whole), of.model) == (len(of.queries), "vectors")
    assert (whole.time == of.queries.time).all()
    assert (whole.exact == of.queries.exact).all()
    engine = warmed(maker_for(scene))(PARTITION, None)
    found = stream.firsts(stream.feed(engine, whole), [stream.pseudonym(f"nes-{n}\0") for n in range(ATTACKERS)])
    played = play(scene)
    assert len(found) == sum(client.attack and bool(client.named) for client in played.clients.values())


def test_an_act_moves_in_time_and_takes_another_name(scene: Path) -> None:
    of = stream.scene(scene)
    one, other = stream.act(of, "user-0"), stream.act(of, "user-0", 5, "again")
    assert (other.times - one.times == 5).all()
    assert one.client != other.client
    both = stream.merged(of.queries, [one, other])
    assert set(both.client) == {one.client, other.client}
    assert (np.diff(both.time) >= 0).all()


def test_cold_start_counts_attackers_and_the_accused_by_the_age_of_the_model(scene: Path, tmp_path: Path) -> None:
    cold_start.main([str(scene), "--save", str(tmp_path), "--small"])
    tree = json.loads((tmp_path / "cold-start.json").read_bytes())
    assert sum(age["attackers"] for age in tree["ages"]) == len(tree["attacks"]) == int(cold_start.SHARE * HONEST)
    assert [age["active"] > 0 for age in tree["ages"]][-1] is True
    page = (tmp_path / "cold-start.md").read_text("utf-8")
    assert "# The first hours and days of a new model: vectors" in page
    first = [(one["sort"], one["queries"]) for one in tree["first"]]
    assert [sort for sort, _ in first] == ["evasion"] * ATTACKERS + ["known"] * cold_start.EACH
    named = sum(queries is not None for sort, queries in first if sort == "evasion")
    assert named > 0
    assert [queries for sort, queries in first if sort == "known"] == [None] * cold_start.EACH
    assert f"| honest, kind known | {cold_start.EACH} | 0 %" in page


def test_ages_hold_each_attack_once_and_each_accusation_when_it_came() -> None:
    attacks = [
        cold_start.Attack("evasion", "nes", 0.5, 40),
        cold_start.Attack("evasion", "nes", 0.7, 150),
        cold_start.Attack("evasion", "nes", 5.0, None),
    ]
    run = cold_start.Run("tiny", attacks, {"a": [0, 4], "b": [5]}, {"a": 4.5}, {"b": 5.5}, 2.0)
    found = cold_start.ages([run, run])
    assert [(one.attackers, one.within) for one in found[:3]] == [(4, (2, 4)), (0, (0, 0)), (2, (0, 0))]
    assert [(one.active, one.named, one.novel) for one in found[:3]] == [(1, 0, 0), (0, 0, 0), (2, 1, 1)]


def test_poison_tells_who_moved_what(scene: Path, tmp_path: Path) -> None:
    poison.main([str(scene), "--save", str(tmp_path), "--small"])
    nobody, one, many, _ = json.loads((tmp_path / "poison.json").read_bytes())["scenarios"]
    assert [each["poisoners"][1] for each in (nobody, one, many)] == [0, 1, 1]
    assert [each["strangers"][1] for each in (nobody, one, many)] == [ATTACKERS // 2] * 3
    assert {"near", "apart", "link", "level"} <= nobody["baseline"].keys()
    assert one["baseline"] != nobody["baseline"]
    assert nobody["manifold"] > 0


def test_poison_counts_queries_to_the_finding_though_honest_clients_stay_for_days(tmp_path: Path) -> None:
    log = town(tmp_path, HONEST, ATTACKERS)
    label = {"kind": "user", "family": None, "attack": False, "unseen": False, "variant": ""}
    labels = orjson.loads((tmp_path / "vectors.labels.json").read_bytes()) | {"stays": label}
    stays = [one for day in range(5) for one in queries("stays", START + day * DAY, 30, attack=False)]
    records = [orjson.loads(line) for line in zstandard.decompress(log.read_bytes()).splitlines()] + stays
    records.sort(key=lambda one: one["time"])
    log.write_bytes(zstandard.compress(b"".join(orjson.dumps(one) + b"\n" for one in records)))
    (tmp_path / "vectors.labels.json").write_bytes(orjson.dumps(labels))
    nobody = poison.play(log, 1)[0]
    assert nobody.strangers[1] == ATTACKERS // 2
    assert nobody.queries is not None
    assert nobody.queries < 60  # of 60 each


def test_a_turned_manifold_is_told_by_what_it_no_longer_spans() -> None:
    def came(components: list[list[float]]) -> poison.Came:
        none = (0, 0)
        return poison.Came("tiny", "nobody", {}, components, {}, none, none, None, none, none, none)

    plain, turned = came([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]), came([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    assert (poison.turn(plain, plain), poison.turn(plain, turned), poison.turn(plain, came([]))) == (0.0, 0.5, None)


def test_raw_inputs_are_kept_beside_the_sketch_and_compared_exactly() -> None:
    rng = np.random.default_rng(3)
    projection = np.zeros((2, 64), np.float32)
    projection[:, :WIDE] = rng.normal(size=(2, WIDE))
    packed = np.zeros((2, unsketched.END), np.uint8)
    unsketched.pack(projection, np.full((2, SEGMENTS), 7, np.uint8), packed)
    out = np.zeros(64, np.float32)
    unsketched.unpack(packed[1], out)
    assert (out == projection[1]).all()
    apart = float(np.linalg.norm(projection[0].astype(float) - projection[1].astype(float)))
    assert unsketched.other_unit(packed[0], packed, 1, 0, 1) == pytest.approx(apart, rel=1e-12)
    unit = UNITS[signed(packed[0][EXPONENT]) - LEAST]
    assert unsketched.same_unit(packed[0], packed, 1) ** 0.5 * unit == pytest.approx(apart, rel=1e-12)
    assert (packed[:, 64 : 64 + SEGMENTS] == 7).all()
    assert SKETCH_BYTES[DENSE] == unsketched.SKETCH


def test_a_scene_is_played_with_raw_inputs_and_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")  # in the process with other kernels: compiling those takes longer
    raw_inputs.main([str(town(tmp_path, 5, 2)), "--save", str(tmp_path)])
    tree = json.loads((tmp_path / "raw-inputs.json").read_bytes())
    rows = {row["name"]: row for row in tree["rows"]}
    assert (rows["all attackers"]["clients"], rows["honest, named"]["clients"]) == (2, 5)
    whole = rows["all attackers"]
    assert tree["points"] == pytest.approx(100 * (whole["raw"] - whole["sketched"]) / 2)
    assert whole["raw"] - whole["sketched"] == whole["raw_alone"] - whole["sketched_alone"]


def test_what_records_with_labels_alone_tell_is_counted_by_family(tmp_path: Path) -> None:
    log = town(tmp_path, 8, 2)
    found = capability.families(capability.seen(log, "labels"))
    assert {name: of for name, (_, of) in found.items()} == {"evasion": 2, "honest, named": 8}


def test_growth_covers_all_queries_and_leaves_out_what_makes_them(tmp_path: Path) -> None:
    growth.main(["--save", str(tmp_path), "--small"])
    tree = json.loads((tmp_path / "growth.json").read_bytes())
    last = tree["stretches"][-1]
    assert last["clients"] == 200
    assert last["bytes_a_client"] > 0
    assert {"kernel", "learning"} <= tree["stages"].keys()
    assert not {"JSON", "sketch"} & tree["stages"].keys()

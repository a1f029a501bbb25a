"""Scenes are read and flags are counted as they should be; every rival reads every scene that it applies to."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
import zstandard
from numpy.typing import NDArray

pytest.importorskip("threadpoolctl", reason="needs the extra `traffic`")

from rivals import encode, measure, report
from rivals.__main__ import compete, main
from rivals.contract import PUBLISHED, RECALIBRATED, SILENT, Lesson, Stream, Trace
from rivals.made import SIZE, Rng, natural, pictures, stream_of
from rivals.roll import rivals
from rivals.scenes import LEARNT, Scene, Truth, read

# counting


def truth(name: str, kind: str = "user", **more: Any) -> Truth:
    usual: dict[str, Any] = {"family": "", "attack": False, "unseen": False, "variant": "", "campaign": ""}
    return Truth(name=name, kind=kind, **{**usual, "part": "attack", "begins": 0, **more})


def scene_of(truths: Sequence[Truth], streams: Sequence[Stream], learnt: Sequence[int]) -> Scene:
    clients = [
        one.part(slice(0, n)) for one, n, who in zip(streams, learnt, truths, strict=True) if n and not who.attack
    ]
    return Scene("made", streams, truths, learnt, Lesson("table", streams[0], clients), encoding=1.0)


def traces_of(*statistics: Sequence[float]) -> list[Trace]:
    return [Trace(np.array(one, float), 8) for one in statistics]


def test_flags_before_the_attack_do_not_count() -> None:
    truths = [truth("thief", "nes", attack=True, family="evasion", begins=2)]
    scene = scene_of(truths, [stream_of(np.zeros((4, 1)))], [0])
    early = measure.outcome("x", PUBLISHED, 1.0, scene, traces_of([0, 5, 0, 0]), 1.0, 8)
    later = measure.outcome("x", PUBLISHED, 1.0, scene, traces_of([0, 5, 0, 1]), 1.0, 8)
    assert early.attacks["nes"] == measure.Tally(1, 0, 0, None, None)
    assert later.attacks["nes"] == measure.Tally(1, 1, 1, 4.0, 4.0)


def test_variants_groups_and_honest_kinds_are_counted_apart() -> None:
    evasion = {"attack": True, "family": "evasion"}
    truths = [
        truth("a", "nes", **evasion),
        truth("b", "nes", variant="group-of-2", campaign="b", **evasion),
        truth("c", "nes", variant="group-of-2", campaign="b", **evasion),
        truth("d"),
        truth("e", "lime", unseen=True),
        truth("f", part="learning"),
    ]
    flags = traces_of([0, 1], [0, 0], [1, 0], [0, 0], [0, 1], [9, 9])
    scene = scene_of(truths, [stream_of(np.zeros((2, 1)))] * 6, [0] * 6)
    out = measure.outcome("x", PUBLISHED, 1.0, scene, flags, 1.0, 8)
    assert out.attacks == {"nes": measure.Tally(1, 1, 1, 2.0, 2.0)}
    assert out.variants == {"group-of-2": {"nes": measure.Tally(2, 1, 1, 1.0, 1.0)}}
    assert out.groups == {"group-of-2": {"nes": measure.Tally(1, 1, 1, 1.0, 1.0)}}
    assert out.honest == {"lime": measure.Honest(1, 1, True), "user": measure.Honest(1, 0, False)}
    page = report.markdown("made", [out], {"PIHA": "grey"})
    assert "| x | published | 1 / 2 | 0 (0 of 1) | 1 (1 of 1) | 1.0 | 8 |" in page
    assert "PIHA does not apply: grey." in page


def test_tried_keys_count_for_their_thief() -> None:
    access = {"attack": True, "family": "access", "campaign": "owner"}
    truths = [truth("owner", "key-spray", **access), truth("tried", "tried-key", **access)]
    scene = scene_of(truths, [stream_of(np.zeros((3, 1)))] * 2, [0, 0])
    out = measure.outcome("x", PUBLISHED, 1.0, scene, traces_of([0, 0, 1], [0, 1, 0]), 1.0, 8)
    assert out.attacks == {"key-spray": measure.Tally(1, 1, 1, 2.0, 2.0)}


def test_recalibration_leaves_learning_clients_alone_and_forgives_one_in_two_hundred() -> None:
    truths = [truth(str(n), part="learning") for n in range(400)]
    truths[0] = truth("0", "nes", attack=True, family="evasion", part="learning")
    scene = scene_of(truths, [stream_of(np.zeros((2, 1)))] * 400, [1] * 400)
    peaks = measure.learning_peaks(scene, traces_of(*[[n, 1000] for n in range(400)]))
    assert peaks == list(range(1, 400))  # the attacker's is not among them, nor what came after the learning days
    limit = measure.recalibrated(peaks)
    assert sum(peak >= limit for peak in peaks) == 1
    assert sum(peak >= measure.recalibrated(peaks, 0.05) for peak in peaks) == 19
    assert sum(peak >= measure.recalibrated([*peaks[:9], *[SILENT] * 91], 0.1) for peak in peaks[:9]) == 9


# whole scenes


def record(who: str, at: float, what: dict[str, Any], label: str | None = "a") -> dict[str, Any]:
    output = {} if label is None else {"output": {"label": label, "probabilities": {"a": 0.9, "b": 0.1}}}
    when = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
    return {"time": when, "client": {"id": who}, "input": what, **output}


def tensor(pixels: NDArray[np.uint8]) -> dict[str, Any]:
    data = base64.b64encode(pixels.tobytes()).decode()
    return {"tensor": {"shape": list(pixels.shape), "datatype": "UINT8", "data": data}}


def written(folder: Path, name: str, inputs: Any) -> Path:
    """Eight clients who learn, four who come later, one of them an attacker with one input again and again."""
    rng = np.random.default_rng(7)
    labels, lines = dict[str, Any](), list[tuple[float, dict[str, Any]]]()
    for client in range(12):
        who, later = f"key-{client}", client >= 8
        begin, attack = LEARNT + (3600.0 if later else -7200.0), client == 11
        stamps = begin + np.arange(80) * 20.0
        one = inputs(rng)
        lines += [(at, record(who, at, one if attack else inputs(rng))) for at in stamps.tolist()]
        label = {"kind": "nes" if attack else "user", "family": "evasion" if attack else None, "attack": attack}
        labels[who] = {**label, "unseen": attack, "variant": "", "part": "attack" if later else "learning"}
        if attack:
            labels[who]["attack_from"] = datetime.fromtimestamp(stamps[5], UTC).isoformat(timespec="milliseconds")
    lines.sort(key=lambda pair: pair[0])
    packed = b"".join(orjson.dumps(line) + b"\n" for _, line in lines)
    log = folder / f"{name}.ndjson.zst"
    log.write_bytes(zstandard.compress(packed))
    (folder / f"{name}.labels.json").write_bytes(orjson.dumps(labels))
    return log


def colour(rng: Rng) -> dict[str, Any]:
    return tensor(np.repeat(np.repeat(pictures(rng, 1, (2, 2, 3))[0], 7, axis=0), 7, axis=1))


def grey(rng: Rng) -> dict[str, Any]:
    return tensor(pictures(rng, 1, (8, 8, 1))[0])


def row(rng: Rng) -> dict[str, Any]:
    return {"columns": {"age": int(rng.integers(90)), "pay": float(rng.normal()), "job": str(rng.choice(["x", "y"]))}}


def prompt(rng: Rng) -> dict[str, Any]:
    words = " ".join(rng.choice(["mean", "array", "sum", "axis", "of", "the", "norm", "sort", "rank"], 8))
    return {"text": words} if rng.random() < 0.5 else {"messages": [{"role": "user", "content": words}]}


MADE = {"colour": colour, "grey": grey, "table": row, "text": prompt}
UNFIT = {"colour": 0, "grey": 1, "table": 3, "text": 5}


@pytest.mark.parametrize("sort", list(MADE))
def test_every_rival_reads_every_scene_that_it_applies_to(sort: str, tmp_path: Path) -> None:
    log = written(tmp_path, f"{sort}-tune", MADE[sort])
    scene = read(log)
    outcomes, unfit = compete(scene, shares=[0.2])
    assert len(unfit) == UNFIT[sort]
    assert {one.rival for one in outcomes} | set(unfit) == {rival.name for rival in rivals()}
    assert {one.setting for one in outcomes} >= {PUBLISHED, RECALIBRATED, "recalibrated-0.2"}
    by_name = {(one.rival, one.setting): one for one in outcomes}
    assert by_name["duplicate counter", PUBLISHED].attacks["nes"] == measure.Tally(1, 1, 1, 11.0, 11.0)
    for one in outcomes:
        assert one.attacks["nes"].clients == 1
        assert one.honest["user"].clients == 3
        assert one.microseconds >= 0
        assert one.bytes_a_client > 0

    again, _ = compete(read(log), shares=[0.2])
    assert [timeless(one) for one in report.tree(again)] == [timeless(one) for one in report.tree(outcomes)]


def timeless(entry: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name != "microseconds"}


def test_the_command_prints_and_saves(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = written(tmp_path, "table-tune", row)
    main([str(log), "--save", str(tmp_path / "results")])
    page = capsys.readouterr().out
    assert "# Rivals on table-tune" in page
    saved = orjson.loads((tmp_path / "results" / "rivals-table-tune.json").read_bytes())
    first = next(one for one in saved if one["rival"] == "duplicate counter" and one["setting"] == PUBLISHED)
    assert first["attacks"]["nes"] == {"clients": 1, "found": 1, "within_100": 1, "median": 11.0, "p90": 11.0}
    assert first["honest"]["user"] == {"clients": 3, "flagged": 0, "unseen": False}
    assert (tmp_path / "results" / "rivals-table-tune.md").read_text(encoding="utf-8") in page


def test_a_scene_that_is_not_there_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([str(tmp_path / "none.ndjson.zst")])
    assert "no such scene" in capsys.readouterr().err


def test_training_records_are_what_is_ordinary(tmp_path: Path) -> None:
    log, rng = written(tmp_path, "table-tune", row), np.random.default_rng(8)
    records = b"".join(orjson.dumps({"model": "m", "input": row(rng)}) + b"\n" for _ in range(250))
    assert len(read(log).lesson.ordinary) == 8 * 80
    (tmp_path / "table-tune.training.ndjson.zst").write_bytes(zstandard.compress(records))
    assert len(read(log).lesson.ordinary) == 250


def test_scenes_are_cut_by_client_and_by_time(tmp_path: Path) -> None:
    scene = read(written(tmp_path, "grey-tune", grey))
    assert scene.queries == 12 * 80
    assert [one.begins for one in scene.truths if one.attack] == [5]
    assert scene.learnt == [0 if one.part == "attack" else 80 for one in scene.truths]
    for stream in scene.streams:
        assert np.all(np.diff(stream.times) > 0)
        assert stream.vectors.shape == (80, 64)
        assert stream.codes.shape == (80, encode.CODES)


# the encoder


def test_columns_standardise_numbers_and_open_categories() -> None:
    columns = encode.Columns.fit([{"a": 1.0, "b": "x"}, {"a": 3.0, "b": "y"}])
    rows = columns([{"a": 3.0, "b": "x"}, {"a": 1.0, "b": "new"}, {"b": "y"}])
    half = np.sqrt(0.5)
    assert rows == pytest.approx(np.array([[half, 0, 1], [0, 0, -1], [0, half, 0]]), abs=1e-6)
    assert np.linalg.norm(columns([{"b": "x"}]) - columns([{"b": "y"}])) == pytest.approx(1.0)


def test_components_keep_distances_of_few_numbers(rng: Rng) -> None:
    vectors = natural(rng, 300).astype(np.float32)
    codes = encode.Components.fit(vectors)(vectors)
    assert codes.shape == (300, SIZE)
    assert np.linalg.norm(codes[0] - codes[1]) == pytest.approx(np.linalg.norm(vectors[0] - vectors[1]), rel=1e-3)


def test_prompts_of_like_words_are_near() -> None:
    texts = ["sum of an array", "the sum of an array", "norm of a vector", "how to bake bread", "bread and cake"] * 20
    codes = encode.Semantics.fit(encode.word_counts(texts))(encode.word_counts([*texts[:5], ""]))
    assert np.linalg.norm(codes[:5], axis=1) == pytest.approx(1.0, rel=1e-5)
    assert codes[0] @ codes[1] > 0.7 > codes[0] @ codes[3]
    assert not codes[5].any()


@pytest.fixture
def rng() -> Rng:
    return np.random.default_rng(11)

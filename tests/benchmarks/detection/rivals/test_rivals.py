"""Each rival keeps the claim of its paper on streams made by hand, and the counting is right."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import replace
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
from rivals.blacklight import Blacklight, Fingerprints, GlobalBlacklight, most_shared
from rivals.contract import PUBLISHED, RECALIBRATED, SILENT, Lesson, Rival, Stream, Trace, first_flag
from rivals.delta import Delta, histograms
from rivals.duplicates import Duplicates
from rivals.forest import Forest
from rivals.mmd import Kernel, Mmd
from rivals.nearness import earlier, nearest
from rivals.osd import Osd
from rivals.piha import Piha, hues
from rivals.prada import Growing, Prada, abnormality
from rivals.rate import RateLimit
from rivals.roll import rivals
from rivals.scenes import LEARNT, Scene, Truth, read
from rivals.seat import HITS, Seat

Rng = np.random.Generator
SIZE = 20


def stream_of(vectors: Any, labels: Any = None, times: Any = None, pixels: Any = None) -> Stream:
    codes = np.asarray(vectors, np.float32)
    _, digests = np.unique(codes if pixels is None else pixels.reshape(len(codes), -1), axis=0, return_inverse=True)
    return Stream(
        times=np.arange(len(codes), dtype=float) if times is None else np.asarray(times, float),
        labels=np.zeros(len(codes), np.int64) if labels is None else np.asarray(labels),
        probabilities=np.full((len(codes), 2), 0.5),
        digests=digests.reshape(-1).astype(np.uint64),
        codes=codes,
        pixels=pixels,
    )


def shown(pixels: NDArray[np.uint8]) -> Stream:
    return stream_of(pixels.reshape(len(pixels), -1) / 255.0, pixels=pixels)


def natural(rng: Rng, count: int) -> NDArray[np.float64]:
    return rng.normal(0, 1, (count, SIZE))


def chain(rng: Rng, count: int, step: float = 0.05) -> NDArray[np.float64]:
    return natural(rng, 1) + np.cumsum(rng.normal(0, step, (count, SIZE)), axis=0)


def jacobian(rng: Rng, count: int, step: float = 0.3) -> NDArray[np.float64]:
    """Papernot's augmentation: each round moves every point by one fixed step along signs."""
    points = natural(rng, 20)
    while len(points) < count:
        points = np.concatenate([points, points + step * rng.choice([-1.0, 1.0], points.shape)])
    return points[:count]


def lesson(rng: Rng, clients: int = 20, count: int = 100) -> Lesson:
    return Lesson("table", stream_of(natural(rng, 1000)), [stream_of(natural(rng, count)) for _ in range(clients)])


def flag(rival: Rival, stream: Stream, setting: str = PUBLISHED) -> int | None:
    return first_flag(rival.follow([stream])[0], rival.published()[setting])


# PRADA


def test_prada_flags_jacobian_augmentation_and_not_independent_draws(rng: Rng) -> None:
    found = flag(Prada(), stream_of(jacobian(rng, 300)))
    assert found is not None
    assert found % 10 == 0
    assert found >= 110
    assert flag(Prada(), stream_of(natural(rng, 600))) is None


def test_prada_is_silent_for_the_first_hundred_queries(rng: Rng) -> None:
    trace = Prada().read(stream_of(jacobian(rng, 200)))
    assert np.all(trace.statistic[:101] == SILENT)
    assert np.isfinite(trace.statistic[109:200:10]).all()


def test_pradas_growing_set_follows_the_algorithm() -> None:
    line = np.array([0.0, 1.0, 1.2, 5.0, 1.3])
    between, one = np.abs(line[:, None] - line[None, :]), Growing([0])
    for query in range(1, 5):
        one.take(query, between[query])
    # thresholds after each entry: max(0, mean(0, 1) - std(0, 1)) = 0, so 1.2 enters at distance 0.2, 5.0 at 3.8
    assert one.seen == pytest.approx([1.0, 0.2, 3.8, 0.1])
    assert one.members == [0, 1, 2, 3, 4]
    assert one.threshold == pytest.approx(max(0.0, np.mean([0, 1, 0.2]) - np.std([0, 1, 0.2])), abs=0.2)


def test_pradas_threshold_keeps_near_queries_out() -> None:
    one = Growing([0], threshold=0.5)
    one.take(1, np.array([0.4, 0.0]))
    assert (one.members, one.seen, one.threshold) == ([0], [0.4], 0.5)


def test_prada_leaves_small_classes_out_and_equal_distances_are_normal() -> None:
    few = Growing([0], seen=[1.0] * 9)
    many = Growing([0], seen=[2.0] * 101)
    assert abnormality({0: few}) == SILENT
    assert abnormality({0: few, 1: many}) == 0.0
    assert abnormality({1: replace(many, seen=[2.0] * 100)}) == SILENT


# OSD and SEAT


def test_osd_flags_a_chain_at_query_51_and_not_independent_draws(rng: Rng) -> None:
    osd = Osd()
    osd.learn(lesson(rng))
    assert flag(osd, stream_of(chain(rng, 100))) == 51
    assert flag(osd, stream_of(natural(rng, 300))) is None


def test_osd_takes_the_least_thousandth_of_ordinary_inputs(rng: Rng) -> None:
    osd, taught = Osd(), lesson(rng)
    osd.learn(taught)
    codes = taught.ordinary.codes.astype(float)
    between = np.sort(np.linalg.norm(codes[:, None] - codes[None], axis=2), axis=1)[:, 1:51].mean(axis=1)
    assert osd.published()[PUBLISHED] == pytest.approx(-np.quantile(between, 0.001), rel=1e-5)
    with pytest.raises(ValueError, match="51 are the least"):
        osd.learn(replace(taught, ordinary=taught.ordinary.part(slice(0, 50))))


def test_seat_flags_at_the_fiftieth_hit(rng: Rng) -> None:
    seat, near = Seat(), 0.7
    codes = np.concatenate([natural(rng, 30), chain(rng, 200, 0.1)]).astype(np.float32)
    codes = codes[rng.permutation(len(codes))]
    hits = np.cumsum(nearest(codes, 1)[:, 0] <= near)
    trace = seat.read(stream_of(codes))
    expected = int(np.argmax(hits >= HITS)) + 1
    assert hits[-1] >= HITS
    assert first_flag(trace, -near) == expected


def test_seats_recipe_leaves_independent_users_alone(rng: Rng) -> None:
    seat = Seat()
    seat.learn(lesson(rng))
    assert flag(seat, stream_of(chain(rng, 100))) == 51
    assert sum(flag(seat, stream_of(natural(rng, 500))) is not None for _ in range(40)) <= 4


def test_nearest_looks_at_earlier_queries_only(rng: Rng) -> None:
    codes = natural(rng, 600).astype(np.float32)
    found = nearest(codes, 3)
    for query in (0, 1, 2, 255, 256, 599):
        truth = np.sort(np.linalg.norm(codes[:query] - codes[query], axis=1))[:3]
        assert found[query, : len(truth)] == pytest.approx(truth, rel=1e-4)
        assert np.all(np.isinf(found[query, len(truth) :]))


def test_memory_of_earlier_queries_is_bounded(rng: Rng) -> None:
    codes = natural(rng, 700).astype(np.float32)
    for start, block in earlier(codes, latest=100):
        assert np.isfinite(block).sum(axis=1).max() <= 100
        assert block.shape[1] <= 100 + 256, start


# Blacklight and PIHA


def pictures(rng: Rng, count: int, shape: tuple[int, int, int] = (16, 16, 1)) -> NDArray[np.uint8]:
    return rng.integers(0, 256, (count, *shape)).astype(np.uint8)


def near(rng: Rng, picture: NDArray[np.uint8], count: int, spread: float) -> NDArray[np.uint8]:
    return np.clip(picture + np.rint(rng.normal(0, spread, (count, *picture.shape))), 0, 255).astype(np.uint8)


def test_blacklight_flags_near_duplicates_and_not_independent_pictures(rng: Rng) -> None:
    one = pictures(rng, 1)[0]
    sparse = np.repeat(one[None], 50, axis=0)
    sparse[np.arange(50), rng.integers(16, size=50), rng.integers(16, size=50)] = (
        255  # one pixel each, as Square has it
    )
    assert flag(Blacklight(), shown(sparse)) == 2
    assert flag(Blacklight(), shown(pictures(rng, 300))) is None


def test_blacklight_does_not_see_noise_beyond_the_quantum(rng: Rng) -> None:
    assert flag(Blacklight(), shown(near(rng, pictures(rng, 1)[0], 200, 0.02 * 255))) is None


def test_blacklight_flags_honest_pictures_of_constant_background(rng: Rng) -> None:
    digits = np.zeros((50, 16, 16, 1), np.uint8)
    digits[:, 6:10, 6:10] = pictures(rng, 50, (4, 4, 1))
    assert flag(Blacklight(), shown(digits)) == 2  # the known defect


def test_only_the_global_index_crosses_clients(rng: Rng) -> None:
    same, own = pictures(rng, 1), pictures(rng, 20)
    first = shown(np.concatenate([own[:10], same]))
    second = replace(shown(np.concatenate([own[10:], same])), times=first.times + 0.5)
    alone, together = Blacklight().follow([first, second]), GlobalBlacklight().follow([first, second])
    assert [first_flag(trace, 0.5) for trace in alone] == [None, None]
    assert [first_flag(trace, 0.5) for trace in together] == [None, 11]


def test_fingerprints_are_equal_where_quantised_windows_are(rng: Rng) -> None:
    prints = Fingerprints(64)
    assert (prints.window, prints.kept) == (20, 45)
    flat = pictures(rng, 2, (8, 8, 1)).reshape(2, 64)
    flat[1, :30] = flat[0, :30]
    hashes, there = prints.of(flat)
    assert there.all()
    salted = np.rint((flat.astype(int) + prints._salt) % 255 / 50)
    windows = [{tuple(row[k : k + 20]) for k in range(45)} for row in salted]
    assert len(set(hashes[0]) & set(hashes[1])) == len(windows[0] & windows[1]) == 11
    other = Fingerprints(64, seed=1).of(flat)[0]
    assert not set(other.ravel()) & set(hashes.ravel())


def test_equal_windows_of_one_picture_count_once() -> None:
    prints = Fingerprints(64)
    prints._salt[:] = 0
    hashes, there = prints.of(np.zeros((1, 8, 8, 1), np.uint8))
    assert there.sum() == 1
    assert hashes[0, 0] != 0


def test_most_shared_counts_the_best_earlier_row() -> None:
    rows = np.array([[0, 1, 2], [2, 3, 4], [1, 2, 4], [5, 6, -1], [5, 6, -1]])
    assert most_shared(rows, 7, 8).tolist() == [0, 1, 2, 0, 2]
    assert most_shared(rows, 7, 1).tolist() == [0, 1, 2, 0, 2]
    assert most_shared.py_func(rows, 7, 8).tolist() == [0, 1, 2, 0, 2]


def test_piha_flags_near_duplicates_of_colour_pictures_and_not_others(rng: Rng) -> None:
    smooth = np.repeat(
        np.repeat(pictures(rng, 60, (8, 8, 3)), 8, axis=1), 8, axis=2
    )  # patches of 8 x 8, 64 x 64 in all
    assert flag(Piha(), shown(smooth)) is None
    assert flag(Piha(), shown(near(rng, smooth[0], 10, 0.6))) == 2


def test_piha_wants_colour(rng: Rng) -> None:
    grey, colour = shown(pictures(rng, 3)), shown(pictures(rng, 3, (16, 16, 3)))
    assert "hue" in Piha().unfit(Lesson("image", grey, []))
    assert Piha().unfit(Lesson("image", colour, [])) == ""
    assert hues(np.array([[[[0.0, 0.0, 1.0]]]]))[0, 0, 0] == pytest.approx(2 / 3)


# delta similarity and MMD


def test_delta_similarity_flags_a_search_and_not_independent_draws(rng: Rng) -> None:
    delta = Delta(64)
    delta.learn(lesson(rng))
    straight = natural(rng, 1) + np.arange(100)[:, None] * 0.01 * natural(rng, 1)
    assert flag(delta, stream_of(straight)) == 66
    assert sum(flag(delta, stream_of(natural(rng, 66))) is not None for _ in range(40)) <= 2


def test_histograms_slide_and_count_what_did_not_change(rng: Rng) -> None:
    vectors = natural(rng, 80).astype(np.float32)
    vectors[70:] = vectors[70]
    sliding = histograms(vectors, 64)
    assert len(sliding) == 80 - 65
    assert np.allclose(sliding[3], histograms(vectors[3 : 3 + 66], 64)[0])
    assert sliding[-1, -1] > 0
    assert sliding.max() == 1.0
    assert len(histograms(vectors[:65], 64)) == len(histograms(vectors[:1], 64)) == 0


def test_mmd_flags_a_shifted_window_and_not_an_ordinary_one(rng: Rng) -> None:
    mmd = Mmd(100)
    mmd.learn(lesson(rng, clients=40))
    assert flag(mmd, stream_of(natural(rng, 250) + 0.7)) == 100
    assert flag(mmd, stream_of(natural(rng, 99) + 0.7)) is None
    flagged = sum(flag(mmd, stream_of(natural(rng, 100))) is not None for _ in range(100))
    assert flagged <= 15  # 5 % are promised


def test_mmd_is_the_unbiased_statistic(rng: Rng) -> None:
    mmd = Mmd(40)
    mmd.learn(lesson(rng))
    codes = natural(rng, 40).astype(np.float32)
    kernel, reference, weights = mmd._kernel, mmd._reference, mmd._weights
    within = sum(kernel(codes[[a]], codes[[b]])[0, 0] for a in range(40) for b in range(40) if a != b) / (40 * 39)
    across = float((kernel(codes, reference) @ weights).mean())
    statistic = mmd.read(stream_of(codes)).statistic
    assert statistic[-1] == pytest.approx(within + mmd._constant - 2 * across, abs=1e-5)
    assert np.all(statistic[:-1] == SILENT)


def test_the_kernel_is_a_sum_of_four_gaussians() -> None:
    distance, median = 1.5, 2.0
    expected = sum(np.exp(-(distance**2) / (2 * (factor * median) ** 2)) for factor in (0.5, 1, 2, 4))
    one, other = np.zeros((1, 2), np.float32), np.array([[distance, 0.0]], np.float32)
    assert Kernel(4 * median)(one, other)[0, 0] == pytest.approx(expected, rel=1e-5)


# river, rate, duplicates


def test_forest_scores_a_stranger_above_the_ordinary_and_nothing_in_its_first_window(rng: Rng) -> None:
    ordinary, strange = natural(rng, 600), natural(rng, 5) + 3.0
    stream = stream_of(np.concatenate([ordinary[:100], strange, ordinary[100:], strange]))
    scores = Forest().follow([stream])[0].statistic
    assert np.all(scores[:250] == 0.0)
    assert scores[-5:].mean() > np.quantile(scores[300:-5], 0.95)


def test_forest_reads_clients_in_order_of_time(rng: Rng) -> None:
    whole = stream_of(natural(rng, 400))
    odd, even = (whole.part(np.arange(start, 400, 2)) for start in (1, 0))
    forwards, backwards = Forest().follow([even, odd]), Forest().follow([odd, even])
    assert np.array_equal(forwards[0].statistic, backwards[1].statistic)
    assert np.array_equal(forwards[1].statistic, backwards[0].statistic)
    late = Forest().follow([even, replace(odd, times=odd.times + 1000.0)])
    assert not np.array_equal(late[0].statistic[130:], forwards[0].statistic[130:])


def test_rate_limit_counts_the_last_minute() -> None:
    times = [0.0, 1.0, 59.9, 60.0, 61.5, 200.0]
    trace = RateLimit().read(stream_of(np.zeros((6, 1)), times=times))
    assert trace.statistic.tolist() == [1, 2, 3, 3, 3, 1]
    assert flag(RateLimit(), stream_of(np.zeros((150, 1)), times=np.arange(150) * 0.1)) == 101
    assert flag(RateLimit(), stream_of(np.zeros((150, 1)), times=np.arange(150) * 0.61)) is None


def test_duplicate_counter_is_exact() -> None:
    trace = Duplicates().read(stream_of([[0], [1], [0], [2], [1], [0]]))
    assert trace.statistic.tolist() == [0, 0, 1, 1, 2, 3]
    assert flag(Duplicates(), stream_of(np.zeros((30, 1)))) == 11
    assert flag(Duplicates(), stream_of(np.arange(30)[:, None])) is None


def test_the_network_learns_a_search(rng: Rng) -> None:
    pytest.importorskip("sklearn", reason="needs the extra `traffic`")
    from rivals.delta_net import DeltaNet

    searches = [stream_of(chain(rng, 100)) for _ in range(12)]
    net = DeltaNet(64, searches[:10], [stream_of(natural(rng, 100)) for _ in range(10)])
    taught = lesson(rng)
    assert net.unfit(taught) == ""
    assert net.unfit(replace(taught, sort="text"))
    assert "66 queries" in DeltaNet(64, [], taught.clients).unfit(taught)
    net.learn(taught)
    assert flag(net, searches[-1]) == 66
    assert sum(flag(net, stream_of(natural(rng, 100))) is not None for _ in range(10)) <= 1


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

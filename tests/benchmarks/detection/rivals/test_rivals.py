"""Each rival keeps the claim of its paper on streams made by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("threadpoolctl", reason="needs the extra `traffic`")

from rivals.blacklight import Blacklight, Fingerprints, GlobalBlacklight, most_shared
from rivals.contract import PUBLISHED, SILENT, Lesson, first_flag
from rivals.delta import Delta, histograms
from rivals.duplicates import Duplicates
from rivals.forest import Forest
from rivals.made import Rng, chain, flag, jacobian, lesson, natural, near, pictures, shown, stream_of
from rivals.mmd import Kernel, Mmd
from rivals.nearness import earlier, nearest
from rivals.osd import Osd
from rivals.piha import Piha, hues
from rivals.prada import Growing, Prada, abnormality
from rivals.rate import RateLimit
from rivals.seat import HITS, Seat

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


@pytest.fixture
def rng() -> Rng:
    return np.random.default_rng(11)

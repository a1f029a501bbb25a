"""What is learnt from trusted clients' sketches: distances, the manifold of dense inputs, dependence of columns."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.features.baseline import PAIRED, Baseline, unknown
from detectors.features.neighbours import nearest_stranger, pack_dense, sketch_bytes
from detectors.scoring import baselines
from detectors.sketch.queries import DENSE, MAX_WIDTH, ROWS, SEGMENTS, TEXT

WIDTH = 8
NONE = np.zeros(0)


def dense(points: np.ndarray) -> np.ndarray:
    padded = np.zeros((len(points), MAX_WIDTH), np.float32)
    padded[:, : points.shape[1]] = points
    out = np.zeros((len(points), sketch_bytes(DENSE, 0)), np.uint8)
    pack_dense(padded, np.zeros((len(points), SEGMENTS), np.uint8), out)
    return out


def natural(n: int, seed: int = 0) -> np.ndarray:
    """Points near a plane of three dimensions."""
    random = np.random.default_rng(seed)
    plane = np.random.default_rng(99).normal(size=(3, WIDTH))
    return random.normal(size=(n, 3)) @ plane + 0.05 * random.normal(size=(n, WIDTH))


def lesson(sketches: np.ndarray, of: np.ndarray | None = None) -> baselines.Lesson:
    """Samples of as many clients, of both folds."""
    n = len(sketches)
    return baselines.Lesson(sketches, labels(n) if of is None else of, np.arange(n).astype(np.uint64))


def labels(n: int) -> np.ndarray:
    return (np.arange(n) % 4 + 1).astype(np.uint16)


def learnt(n: int = 200, near: np.ndarray = NONE) -> Baseline:
    return baselines.fit(DENSE, WIDTH, lesson(dense(natural(n))), near, unknown())


def errors(baseline: Baseline, points: np.ndarray) -> np.ndarray:
    floats = baselines.unpack(dense(points))
    raw, sizes = baselines.errors_of(floats, baseline.mean, baseline.components, WIDTH)
    return (raw - baseline.level - baseline.slope * sizes) / baseline.unit


def test_too_few_samples_teach_nothing() -> None:
    before = unknown()
    assert baselines.fit(DENSE, WIDTH, lesson(dense(natural(0))), NONE, before) is before
    assert baselines.fit(DENSE, 0, lesson(dense(natural(200))), NONE, before) is before
    assert baselines.fit(TEXT, 0, lesson(np.zeros((500, 32), np.uint8)), NONE, before) is before


def test_a_prior_on_the_norm_speaks_until_clients_have_met() -> None:
    points = natural(baselines.STRANGERS + 1)
    one = lesson(dense(points))._replace(clients=np.zeros(len(points), np.uint64))
    alone = baselines.fit(DENSE, WIDTH, one, NONE, unknown())
    assert alone.apart == pytest.approx(baselines.APART * np.median(np.linalg.norm(points, axis=1)), rel=0.05)
    met = baselines.fit(DENSE, WIDTH, lesson(dense(points)), NONE, alone)
    assert met.apart == pytest.approx(np.median(np.linalg.norm(np.diff(points, axis=0), axis=1)), rel=0.05)
    few = lesson(dense(points[:-1]))
    assert baselines.fit(DENSE, WIDTH, few, NONE, unknown()).apart != pytest.approx(met.apart, rel=0.05)


def test_one_clients_chain_is_not_the_measure_of_the_model() -> None:
    chain = natural(1) + 1e-3 * natural(200)
    samples = lesson(dense(chain))._replace(clients=np.zeros(200, np.uint64))
    found = baselines.fit(DENSE, WIDTH, samples, NONE, unknown())
    assert found.link > 10 * np.median(np.linalg.norm(np.diff(chain, axis=0), axis=1))


def test_early_blocks_do_not_set_the_usual_nearest_distance() -> None:
    few = lesson(dense(natural(baselines.ENOUGH - 1)))
    found = baselines.fit(DENSE, WIDTH, few, np.full(20, 0.7), unknown())
    assert found.near == pytest.approx(baselines.NEAR * found.apart)


def test_distances_are_known_before_the_manifold() -> None:
    n = 4 * 20 - 1
    found = baselines.fit(DENSE, 20, lesson(dense(np.random.default_rng(0).normal(size=(n, 20)))), NONE, unknown())
    assert found.apart == pytest.approx(np.sqrt(2 * 20), rel=0.15)
    assert found.near == pytest.approx(baselines.NEAR * found.apart)
    assert found.link == pytest.approx(baselines.LINK * found.near)
    assert len(found.mean) == 0


def test_the_usual_nearest_distance_is_seen_in_blocks() -> None:
    near = np.append(np.full(baselines.ENOUGH // 4, 0.7), np.nan)
    assert learnt(near=near).near == pytest.approx(0.7)
    assert learnt(near=near[2:]).near != pytest.approx(0.7), "too few of them"


def test_the_same_input_again_and_again_has_no_scale() -> None:
    found = baselines.fit(DENSE, WIDTH, lesson(dense(np.ones((100, WIDTH)))), NONE, unknown())
    assert np.isnan([found.near, found.apart, found.link]).all()
    assert found.unit > 0


def test_the_manifold_tells_nature_from_noise_and_from_what_is_too_smooth() -> None:
    baseline = learnt()
    random = np.random.default_rng(5)
    ordinary = errors(baseline, natural(100, seed=7))
    noise = errors(baseline, 2 * random.normal(size=(100, WIDTH)))
    assert abs(np.median(ordinary)) < 1
    assert np.median(noise) > 3
    assert len(baseline.components) == int(baselines.RANK * WIDTH)


def test_labels_have_levels_of_their_own() -> None:
    points, of = natural(400), labels(400)
    points[of == 2] += 0.3 * np.random.default_rng(1).normal(size=points[of == 2].shape)
    found = baselines.fit(DENSE, WIDTH, lesson(dense(points), of), NONE, unknown())
    assert found.offsets[2] > max(found.offsets[1], found.offsets[3], found.offsets[4])
    assert len(found.offsets) == 6
    assert found.offsets[-1] == 0, "a label that is not known has no offset"


def test_medians_are_drawn_to_0_where_a_label_is_rare() -> None:
    found = baselines.medians(np.ones(9), np.array([1] * 8 + [3], np.uint16))
    assert found.tolist() == [0, 0.5, 0, pytest.approx(1 / 9), 0]


def rows(codes: np.ndarray, values: np.ndarray | None = None) -> np.ndarray:
    """Packed rows with these coarse codes; without `values` each row is another one."""
    out = np.zeros((len(codes), 2 * codes.shape[1]), np.uint8)
    out[:, 0::2] = codes << 5
    out[:, 1::2] = codes if values is None else values
    if values is None:
        out[:, 0] |= (np.arange(len(codes)) // 32 % 32).astype(np.uint8)
        out[:, 1] = np.arange(len(codes)) % 32
    return out


def dependent(n: int, columns: int = 4, seed: int = 0) -> np.ndarray:
    first = np.random.default_rng(seed).integers(0, 8, n)
    return np.stack([(first + shift) % 8 for shift in range(columns)], axis=1)


def standing(baseline: Baseline, codes: np.ndarray) -> np.ndarray:
    return (baselines.sum_pairs(codes, baseline.pairs) - baseline.dependence[0]) / baseline.dependence[1]


def test_rows_that_depend_and_rows_that_do_not() -> None:
    codes = dependent(300)
    found = baselines.fit(ROWS, 0, lesson(rows(codes)), NONE, unknown(4))
    shuffled = np.stack([np.random.default_rng(at).permutation(codes[:, at]) for at in range(4)], axis=1)
    assert abs(np.median(standing(found, dependent(100, seed=1)))) < 1
    assert np.median(standing(found, shuffled)) < -3


def test_rare_cells_are_rare() -> None:
    codes = np.random.default_rng(0).choice(3, (300, 4), p=[0.8, 0.15, 0.05])
    found = baselines.fit(ROWS, 0, lesson(rows(codes)), NONE, unknown(4))
    assert (found.singles[:, 0] < found.singles[:, 1]).all()
    assert (found.singles[:, 2] < found.singles[:, 7]).all()
    assert baselines.sum_singles(np.full((1, 4), 7), found.singles)[0] > found.rarity[0] + 3 * found.rarity[1]


def test_domains_count_values_and_not_bins() -> None:
    codes = np.zeros((400, 2), np.int64)
    values = np.stack([np.arange(400) % 9, np.arange(400) // 9], axis=1)
    found = baselines.fit(ROWS, 0, lesson(rows(codes, values)), NONE, unknown(2))
    assert found.domain.tolist() == [9, 45]


@pytest.mark.parametrize("columns", [1, PAIRED, PAIRED + 3])
def test_many_columns_and_one(columns: int) -> None:
    found = baselines.fit(ROWS, 0, lesson(rows(dependent(300, columns))), NONE, unknown(columns))
    pairs = min(columns, PAIRED)
    assert found.pairs.shape == (pairs * (pairs - 1) // 2, 8, 8)
    assert found.singles.shape == (columns, 8)
    assert np.isfinite([*found.dependence, *found.rarity]).all()


def test_too_few_rows_teach_nothing() -> None:
    before = unknown(4)
    n = baselines.ENOUGH_ROWS - 1
    assert baselines.fit(ROWS, 0, lesson(rows(dependent(n, 4))), NONE, before) is before


def test_peers_are_known_once_there_are_enough() -> None:
    sizes = np.arange(100.0)
    assert np.isnan(baselines.peers(sizes[:9], sizes[:9], unknown()).size)
    found = baselines.peers(sizes, 2 * sizes, unknown())
    assert (found.size, found.output) == (pytest.approx(98.01), pytest.approx(196.02))


@pytest.mark.parametrize("baseline", [unknown(3), learnt()])
def test_dump_and_load(baseline: Baseline) -> None:
    again = baselines.load(baselines.dump(baseline))
    for before, after in zip(baseline, again, strict=True):
        assert np.array_equal(before, after, equal_nan=True)
        assert type(before) is type(after)


def test_a_pollers_row_says_once_what_goes_together() -> None:
    before = unknown(4)
    polled = np.repeat(rows(dependent(20)), 100, axis=0)
    one = lesson(polled)._replace(clients=np.zeros(len(polled), np.uint64))
    assert baselines.fit(ROWS, 0, one, NONE, before) is before
    everybodys = baselines.fit(ROWS, 0, lesson(polled), NONE, before)
    assert everybodys.pairs is before.pairs
    assert everybodys.chance != before.chance, "what many clients have in common is learnt from all of them"


def test_errors_of_a_network_have_their_own_scale() -> None:
    unknown = baselines.unknown()
    few, many = np.arange(40, dtype=np.float32), np.append(np.arange(101), [np.nan, np.inf]).astype(np.float32)
    assert np.isnan(baselines.own(few, unknown).own).all()
    assert baselines.own(many, unknown).own.tolist() == [50.0, 50.0]
    assert baselines.own(np.ones(50, np.float32), unknown).own.tolist() == [1.0, 1e-3]
    assert baselines.load(baselines.dump(baselines.own(many, unknown))).own.tolist() == [50.0, 50.0]


def crowds(n: int = 200) -> baselines.Lesson:
    """Inputs of a dense label 1, of a wide label 2, of one input of label 4; each of a client of its own."""
    random = np.random.default_rng(4)
    points, of = random.normal(size=(2 * n, WIDTH)), np.tile([1, 2], n)
    points[of == 1] *= 0.2
    of[7] = 4
    return lesson(dense(points), of.astype(np.uint16))


def chance(given: baselines.Lesson) -> np.ndarray:
    found = np.full(len(given.labels), np.nan)
    nearest_stranger(given.sketches, given.clients, baselines.CROWD, found)
    return found


def test_labels_whose_inputs_lie_densely_have_short_links() -> None:
    given = crowds()
    found, near = baselines.links(given, 9.0), chance(given)
    assert found[1] < 0.5 * found[2]
    linked = [np.mean(near[given.labels == label] < found[label]) for label in (1, 2)]
    assert max(linked) < 0.1, "by chance"
    assert min(linked) > 0.02


def test_a_label_of_few_samples_is_drawn_towards_all() -> None:
    given = crowds()
    found, near = baselines.links(given, 9.0), chance(given)
    usual = np.quantile(near, baselines.BY_CHANCE)
    assert found[[0, 3]].tolist() == [usual, usual], "labels that were not seen"
    own = float(near[7])
    assert found[4] == pytest.approx(own ** (1 / 21) * usual ** (20 / 21))
    assert found[4] != pytest.approx(usual)


def test_no_link_exceeds_the_models() -> None:
    free, bounded = (baselines.links(crowds(), link) for link in (9.0, 0.4))
    assert free[2] > 0.4
    assert bounded.max() == 0.4
    assert bounded[1] <= free[1]


def test_links_of_labels_wait_until_enough_clients_have_met() -> None:
    assert len(baselines.links(crowds(baselines.CROWD // 2), 9.0)) == 0
    assert len(baselines.links(crowds(baselines.CROWD // 2 + 1), 9.0)) == 5
    alone = crowds()._replace(clients=np.zeros(400, np.uint64))
    assert len(baselines.links(alone, 9.0)) == 0, "nobody's own chain is the measure"

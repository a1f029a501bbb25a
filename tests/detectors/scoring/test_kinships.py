import numpy as np
import pytest

from detectors.features.kinship import CHANNELS, NEAR
from detectors.features.neighbours import pack_dense, sketch_bytes
from detectors.scoring import kinships
from detectors.scoring.kinships import ENOUGH, MOST, Meetings, below, fit
from detectors.sketch.queries import DENSE, MAX_WIDTH, ROWS, SEGMENTS

RANDOM = np.random.default_rng(11)
WIDTH = 24
NEAR_BIT = np.uint64(1) << np.uint64(NEAR)


def lesson(n: int = 400, clients: int = 80, met: int = 0, twins: int = 0) -> Meetings:
    vectors = np.zeros((n, MAX_WIDTH), np.float32)
    vectors[:, :WIDTH] = RANDOM.normal(size=(n, WIDTH))
    if twins:  # queries that are next to another client's
        vectors[:twins, :WIDTH] = vectors[twins : 2 * twins, :WIDTH] + 0.01
    sketches = np.zeros((n, sketch_bytes(DENSE, 0)), np.uint8)
    pack_dense(vectors, np.zeros((n, SEGMENTS), np.uint8), sketches)
    return Meetings(sketches, (np.arange(n) % clients).astype(np.uint64), np.full(n, met, np.uint64))


def test_nothing_is_known_of_few_samples() -> None:
    known = fit(DENSE, WIDTH, np.zeros(WIDTH), lesson(ENOUGH - 1))
    assert (known.usable, known.rare, known.limit, len(known.centre)) == (0, 0, 0.0, 0)


def test_a_channel_in_which_honest_clients_meet_makes_no_link() -> None:
    known = fit(ROWS, 0, np.zeros(0), lesson(400, met=1 << 3))
    assert known.usable == known.rare
    assert int(known.usable) & 1 << 3 == 0
    assert int(known.usable) & 1 << 4


@pytest.mark.parametrize(("met", "rare"), [(2, True), (9, False)])
def test_rare_is_below_four_in_a_thousand(met: int, rare: bool) -> None:
    marks = np.zeros(1_000, np.uint64)
    marks[:met] = 1 << 5
    assert bool(int(below(0.004, marks)) & 1 << 5) == rare


def test_few_samples_make_nothing_rare() -> None:
    assert below(0.004, np.zeros(200, np.uint64)) == 0
    assert int(below(0.004, np.zeros(300, np.uint64))).bit_count() == CHANNELS


def test_near_is_a_share_of_the_usual_distance_at_most() -> None:
    known = fit(DENSE, WIDTH, np.zeros(WIDTH), lesson())
    assert 0 < known.limit <= MOST
    assert 0 < known.widest < 10
    assert known.usable & NEAR_BIT
    assert not known.rare & NEAR_BIT


def test_where_honest_clients_have_twins_near_is_nearer() -> None:
    assert fit(DENSE, WIDTH, np.zeros(WIDTH), lesson(clients=79, twins=80)).limit < 0.1


@pytest.mark.parametrize(("width", "centre"), [(0, 0), (WIDTH, 0)])
def test_dense_inputs_without_a_mean_have_no_near(width: int, centre: int) -> None:
    known = fit(DENSE, width, np.zeros(centre), lesson())
    assert known.limit == 0.0
    assert len(known.centre) == 0


def test_one_client_alone_teaches_no_distance() -> None:
    known = fit(DENSE, WIDTH, np.zeros(WIDTH), lesson(clients=1))
    assert (known.limit, known.widest) == (0.0, 0.0)


def test_dump_and_load() -> None:
    known = fit(DENSE, WIDTH, np.zeros(WIDTH), lesson())
    again = kinships.load(kinships.dump(known))
    assert all(np.array_equal(a, b) for a, b in zip(known, again, strict=True))
    with pytest.raises(KeyError):
        kinships.load({})

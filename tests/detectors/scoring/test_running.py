import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.scoring.evidence import ALONE, MOST, SPEAKS, STAKE, named_evidence
from detectors.scoring.running import run


class Kept:
    """What a model keeps of four clients for each test."""

    def __init__(self, tests: int = 1) -> None:
        self.last = np.zeros((4, tests), np.uint8)
        self.capital, self.peak = np.zeros((4, tests), np.float32), np.zeros((4, tests), np.float32)

    def told(self, slots: list[int], blocks: list[int], strengths: list[list[float]], floor: float = 0.5) -> np.ndarray:
        rows, tests = len(slots), self.last.shape[1]
        given, out = np.array(strengths, np.float64).reshape(rows, tests), np.zeros((rows, tests))
        floors, own = np.full(tests, floor), (self.last, self.capital, self.peak, out)
        run(np.array(slots, np.int32), np.array(blocks, np.int32), given, floors, *own)
        return out


def alone(strengths: list[float], floor: float = 0.5) -> np.ndarray:
    """Running strengths of one client and one test."""
    return Kept().told([0] * len(strengths), list(range(1, len(strengths) + 1)), [[x] for x in strengths], floor)[:, 0]


@pytest.mark.parametrize("strengths", [[0.9], [0.65, 0.65], [0.5] * 5, [0.0, 0.0, 0.9], [0.7, 0.4, 0.6]])
def test_strong_blocks_speak_at_once_and_weaker_ones_together(strengths: list[float]) -> None:
    out = alone(strengths).round(6)
    assert (out[:-1] < SPEAKS).all()
    assert out[-1] >= SPEAKS


@pytest.mark.parametrize("strengths", [[0.85], [0.4] * 1000, [0.6, 0.2] * 1000, [0.8, 0.0] * 1000])
def test_a_moment_in_an_ordinary_life_is_lost_again(strengths: list[float]) -> None:
    assert (alone(strengths).round(6) < SPEAKS).all()


def test_each_block_multiplies_the_e_value() -> None:
    e = named_evidence(alone([0.5, 0.6, 0.45]))
    assert e[1] / e[0] == pytest.approx(10 ** (6 * (0.6 - STAKE)), rel=1e-4)
    assert e[2] / e[1] == pytest.approx(10 ** (6 * (0.45 - STAKE)), rel=1e-4)


def test_what_an_attack_gathered_has_a_ceiling() -> None:
    out = alone([1.0] * 50 + [0.0] * 3)
    assert out[49] == MOST
    assert out[-1] == 0.0, "and is forgotten within three ordinary blocks"


def test_a_raised_floor_raises_the_stake() -> None:
    assert alone([0.8] * 50, floor=0.9).max() == 0.0
    reached = alone([1.0] * 3, floor=0.9).round(6) >= 0.9
    assert reached.tolist() == [False, False, True]


def test_a_level_is_held_by_two_blocks() -> None:
    kept = Kept()
    kept.told([1, 1, 1], [1, 2, 3], [[1.0], [0.5], [0.0]])
    assert (kept.last[1, 0], kept.peak[1, 0]) == (0, np.float32(ALONE))
    kept.told([1, 1], [4, 5], [[0.9], [0.9]])
    assert kept.peak[1, 0] == pytest.approx(0.9, abs=0.002)


def test_clients_and_tests_are_kept_apart() -> None:
    kept = Kept(tests=2)
    out = kept.told([0, 1, 0, 1], [1, 1, 2, 2], [[1, 0], [0, 1], [1, 0], [0, 1]]).round(6)
    assert out.tolist() == [[0.6, 0], [0, 0.6], [1, 0], [0, 1]]
    assert kept.peak[:2].tolist() == [[1, 0], [0, 1]]


def test_no_blocks_change_nothing() -> None:
    kept = Kept()
    kept.last[:], kept.capital[:], kept.peak[:] = 1, 1, 1
    kept.told([], [], [])
    assert all((array == 1).all() for array in (kept.last, kept.capital, kept.peak))


@given(
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from([0.0, 0.25, 0.5, 1.0])), min_size=1, max_size=30),
    st.integers(0, 30),
)
def test_how_blocks_are_cut_does_not_matter(given: list[tuple[int, float]], cut: int) -> None:
    slots = [slot for slot, _ in given]
    blocks = [slots[: at + 1].count(slot) for at, slot in enumerate(slots)]
    strengths = [[strength] for _, strength in given]
    whole = Kept().told(slots, blocks, strengths)
    kept = Kept()
    parts = [kept.told(slots[part], blocks[part], strengths[part]) for part in (slice(cut), slice(cut, None))]
    assert np.concatenate(parts).tolist() == whole.tolist()

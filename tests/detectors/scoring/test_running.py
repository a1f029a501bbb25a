import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from detectors.scoring.evidence import ALONE
from detectors.scoring.running import run


def told(
    slots: list[int], blocks: list[int], strengths: list[list[float]]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    tests = len(strengths[0])
    last, peak, out = np.zeros((4, tests), np.float32), np.zeros((4, tests), np.float32), np.zeros((len(slots), tests))
    run(np.array(slots, np.int32), np.array(blocks, np.int32), np.array(strengths), last, peak, out)
    return out, last, peak


def test_a_first_block_counts_less_and_the_next_confirms() -> None:
    out, last, peak = told([1, 1, 1], [1, 2, 3], [[1.0], [0.5], [0.0]])
    assert out[:, 0].tolist() == [ALONE, 0.75, 0.25]
    assert (last[1, 0], peak[1, 0]) == (0.0, np.float32(ALONE))


def test_clients_and_tests_are_kept_apart() -> None:
    out, _, peak = told([0, 1, 0, 1], [1, 1, 2, 2], [[1, 0], [0, 1], [1, 0], [0, 1]])
    assert out.tolist() == [[ALONE, 0], [0, ALONE], [1, 0], [0, 1]]
    assert peak[:2].tolist() == [[1, 0], [0, 1]]


def test_no_blocks_change_nothing() -> None:
    last, peak = np.ones((2, 1), np.float32), np.ones((2, 1), np.float32)
    run(np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros((0, 1)), last, peak, np.zeros((0, 1)))
    assert (last == 1).all()
    assert (peak == 1).all()


@given(
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from([0.0, 0.25, 0.5, 1.0])), min_size=1, max_size=30),
    st.integers(0, 30),
)
def test_how_blocks_are_cut_does_not_matter(given: list[tuple[int, float]], cut: int) -> None:
    slots = [slot for slot, _ in given]
    blocks = [slots[: at + 1].count(slot) for at, slot in enumerate(slots)]
    strengths = [[strength] for _, strength in given]
    whole, _, _ = told(slots, blocks, strengths)
    last, peak, out = np.zeros((4, 1), np.float32), np.zeros((4, 1), np.float32), np.zeros((len(slots), 1))
    for part in (slice(0, cut), slice(cut, None)):
        run(
            np.array(slots[part], np.int32),
            np.array(blocks[part], np.int32),
            np.array(strengths[part]).reshape(-1, 1),
            last,
            peak,
            out[part],
        )
    assert out.tolist() == whole.tolist()

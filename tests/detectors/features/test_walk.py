"""The kernel on queries of one client or two: what it relates, remembers and counts, and when it cuts blocks."""

from __future__ import annotations

import numpy as np
import pytest
from walker import ALICE, BOB, Walker, dense, known, opaque, rows, texts

from detectors.features.baseline import unknown
from detectors.features.facts import FACTS
from detectors.features.layout import (
    FAILED,
    FLIP,
    LINKED,
    MOST_COUNTED,
    OTHER_VERSION,
    PAGE,
    REFUSED,
    REPEAT,
    SAME_LAG,
    STAR,
    STRANGE,
    TRAIL,
    TRAINED,
    TRAINED_ROW,
)
from detectors.features.walk import ACQUAINTED, FEATURES, seen, teaches
from detectors.sketch.lexicon import HIDDEN, LOOKED
from detectors.sketch.queries import DENSE, MINHASHES, OPAQUE, ROWS, TEXT

NAN = float("nan")


def test_blocks_end_at_20_30_40_of_the_clients_own_count() -> None:
    walker = Walker(OPAQUE)
    out, ended = walker(opaque(15), ALICE)
    assert ended == 0
    out, ended = walker(opaque(4), BOB)
    assert ended == 0
    out, ended = walker(opaque(26), ALICE)
    assert (ended, out.ended[:3].tolist()) == (3, [4, 14, 24])
    assert out.heads["count"][out.ended[:3]].tolist() == [20, 30, 40]
    assert out.heads["blocks"][out.ended[:3]].tolist() == [1, 2, 3]
    out, ended = walker(opaque(16), BOB)
    assert (ended, out.ended[0], int(out.heads["count"][out.ended[0]])) == (1, 15, 20)


def test_a_block_tells_what_stood_then_and_not_what_came_later() -> None:
    walker = Walker(OPAQUE)
    out, _ = walker(opaque(40), exact=1 + np.arange(40), label=1 + np.arange(40))
    assert out.heads["distinct"][out.ended[:3]].tolist() == [20, 30, 40]
    assert out.heads["last_offset"][out.ended[:3]].tolist() == [19, 29, 39]
    assert out.classes[out.ended[:3]].tolist() == [20, 30, 40]
    fill = out.features[:3, FEATURES.index("fill")]
    assert fill.tolist() == [20, 30, 40]


def test_the_window_is_a_ring() -> None:
    walker = Walker(TEXT)
    most = walker.windows.state.pages.shape[1] * PAGE
    walker(texts(most + 5), label=np.arange(most + 5))
    assert walker.window()["label"].tolist() == list(range(5, most + 5))
    assert int((walker.windows.state.pages[0] >= 0).sum()) * PAGE == most


def test_pages_come_as_the_window_grows() -> None:
    walker = Walker(TEXT)
    held = []
    for n in (1, 7, 1, 8):
        walker(texts(n))
        held.append(int((walker.windows.state.pages[0] >= 0).sum()))
    assert held == [1, 1, 2, 3]


def test_a_near_row_is_linked_and_inherits_its_base() -> None:
    walker = Walker(ROWS, columns=6)
    given = [[1, 1, 1, 1, 1, 1], [6, 6, 6, 6, 6, 6], [1, 1, 1, 2, 1, 1], [1, 1, 3, 2, 1, 1]]
    walker(rows(given), exact=[1, 2, 3, 4], label=[1, 1, 1, 4])
    entries = walker.window()
    assert entries["base"].tolist() == [0, 1, 0, 0]
    assert entries["flags"].tolist() == [0, 0, LINKED | STAR, LINKED | FLIP]
    assert entries["mask"].tolist()[2:] == [0b1000, 0b0100]
    assert entries["root_label"].tolist() == [1, 1, 1, 1]
    assert np.isnan(entries["distance"][0])
    assert entries["distance"][1:].tolist() == [6, 1, 1]
    assert np.isnan(entries["step"]).all(), "rows have no steps"


def test_a_row_that_only_jitters_in_its_bins_is_linked() -> None:
    walker = Walker(ROWS, columns=8)
    jittered = rows([[1] * 8, [1] * 8])
    jittered[1, 1::2] += 9  # other values, the same codes
    walker(jittered)
    assert walker.window()["flags"].tolist() == [0, LINKED | STAR]


def test_texts_are_linked_by_half_of_their_shingles() -> None:
    walker = Walker(TEXT)
    sketches = texts(3)
    sketches[1, : MINHASHES // 2], sketches[2, :MINHASHES] = 7, 9
    sketches[:, MINHASHES:] = np.arange(3)[:, None]  # what lies behind is no part of the likeness
    walker(sketches)
    assert walker.window()["flags"].tolist() == [0, LINKED | STAR, 0]


def test_dense_queries_are_linked_once_the_distance_is_known() -> None:
    points = dense([[1.0, 0, 0], [1.25, 0, 0], [0, 8, 0]])
    learning, walker = Walker(DENSE, width=3), Walker(DENSE, width=3, baseline=known(3))
    learning(points)
    walker(points)
    assert learning.window()["flags"].tolist() == [0, 0, 0]
    assert walker.window()["flags"].tolist() == [0, LINKED | STAR, 0]
    assert walker.window()["distance"][1] == pytest.approx(0.25)


def test_steps_and_the_angle_between_them() -> None:
    walker = Walker(DENSE, width=3, baseline=known(3))
    walker(dense([[0, 0, 0], [1, 0, 0], [2, 0, 0], [1, 0, 0], [1, 1, 0], [1, 1, 0]]))
    entries = walker.window()
    assert entries["step"].tolist()[1:] == [1, 1, 1, 1, 0]
    assert entries["cosine"].tolist() == [0, 0, 127, -127, 0, 0]


def test_no_dense_scales_no_dense_chains() -> None:
    out, ended = Walker(DENSE, width=3)(dense(np.random.default_rng(0).normal(size=(20, 3))))
    values = dict(zip(FEATURES, out.features[0], strict=True))
    assert ended == 1
    assert np.isnan([values["near"], values["far"], values["clusters"]]).all()
    assert np.isfinite([values["near_raw"], values["far_raw"], values["repeat"]]).all()
    assert np.isnan([values["error_p50"], values["sweep"]]).all()


def test_the_error_of_a_dense_query() -> None:
    baseline = known(2)._replace(
        mean=np.zeros(2), components=np.array([[1.0, 0.0]]), level=1.0, slope=0.0, offsets=np.array([0, 0.5]), unit=2.0
    )
    walker = Walker(DENSE, width=2, baseline=baseline)
    walker(dense([[3, 4], [3, 4]]), label=[1, 9])
    expected = (np.log(4) - 1.0 - np.array([0.5, 0.0])) / 2
    assert walker.window()["error"].tolist() == pytest.approx(expected, abs=1e-3)
    assert walker.window()["root_error"].tolist() == pytest.approx([expected[0]] * 2, abs=1e-3), "linked to the first"


def test_dependence_and_rarity_of_a_row() -> None:
    singles, pairs = np.zeros((3, 8)), np.zeros((3, 8, 8))
    singles[0, 5], pairs[0, 5, 6], pairs[2, 6, 7] = 4.0, -3.0, -1.0
    baseline = unknown(3)._replace(
        singles=singles, pairs=pairs, dependence=np.array([0.0, 2.0]), rarity=np.array([2.0, 2.0])
    )
    walker = Walker(ROWS, columns=3, baseline=baseline)
    walker(rows([[5, 6, 7], [0, 0, 0]]))
    assert walker.window()["error"].tolist() == [-2.0, 0.0]
    assert walker.window()["far"].tolist() == [1.0, -1.0]


def test_before_rows_are_known_nothing_is_rare() -> None:
    walker = Walker(ROWS, columns=3)
    walker(rows([[5, 6, 7]]))
    assert np.isnan(walker.window()["far"]).all()
    assert np.isnan(walker.window()["error"]).all()


def test_repeats_are_remembered_beyond_the_window() -> None:
    walker = Walker(OPAQUE)
    walker(opaque(TRAIL + 1), exact=[*range(1, TRAIL + 1), 1])
    assert walker.window()["flags"][-1] == REPEAT
    assert walker.header()["distinct"] == TRAIL


def test_what_has_left_the_trail_is_new() -> None:
    walker = Walker(OPAQUE)
    walker(opaque(TRAIL + 2), exact=[*range(1, TRAIL + 2), 1])
    assert walker.window()["flags"][-1] == 0


def test_an_ordered_set_comes_again_at_the_same_lag() -> None:
    walker = Walker(OPAQUE)
    walker(opaque(20), exact=[*range(1, 11)] * 2)
    assert walker.window()["flags"].tolist() == [0] * 10 + [REPEAT] + [REPEAT | SAME_LAG] * 9


def test_a_poller_of_a_few_inputs_has_no_telling_lag() -> None:
    walker = Walker(OPAQUE)
    walker(opaque(10), exact=[1, 2, 3, 4, 5] * 2)
    assert not (walker.window()["flags"] & SAME_LAG).any()


def test_a_repeat_under_another_version() -> None:
    walker = Walker(OPAQUE)
    walker(opaque(4), exact=[1, 2, 1, 2], version=[1, 1, 2, 1])
    assert walker.window()["flags"].tolist() == [0, 0, REPEAT | OTHER_VERSION, REPEAT]


def test_inputs_without_a_hash_never_repeat() -> None:
    walker = Walker(OPAQUE)
    walker(opaque(5), exact=0)
    assert not walker.window()["flags"].any()
    assert walker.header()["distinct"] == 5


def test_the_accounts_of_a_client() -> None:
    walker = Walker(OPAQUE)
    walker(
        opaque(4), size=[10, 20, 30, 40], output=[1, 1, 1, 5], time=[50, 10, 90, 70], failure=[0, REFUSED, FAILED, 0]
    )
    header = walker.header()
    assert (header["count"], header["answered"], header["first"], header["last"]) == (4, 2, 50, 90)
    assert (header["first_offset"], header["last_offset"], header["touched"]) == (0, 3, 4)
    assert header["size_long"] == pytest.approx(25)
    assert header["output_long"] == pytest.approx(2)
    assert header["size_short"] == pytest.approx(10 * 0.9**3 + 0.1 * (20 * 0.81 + 30 * 0.9 + 40))
    assert header["bits"] == pytest.approx(-4 * np.log2(0.9), rel=1e-5)


def test_bits_are_those_of_known_answers() -> None:
    walker = Walker(OPAQUE)
    walker(opaque(3), p1=[NAN, 0.5, 0.0], label=[1, 0, 2])
    assert walker.header()["bits"] == pytest.approx(-np.log2(1e-4)), "no answer without a label, none without a number"


def test_classes_are_counted_modulo_256() -> None:
    walker = Walker(OPAQUE)
    walker(opaque(4), label=[1, 65, 257, 255])
    assert seen(walker.windows.state.classes[0]) == 3


def test_a_client_teaches_at_ever_longer_intervals() -> None:
    assert [n for n in range(1, 70) if teaches(n)] == [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64]
    out, _ = Walker(OPAQUE)(opaque(9))
    assert out.teach.tolist() == [True] * 4 + [False, True, False, True, False]


@pytest.mark.parametrize("kind", [OPAQUE, DENSE, ROWS, TEXT])
def test_how_queries_are_cut_into_steps_does_not_matter(kind: int) -> None:
    random = np.random.default_rng(0)
    vectors = random.normal(size=(45, 6))
    sketches = {
        OPAQUE: opaque(45),
        DENSE: dense(vectors),
        ROWS: rows(random.integers(0, 3, (45, 6))),
        TEXT: random.integers(0, 2, texts(45).shape).astype(np.uint8),
    }[kind]
    exact, label = random.integers(0, 30, 45), random.integers(0, 4, 45)

    def features(cuts: list[int]) -> list[list[float]]:
        walker = Walker(
            kind, columns=6 if kind == ROWS else 0, width=6, baseline=known(6, 3.0) if kind == DENSE else None
        )
        found = []
        for start, stop in zip([0, *cuts], [*cuts, 45], strict=True):
            out, ended = walker(sketches[start:stop], exact=exact[start:stop], label=label[start:stop])
            found += np.nan_to_num(out.features[:ended], nan=-99).tolist()
        return found

    assert features([]) == features([1, 19, 20, 21, 44])
    assert len(features([])) == 3


def test_texts_that_stand_out_make_a_stream_of_their_own() -> None:
    wishes = FACTS.fields["wishes"][1] if FACTS.fields else 0
    sketches = np.arange(4, dtype=np.uint8)[:, None] + texts(4)
    sketches[:, MINHASHES:] = 0
    sketches[1::2, MINHASHES + wishes] = LOOKED | HIDDEN
    out, _ = Walker(TEXT)(sketches)
    assert (out.routed[:4] & STRANGE != 0).tolist() == [False, True, False, True]


def test_a_block_of_texts_says_what_they_wish() -> None:
    sketches = texts(20)
    sketches[:, MINHASHES + (FACTS.fields["wishes"][1] if FACTS.fields else 0)] = LOOKED | HIDDEN
    out, ended = Walker(TEXT)(sketches, exact=np.arange(1, 21))
    assert ended == 1
    assert out.features[0, FEATURES.index("hidden")] == 1
    of_rows, ended = Walker(ROWS, columns=2)(rows(np.zeros((20, 2), int)))
    assert ended == 1
    assert np.isnan(of_rows.features[0, FEATURES.index("hidden")])


def test_a_row_without_columns() -> None:
    _, ended = Walker(ROWS, columns=0)(np.zeros((20, 0), np.uint8))
    assert ended == 1


WHOLE = 1 << 63


def test_training_records_are_flagged_whole_and_but_for_the_moved_column() -> None:
    walker = Walker(ROWS, 3)
    codes = [[0, 0, 0], [0, 1, 0], [0, 2, 0], [3, 2, 0], [4, 5, 6]]
    trained = [WHOLE, 0b010, 0b101, 0b010, WHOLE | 0b111]
    walker(rows(codes), exact=np.arange(1, 6), trained=trained)
    flags = walker.window()["flags"]
    assert [bool(flag & TRAINED) for flag in flags] == [True, False, False, False, True]
    assert [bool(flag & TRAINED_ROW) for flag in flags] == [False, True, False, False, False]


def test_a_moved_column_63_is_not_taken_for_the_whole_record() -> None:
    codes = np.zeros((2, 64), int)
    codes[1, 63] = 1
    walker = Walker(ROWS, 64)
    walker(rows(codes), exact=[1, 2], trained=[0, WHOLE])
    assert not walker.window()["flags"][1] & TRAINED_ROW


def test_without_fingerprints_nothing_is_said_of_training_records() -> None:
    names = ("training_hits", "training_surprise", "training_row_hits", "training_row_surprise")
    at = [FEATURES.index(name) for name in names]
    for trained, told in (((), False), (np.zeros(20), True)):
        out, ended = Walker(OPAQUE)(opaque(20), exact=np.arange(1, 21), trained=trained)
        assert ended == 1
        assert np.isfinite(out.features[0, at[:2]]).all() == told
        assert np.isnan(out.features[0, at[2:]]).all(), "opaque inputs have no columns"


def test_each_label_has_its_own_distance() -> None:
    baseline = known(3)._replace(links=np.array([0.5, 0.1]))
    for label, flags in ((0, LINKED | STAR), (1, 0), (2, LINKED | STAR)):
        walker = Walker(DENSE, width=3, baseline=baseline)
        walker(dense([[1.0, 0, 0], [1.25, 0, 0]]), label=label)
        assert walker.window()["flags"].tolist() == [0, flags], "labels that are not known take the model's"


def roots(rooted: bool) -> list[list[float]]:
    """What three queries inherit that come from another window, the last near the first here."""
    baseline = known(3)._replace(own=np.array([1.0, 2.0]))
    walker = Walker(DENSE, width=3, baseline=baseline, rooted=rooted)
    given = {"root_label": [7, 8, 9], "root_margin": [0.25, 0.5, 0.75], "root_error": [2, 3, 4], "error": [5, 6, 7]}
    walker(dense([[1.0, 0, 0], [0, 8, 0], [1.25, 0, 0]]), label=[1, 2, 3], p1=0.5, p2=0.375, **given)
    return [walker.window()[name].tolist() for name in given]


def test_queries_from_another_window_keep_the_base_that_they_know() -> None:
    assert roots(rooted=True) == [[7, 8, 7], [0.25, 0.5, 0.25], [2, 3, 2], [5, 6, 7]]


def test_queries_of_the_main_window_are_their_own_base_and_judged_here() -> None:
    assert roots(rooted=False) == [[1, 2, 1], [0.125, 0.125, 0.125], [2, 2.5, 2], [2, 2.5, 3]]


def counted(walker: Walker) -> tuple[int, int]:
    header = walker.header()
    return int(header.swept), int(header.trained)


def acquainted(domain: list[float]) -> Walker:
    """A walker of a model that has seen enough queries, of columns with so many values; Alice begins."""
    walker = Walker(ROWS, columns=len(domain), baseline=unknown(len(domain))._replace(domain=np.array(domain)))
    walker(rows(np.arange(ACQUAINTED)[:, None] % 7 * np.ones(len(domain), int)), BOB)
    return walker


def test_a_sweep_is_counted_once_when_it_is_whole() -> None:
    walker, base = acquainted([4.0, 3.0, 8.0, 8.0, 8.0, 8.0]), [0, 0, 5, 5, 5, 5]
    seen_so_far = []
    for value in (
        base,
        [1, 0, 5, 5, 5, 5],
        [2, 0, 5, 5, 5, 5],
        [2, 0, 5, 5, 5, 5],
        [3, 0, 5, 5, 5, 5],
        [4, 0, 5, 5, 5, 5],
        [0, 1, 5, 5, 5, 5],
        [0, 2, 5, 5, 5, 5],
    ):
        walker(rows([value]), exact=1 + hash(tuple(value)) % 1_000_000)
        seen_so_far.append(counted(walker)[0])
    assert seen_so_far == [0, 0, 0, 0, 1, 1, 1, 2], "a repeat is no value, and a fifth value no second sweep"


def test_no_sweep_is_counted_before_the_columns_are_known() -> None:
    walker = Walker(ROWS, columns=2, baseline=unknown(2))
    walker(rows([[0, 5], [1, 5]]), exact=[1, 2])
    assert counted(walker) == (0, 0)


def test_training_records_are_counted_once_each() -> None:
    walker = Walker(OPAQUE)
    trained = np.array([1, 0, 1, 1], np.uint64) << np.uint64(63)
    walker(opaque(4), exact=[1, 2, 1, 3], trained=trained)
    assert counted(walker) == (0, 2)


def test_counts_stay_at_their_most() -> None:
    walker = acquainted([2.0, 8.0])
    walker(rows([[0, 5]]), exact=1)
    walker.header()["swept"], walker.header()["trained"] = MOST_COUNTED, MOST_COUNTED
    walker(rows([[1, 5]]), exact=2, trained=np.array([1 << 63], np.uint64))
    assert counted(walker) == (MOST_COUNTED, MOST_COUNTED)

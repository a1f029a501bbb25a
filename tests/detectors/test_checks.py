"""Checks of the checks: for each a detector that it must reject, and good ones that pass all (Source: none)."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np
import pytest

from detectors import checks
from detectors.checks import check_all, example_blocks
from detectors.contract import Blocks, Floats, Reason
from detectors.scoring.gates import all_of, any_of, feature, gate, none_of, where_known
from detectors.scoring.named import NamedTests
from detectors.scoring.rows import RowDetector

Reasons = tuple[Reason, ...]


class Fine(NamedTests):
    """Named tests with everything that the language has."""

    name, family, kinds = "fine", "evasion", frozenset({1, 2})
    expressions: ClassVar = {
        "chain": all_of(
            gate("near", honest=0.1, attack=0.4),
            any_of(
                gate(feature("fall") * feature("fill").sqrt(), honest=0, attack=3), gate("flips", honest=0, attack=1)
            ),
        ),
        "lone": all_of(gate("fill", honest=0, attack=3), none_of(gate("near", honest=0.2, attack=0.5))),
        "hits": where_known("hits", gate("hits", honest=0, attack=0.2), otherwise=gate("swept", honest=0, attack=1)),
    }


class FineRows(RowDetector):
    """One block at a time."""

    name, family, kinds, reads = "fine-rows", "cost", frozenset({0, 3}), frozenset({"rate", "length"})

    def score_one(self, features: Mapping[str, float]) -> float:
        """Whichever is larger."""
        with np.errstate(all="ignore"):
            return max(features.get("rate", 0.0) / 10, features.get("length", 0.0) / 100)


class Simple:
    """One test on one feature, to be broken."""

    name, family, tests, kinds, reads = "simple", "cost", ("grown",), frozenset({0}), frozenset({"rate"})

    def score(self, blocks: Blocks) -> Floats:
        with np.errstate(all="ignore"):
            return np.nan_to_num(np.clip(blocks.feature("rate") / 10, 0, 1))[:, None]

    def reasons(self, blocks: Blocks, row: int, test: int) -> Reasons:
        return (Reason("rate", float(blocks.feature("rate")[row]), float(self.score(blocks)[row, test])),)


@pytest.mark.parametrize("detector", [Fine(), FineRows(), Simple()], ids=lambda one: one.name)
def test_good_detectors_pass(detector: Any) -> None:
    check_all(detector)
    check_all(detector, example_blocks(detector.reads, min(detector.kinds), n=5, seed=9))


def test_checks_need_blocks() -> None:
    with pytest.raises(ValueError, match="at least one block"):
        check_all(Simple(), example_blocks(Simple.reads, 0, n=0))


class Learns(Simple):
    """Gets used to what it sees."""

    seen = 0.0

    def score(self, blocks: Blocks) -> Floats:
        self.seen += 0.01
        return super().score(blocks) * np.exp(-self.seen)


class Writes(Simple):
    """Cleans the caller's column."""

    def score(self, blocks: Blocks) -> Floats:
        blocks.feature("rate")[:] = np.nan_to_num(blocks.feature("rate"))
        return super().score(blocks)


class Adds(Simple):
    """Leaves a column behind."""

    def score(self, blocks: Blocks) -> Floats:
        blocks.features["mine"] = blocks.feature("rate")  # type: ignore[index]
        return super().score(blocks)


class Counts(Simple):
    """Writes into the counts while it explains."""

    def reasons(self, blocks: Blocks, row: int, test: int) -> Reasons:
        blocks.queries[row] += 1
        return super().reasons(blocks, row, test)


class Ranks(Simple):
    """Compares with its neighbours."""

    def score(self, blocks: Blocks) -> Floats:
        score = super().score(blocks)
        return score / max(1.0, score.sum()) if len(blocks) else score


class Orders(Simple):
    """Takes each block with the one before it, in pieces of any size it likes."""

    def score(self, blocks: Blocks) -> Floats:
        score = super().score(blocks)
        return score if len(score) <= 7 else np.sort(score, axis=0)


class Loud(Simple):
    """Has no ceiling."""

    def score(self, blocks: Blocks) -> Floats:
        return np.nan_to_num(blocks.feature("rate"))[:, None]


class Fragile(Simple):
    """Divides by the feature."""

    def score(self, blocks: Blocks) -> Floats:
        rate = blocks.feature("rate")
        with np.errstate(all="ignore"):
            return np.where(np.isnan(rate), 0.0, np.where(np.abs(rate) > 1e300, rate - rate, 0.0) + 0.5)[:, None]


class Flat(Simple):
    """Forgets the axis of tests."""

    def score(self, blocks: Blocks) -> Floats:
        return super().score(blocks)[:, 0]


class Empty(Simple):
    """Answers no blocks with one row."""

    def score(self, blocks: Blocks) -> Floats:
        return super().score(blocks) if len(blocks) else np.zeros((1, 1))


class Suspects(Simple):
    """Thinks the worst of what it does not know."""

    def score(self, blocks: Blocks) -> Floats:
        return np.where(np.isnan(blocks.feature("rate")), 1.0, 0.0)[:, None]


class SuspectsAbsence(Simple):
    """Knows the columns that there should be."""

    def score(self, blocks: Blocks) -> Floats:
        return super().score(blocks) if "rate" in blocks.features else np.ones((len(blocks), 1))


class Tells(Simple):
    """Takes a column that is not there for something else than one that is unknown."""

    reads = frozenset({"rate", "other"})

    def score(self, blocks: Blocks) -> Floats:
        return super().score(blocks) * (1.0 if "other" in list(blocks.features) else 0.5)


class Peeks(Simple):
    """Reads what it does not declare."""

    def score(self, blocks: Blocks) -> Floats:
        return super().score(blocks) + 0 * np.nan_to_num(blocks.feature("size"))[:, None]


class CountsColumns(Simple):
    """Depends on what else is there."""

    def score(self, blocks: Blocks) -> Floats:
        return super().score(blocks) / (2 if len(blocks.features) > 1 else 1)


class Hoards(Simple):
    """Keeps what it has seen."""

    def __init__(self) -> None:
        self.kept: list[Floats] = []

    def score(self, blocks: Blocks) -> Floats:
        self.kept.append(blocks.feature("rate").copy())
        return super().score(blocks)


class Mute(Simple):
    """Speaks without reasons."""

    def reasons(self, blocks: Blocks, row: int, test: int) -> Reasons:
        return ()


class Boasts(Simple):
    """Has shares above 1."""

    def reasons(self, blocks: Blocks, row: int, test: int) -> Reasons:
        return (Reason("rate", float(blocks.feature("rate")[row]), 7.0),)


class Accuses(Simple):
    """Has reasons for an attack that it does not see."""

    def reasons(self, blocks: Blocks, row: int, test: int) -> Reasons:
        return (Reason("rate", float(blocks.feature("rate")[row]), 1.0),)


class Invents(Simple):
    """Gives a value that the block does not have."""

    def reasons(self, blocks: Blocks, row: int, test: int) -> Reasons:
        return (Reason("rate", 42.0, float(self.score(blocks)[row, test])),)


class NamesOthers(Simple):
    """Gives a feature that it does not read."""

    def reasons(self, blocks: Blocks, row: int, test: int) -> Reasons:
        return (Reason("size", 1.0, float(self.score(blocks)[row, test])),)


class Backwards(Simple):
    """Puts the strongest reason first."""

    def reasons(self, blocks: Blocks, row: int, test: int) -> Reasons:
        value = float(blocks.feature("rate")[row])
        return (Reason("rate", value, 0.9), Reason("rate", value, 0.1))


class LooksAround(Simple):
    """Explains a block by its neighbours."""

    def reasons(self, blocks: Blocks, row: int, test: int) -> Reasons:
        value, score = float(blocks.feature("rate")[row]), float(self.score(blocks)[row, test])
        return (Reason("rate", value, score / len(blocks)),)


BROKEN: list[tuple[type[Simple], Callable[..., None], str]] = [
    (Learns, checks.check_score_is_pure, "learns while it scores"),
    (Writes, checks.check_input_is_unharmed, "changes the feature rate"),
    (Adds, checks.check_input_is_unharmed, "adds or removes features"),
    (Counts, checks.check_input_is_unharmed, "counts of queries"),
    (Ranks, checks.check_batch_does_not_matter, "depends on the batch"),
    (Orders, checks.check_batch_does_not_matter, "depends on the (order|batch)"),
    (Loud, checks.check_strengths, "not between 0 and 1"),
    (Fragile, checks.check_extremes, "not finite on features of inf"),
    (Flat, checks.check_strengths, "shape"),
    (Empty, checks.check_strengths, "score of no blocks"),
    (Suspects, checks.check_missing_features, "every feature is NaN"),
    (SuspectsAbsence, checks.check_missing_features, "every feature is absent"),
    (Tells, checks.check_missing_features, "without other it says something else"),
    (Peeks, checks.check_reads_what_it_declares, "does not declare: size"),
    (CountsColumns, checks.check_reads_what_it_declares, "declared features alone"),
    (Hoards, checks.check_memory_is_bounded, "memory grows"),
    (Mute, checks.check_reasons, "without a reason"),
    (Boasts, checks.check_reasons, "shares .* not between 0 and 1"),
    (Accuses, checks.check_reasons, "is silent, and its reasons all say attack"),
    (Invents, checks.check_reasons, "is 42.0, and the block has"),
    (NamesOthers, checks.check_reasons, "'size' is not made of declared features"),
    (Backwards, checks.check_reasons, "do not begin with the weakest"),
    (LooksAround, checks.check_reasons, "depend on other blocks"),
]


@pytest.mark.parametrize(("broken", "check", "words"), BROKEN, ids=lambda given: getattr(given, "__name__", ""))
def test_each_check_rejects_a_broken_detector(broken: type[Simple], check: Callable[..., None], words: str) -> None:
    rate = np.append(np.random.default_rng(1).uniform(-2, 14, 40), np.nan)
    blocks = Blocks(0, {"rate": rate, "other": rate}, np.arange(41))
    check(Simple(), blocks)  # it is not the check that always fails
    with pytest.raises(AssertionError, match=words):
        check(broken(), blocks)
    with pytest.raises(AssertionError):
        check_all(broken(), blocks)


@pytest.mark.parametrize(
    ("part", "value", "words"),
    [
        ("name", "Big Name", "not like-this"),
        ("family", "sorcery", "not in the taxonomy"),
        ("tests", (), "names no tests"),
        ("tests", ("a", "a"), "the same name"),
        ("kinds", frozenset(), "kinds of"),
        ("kinds", frozenset({9}), "kinds of"),
        ("reads", frozenset(), "reads no features"),
        ("__doc__", "  ", "no docstring"),
        ("__module__", "builtins", "where the idea comes from"),
        ("score", None, "lacks a part"),
    ],
)
def test_metadata_that_is_not_complete_is_rejected(part: str, value: object, words: str) -> None:
    broken = type("Broken", (Simple,), {"__doc__": "One test.", "__module__": __name__, part: value})
    if part == "score":
        broken = type("Broken", (), {"name": "broken"})
    with pytest.raises(AssertionError, match=words):
        checks.check_metadata(broken())


def test_memory_is_looked_at_while_somebody_else_traces_it() -> None:
    checks.tracemalloc.start()
    try:
        checks.check_memory_is_bounded(Simple(), example_blocks(Simple.reads, 0))
        assert checks.tracemalloc.is_tracing()
    finally:
        checks.tracemalloc.stop()


def test_example_blocks_are_the_same_for_a_seed_and_say_what_is_unknown() -> None:
    one, other = (example_blocks(frozenset({"a", "b"}), 1, n=400, seed=3) for _ in range(2))
    assert all(np.array_equal(one.features[name], other.features[name], equal_nan=True) for name in ("a", "b"))
    assert 0.01 < np.isnan(one.features["a"]).mean() < 0.12
    assert len(one) == 400


def test_features_that_are_watched_are_a_mapping() -> None:
    watched = checks.Watched({"a": np.zeros(1)})
    assert (len(watched), list(watched), watched.get("b")) == (1, ["a"], None)
    assert watched.seen == {"b"}

"""What every detector has to pass, ours and other people's: call check_all(YourDetector()) in your tests.

Or let pytest show each check as a test of its own: `pytest_plugins = ["detectors.checks"]` and `DETECTORS = [Yours()]`
in a file of tests, and in it a test that takes `detector_check` and calls it.

Each check is a function that raises AssertionError with words that say what is wrong. They are raised, not asserted,
so that they hold under python -O too.
"""

from __future__ import annotations

import gc
import re
import sys
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final

import numpy as np

from detectors.contract import Blocks, Detector, Floats, Reason
from detectors.sketch.queries import KINDS
from detectors.taxonomy import FAMILIES, GAP

EXTREMES: Final = (0.0, 1.0, -1.0, 1e-300, 1e18, -1e18, 1e308, -1e308, np.inf, -np.inf)
ROUNDS: Final = 100  # of scoring between two looks at the memory
LEAK: Final = 8_192  # bytes in that many rounds
CITED: Final = r"\bsources?:|\b(19|20)\d\d\b|\bAML\.T\d{4}"
FUNCTIONS: Final = frozenset({"log", "sqrt", "abs"})  # that may stand in a reason beside the names of features


def check_all(detector: Detector, blocks: Blocks | None = None) -> None:
    """Run every check on these blocks, or on random ones of each kind of input that the detector names.

    Errors: AssertionError, with what is wrong; ValueError for no blocks, on which nothing can be seen.
    """
    if blocks is not None and len(blocks) == 0:
        raise ValueError("the checks need at least one block")
    check_metadata(detector)
    given = [example_blocks(detector.reads, kind) for kind in sorted(detector.kinds)] if blocks is None else [blocks]
    for one in given:
        for check in checks():
            check(detector, one)


def checks() -> tuple[Callable[[Detector, Blocks], None], ...]:
    """The checks that look at blocks, in their order."""
    return (
        check_input_is_unharmed,  # first: the others would hand on what it changes
        check_strengths,
        check_score_is_pure,
        check_batch_does_not_matter,
        check_extremes,
        check_missing_features,
        check_reads_what_it_declares,
        check_reasons,
        check_memory_is_bounded,
    )


def pytest_generate_tests(metafunc: Any) -> None:
    """A hook of pytest: one test for each detector, check and kind of input."""
    if "detector_check" not in metafunc.fixturenames:
        return
    found: list[Detector] = list(metafunc.module.DETECTORS)
    cases: dict[str, partial[None]] = {}
    for number, one in enumerate(found):
        cases[f"{one.name}-{number}-metadata"] = partial(check_metadata, one)
        for kind in sorted(one.kinds):
            blocks = example_blocks(one.reads, kind)
            for check in checks():
                name = check.__name__.removeprefix("check_")
                cases[f"{one.name}-{number}-{KINDS[kind]}-{name}"] = partial(check, one, blocks)
    metafunc.parametrize("detector_check", list(cases.values()), ids=list(cases))


def example_blocks(reads: frozenset[str], kind: int, n: int = 48, seed: int = 0) -> Blocks:
    """Random blocks with these features: each column a share, a signed measure, a count, a level or nearly always 0,
    every twentieth value unknown."""
    random = np.random.default_rng(seed)
    columns = {}
    for name in sorted(reads):
        share = random.uniform(size=n)
        shapes = (
            share,
            random.normal(0.0, 2.0, n),
            np.floor(random.lognormal(2.0, 1.5, n)),
            random.lognormal(0.0, 1.0, n),
            np.where(share < 0.9, 0.0, share),
        )
        columns[name] = np.where(random.uniform(size=n) < 0.05, np.nan, shapes[random.integers(len(shapes))])
    return Blocks(kind, columns, 20 + 10 * random.integers(0, 100, n))


def one_block(kind: int, **features: float) -> Blocks:
    """A block of a client's 40th query with these features and no others, for examples."""
    return Blocks(kind, {name: np.array([float(value)]) for name, value in features.items()}, np.array([40]))


def check_metadata(detector: Detector) -> None:
    """It says what it is: a name, a family of the taxonomy, tests, kinds, features, and where the idea comes from."""
    name = type(detector).__name__
    require(isinstance(detector, Detector), f"{name} lacks a part of detectors.contract.Detector")
    require(bool(re.fullmatch(r"[a-z][a-z0-9-]*", detector.name)), f"the name {detector.name!r} is not like-this")
    known = [family for family in FAMILIES if family != GAP]
    families = ", ".join(known)
    require(detector.family in known, f"the family {detector.family!r} is not in the taxonomy: {families}")
    tests = detector.tests
    require(isinstance(tests, tuple) and len(tests) > 0, f"{name} names no tests")
    require(len(set(tests)) == len(tests), f"two tests of {name} have the same name: {tests}")
    kinds = ", ".join(f"{kind} ({word})" for kind, word in KINDS.items())
    require(bool(detector.kinds) and detector.kinds <= set(KINDS), f"kinds of {name} are not among {kinds}")
    require(isinstance(detector.reads, frozenset) and bool(detector.reads), f"{name} reads no features")
    require(bool((type(detector).__doc__ or "").strip()), f"{name} has no docstring")
    texts = (type(detector).__doc__, sys.modules[type(detector).__module__].__doc__)
    sourced = any(re.search(CITED, text or "", re.IGNORECASE) for text in texts)
    require(
        sourced, f"neither {name} nor its module says where the idea comes from (a paper with its year, or Source:)"
    )


def check_strengths(detector: Detector, blocks: Blocks) -> None:
    """A score has one row per block and one column per test, and lies between 0 and 1."""
    strengths(detector, blocks, "example blocks")
    empty = part(blocks, np.arange(0))
    require(
        detector.score(empty).shape == (0, len(detector.tests)), "the score of no blocks is not of shape (0, tests)"
    )


def check_input_is_unharmed(detector: Detector, blocks: Blocks) -> None:
    """Scoring and explaining leave the blocks as they were."""
    given, before = part(blocks, np.arange(len(blocks))), part(blocks, np.arange(len(blocks)))
    detector.score(given)
    for row, test in asked(detector, given):
        detector.reasons(given, row, test)
    require(set(given.features) == set(before.features), "it adds or removes features of the blocks")
    for name, column in before.features.items():
        require(np.array_equal(column, given.features[name], equal_nan=True), f"it changes the feature {name}")
    require(np.array_equal(before.queries, given.queries), "it changes the blocks' counts of queries")


def check_score_is_pure(detector: Detector, blocks: Blocks) -> None:
    """The same blocks give the same answer, whatever was asked before."""
    first = detector.score(blocks)
    detector.score(part(blocks, np.arange(len(blocks))[::-1]))
    for row, test in asked(detector, blocks):
        detector.reasons(blocks, row, test)
    require(np.array_equal(first, detector.score(blocks)), "it learns while it scores: a second score differs")


def check_batch_does_not_matter(detector: Detector, blocks: Blocks) -> None:
    """A block's score is its own, to the last digit: whatever stands beside it, and in whatever order."""
    whole = detector.score(blocks)
    for size in (1, 7):
        cuts = [part(blocks, np.arange(at, min(at + size, len(blocks)))) for at in range(0, len(blocks), size)]
        pieces = np.concatenate([detector.score(cut) for cut in cuts])
        require(np.array_equal(whole, pieces), f"the score depends on the batch: in pieces of {size} it differs")
    order = np.random.default_rng(0).permutation(len(blocks))
    require(
        np.array_equal(whole[order], detector.score(part(blocks, order))), "the score depends on the order of blocks"
    )


def check_extremes(detector: Detector, blocks: Blocks) -> None:
    """Zeros, repeats and huge values give strengths like any others."""
    for value in EXTREMES:
        strengths(detector, replaced(blocks, dict.fromkeys(detector.reads, value)), f"features of {value}")
    for name in sorted(detector.reads):
        for value in (0.0, 1e308, -np.inf):
            strengths(detector, replaced(blocks, {name: value}), f"{name} = {value}")


def check_missing_features(detector: Detector, blocks: Blocks) -> None:
    """Of nothing known nothing follows, and a feature that is not there is one that is NaN."""
    blind = replaced(blocks, dict.fromkeys((*blocks.features, *detector.reads), np.nan))
    require(not strengths(detector, blind, "unknown features").any(), "it speaks although every feature is NaN")
    bare = replace(blocks, features={})
    require(not strengths(detector, bare, "absent features").any(), "it speaks although every feature is absent")
    for name in sorted(detector.reads):
        without = replace(blocks, features={k: v for k, v in blocks.features.items() if k != name})
        absent = strengths(detector, without, f"{name} absent")
        unknown = strengths(detector, replaced(blocks, {name: np.nan}), f"{name} unknown")
        require(np.array_equal(absent, unknown), f"without {name} it says something else than with {name} NaN")


def check_reads_what_it_declares(detector: Detector, blocks: Blocks) -> None:
    """It uses the features that it declares, and no others."""
    watched = Watched({**blocks.features, "undeclared": np.ones(len(blocks))})
    score = detector.score(replace(blocks, features=watched))
    secret = sorted(watched.seen - detector.reads)
    require(not secret, f"it reads features that it does not declare: {', '.join(secret)}")
    declared = {name: blocks.feature(name) for name in detector.reads}
    only = detector.score(replace(blocks, features=declared))
    require(np.array_equal(score, only), "it scores otherwise when it is given its declared features alone")


def check_reasons(detector: Detector, blocks: Blocks) -> None:
    """Reasons fit the score: there where it speaks, of its own features, with true values, the weakest first."""
    score = detector.score(blocks)
    for row, test in asked(detector, blocks):
        reasons, strength = detector.reasons(blocks, row, test), score[row, test]
        place = f"test {detector.tests[test]!r}"
        shares = [reason.share for reason in reasons]
        require(all(0.0 <= share <= 1.0 for share in shares), f"shares of {place} are not between 0 and 1: {shares}")
        require(shares == sorted(shares), f"reasons of {place} do not begin with the weakest: {shares}")
        require(strength == 0.0 or any(shares), f"{place} speaks ({strength:.2f}) without a reason")
        require(strength > 0.0 or not shares or shares[0] < 1.0, f"{place} is silent, and its reasons all say attack")
        for reason in reasons:
            check_reason(detector, blocks, row, reason)
        alone = detector.reasons(part(blocks, np.array([row])), 0, test)
        require(repr(alone) == repr(reasons), f"reasons of {place} depend on other blocks")


def check_reason(detector: Detector, blocks: Blocks, row: int, reason: Reason) -> None:
    """One reason is a declared feature with the value that the block has, or a formula of declared features."""
    words = set(re.findall(r"[A-Za-z_]\w*", reason.feature)) - FUNCTIONS
    require(bool(words) and words <= detector.reads, f"the reason {reason.feature!r} is not made of declared features")
    if reason.feature in detector.reads:
        true = blocks.feature(reason.feature)[row]
        require(
            np.array_equal(true, reason.value, equal_nan=True),
            f"the reason {reason.feature} is {reason.value}, and the block has {true}",
        )


def check_memory_is_bounded(detector: Detector, blocks: Blocks) -> None:
    """Scoring leaves nothing behind."""
    few = part(blocks, np.arange(min(4, len(blocks))))
    tracing = tracemalloc.is_tracing()
    if not tracing:
        tracemalloc.start()
    scored(detector, few)  # what is kept once, caches and compiled code, is no leak
    grown = -tracemalloc.get_traced_memory()[0]
    scored(detector, few)
    grown += tracemalloc.get_traced_memory()[0]
    if not tracing:
        tracemalloc.stop()
    require(grown < LEAK, f"its memory grows while it scores: {grown} bytes in {ROUNDS} rounds")


def scored(detector: Detector, blocks: Blocks) -> None:
    """Score the blocks ROUNDS times, and let go of what nobody holds."""
    for _ in range(ROUNDS):
        detector.score(blocks)
    gc.collect()


class Watched(Mapping[str, Floats]):
    """Features that remember which of them were looked at."""

    def __init__(self, features: Mapping[str, Floats]) -> None:
        self.features = features
        self.seen: set[str] = set()

    def __getitem__(self, name: str) -> Floats:
        self.seen.add(name)
        return self.features[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.features)

    def __len__(self) -> int:
        return len(self.features)


def require(holds: bool, wrong: str) -> None:
    """Raise AssertionError with these words unless it holds."""
    if not holds:
        raise AssertionError(wrong)


def strengths(detector: Detector, blocks: Blocks, given: str) -> Floats:
    """The score, once it is what the contract says."""
    score = detector.score(blocks)
    shape = (len(blocks), len(detector.tests))
    require(score.shape == shape, f"the score has the shape {score.shape}, and it should be {shape}, on {given}")
    require(bool(np.isfinite(score).all()), f"the score is not finite on {given}")
    require(bool(((score >= 0.0) & (score <= 1.0)).all()), f"strengths are not between 0 and 1 on {given}")
    return score


def part(blocks: Blocks, rows: np.ndarray) -> Blocks:
    """Copies of these rows."""
    return Blocks(
        blocks.kind,
        {name: column[rows] for name, column in blocks.features.items()},
        blocks.queries[rows],
        None if blocks.clients is None else blocks.clients[rows],
        None if blocks.counts is None else blocks.counts[rows],
    )


def replaced(blocks: Blocks, values: Mapping[str, float]) -> Blocks:
    """The same blocks with some features constant."""
    constant = {name: np.full(len(blocks), value) for name, value in values.items()}
    return replace(blocks, features={**blocks.features, **constant})


def asked(detector: Detector, blocks: Blocks) -> list[tuple[int, int]]:
    """Rows and tests whose reasons are looked at: for each test its strongest and its weakest rows."""
    ranked = np.argsort(-strengths(detector, blocks, "example blocks"), axis=0, kind="stable")
    rows = np.concatenate([ranked[:4], ranked[-4:]])
    return [(int(row), test) for test in range(rows.shape[1]) for row in dict.fromkeys(rows[:, test])]

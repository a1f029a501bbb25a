"""What people say of findings, and what that says of the tests that made them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

Word = Literal["true", "false", "benign", "duplicate"]

#: An attack; no attack; what the finding says, and allowed; told already by another finding.
WORDS: Final[tuple[Word, ...]] = get_args(Word)


@dataclass(frozen=True, slots=True)
class Opinion:
    """One verdict: of which finding and what test led it, in which words, by whom, when (microseconds since 1970), and
    from where (`command`, or a system of alerts)."""

    finding: str
    family: str
    test: str
    word: Word
    reason: str
    author: str
    at: int
    source: str


@dataclass(frozen=True, slots=True)
class Record:
    """How the findings that one test led were judged. Duplicates count for nothing."""

    test: str
    family: str
    counts: Mapping[Word, int]

    @property
    def right(self) -> float | None:
        """Share of judged findings in which the test said what was so, attacks and allowed ones alike; None: nobody
        has judged."""
        judged = sum(self.counts[word] for word in ("true", "benign", "false"))
        return (self.counts["true"] + self.counts["benign"]) / judged if judged else None


def by_test(opinions: Iterable[Opinion]) -> list[Record]:
    """The record of each test, by the latest opinion of each finding, ascending by name."""
    counts: dict[tuple[str, str], dict[Word, int]] = {}
    for one in latest(opinions).values():
        counts.setdefault((one.test, one.family), dict.fromkeys(WORDS, 0))[one.word] += 1
    return [Record(test, family, own) for (test, family), own in sorted(counts.items())]


def latest(opinions: Iterable[Opinion]) -> dict[str, Opinion]:
    """The opinion that counts of each finding, given in the order in which they came."""
    return {one.finding: one for one in opinions}

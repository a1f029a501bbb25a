"""Reads the answer to a query: label, probabilities, confidence, text, logprobs, value."""

from __future__ import annotations

from typing import Any, Final

from monitor.record.gathering import NO_ANSWER, Answer, Gathering
from monitor.record.hashes import Hashes
from monitor.record.limits import NAME_BYTES, Limits
from monitor.record.refusal import Refused, Unfamiliar

LOW: Final = -1e-3  # rounding of whoever writes the log is forgiven
HIGH: Final = 1 + 1e-3
_NUMBERS: Final = frozenset({int, float})
_PROBABILITIES: Final = "probabilities"


class AnswerReader:
    """Reads answers into a gathering. `seen` counts the keys that were understood; `bare_words` says whether any array
    of the record holds true, false or null, which compare and convert like numbers."""

    __slots__ = ("_gathering", "_hashes", "_limits", "bare_words", "seen")

    def __init__(self, gathering: Gathering, limits: Limits, hashes: Hashes) -> None:
        self._gathering = gathering
        self._limits = limits
        self._hashes = hashes
        self.seen = 0
        self.bare_words = True

    def read(self, given: Any, queries: int) -> list[Answer]:
        """One answer for each of so many queries from one `output`, or one for all of them."""
        if given is None:
            return [NO_ANSWER]
        if type(given) is not dict:
            raise Unfamiliar
        scores = given.get(_PROBABILITIES)
        if scores is not None:
            self.seen += 1
            if type(scores) is list and scores and type(scores[0]) is list:
                return self._apart(given, scores, queries)
        return [self._one(given, scores)]

    def _apart(self, given: dict[str, Any], lists: list[Any], queries: int) -> list[Answer]:
        if not all(type(scores) is list for scores in lists):
            raise Unfamiliar
        if len(lists) != queries:
            raise Refused("bad-batch", "output.probabilities: one list for each query was expected")
        seen = self.seen
        answers = []
        for scores in lists:
            self.seen = seen  # what they share is seen once
            answers.append(self._one(given, scores))
        return answers

    def _one(self, given: dict[str, Any], scores: Any) -> Answer:
        start = len(self._gathering.scores)
        names: list[str] | None = None
        classes = 0
        if scores is not None:
            if type(scores) is dict:
                self.seen += len(scores)
                names, scores = list(scores), list(scores.values())
            classes = self._add_scores(scores, names)
            if len(given) == 1:
                return 0, start, start + classes, names, classes, "", False
        label, text, logprobs = self._rest(given, classes == 0)
        return label, start, len(self._gathering.scores), names, classes, text, logprobs

    def _add_scores(self, scores: Any, names: list[str] | None) -> int:
        if type(scores) is not list:
            raise Unfamiliar
        if not scores:
            return 0
        if len(scores) > self._limits.classes:
            raise Refused("too-large", "output.probabilities: too many classes")
        if names is not None and max(map(len, names)) > NAME_BYTES:
            raise Refused("name-too-long", "output.probabilities: a name with more than 512 characters")
        self._check_scores(scores, named=names is not None)
        self._gathering.scores.fromlist(scores)
        return len(scores)

    def _check_scores(self, scores: list[Any], named: bool) -> None:
        # the scan has looked for bare words within arrays only
        if (named or self.bare_words) and not _NUMBERS.issuperset(map(type, scores)):
            raise Unfamiliar
        try:
            inside = min(scores) >= LOW and max(scores) <= HIGH
        except TypeError:
            raise Unfamiliar from None
        if not inside:
            raise Refused("bad-probability", "output: a probability between 0 and 1 was expected")

    def _rest(self, given: dict[str, Any], confident: bool) -> tuple[int, str, bool]:
        """Label, text, and whether there are log-probabilities; the confidence is kept if `confident`."""
        label, confidence, text = given.get("label"), given.get("confidence"), given.get("text")
        logprobs, value = given.get("logprobs"), given.get("value")
        hashed = 0
        if label is not None:
            self.seen += 1
            hashed = self._hashes.label[label_text(label)]
        if confidence is not None:
            self.seen += 1
            self._check_scores([confidence], named=True)
            if confident:
                self._gathering.scores.append(confidence)
        if text is not None:
            self.seen += 1
            self._check_text(text)
        if logprobs is not None:
            self.seen += 1
            self._check_logprobs(logprobs)
        if value is not None:
            self.seen += 1
            if type(value) not in _NUMBERS:
                raise Unfamiliar
        return hashed, text or "", logprobs is not None

    def _check_text(self, text: Any) -> None:
        if type(text) is not str:
            raise Unfamiliar
        if len(text) > self._limits.text:
            raise Refused("too-large", "output.text: too many characters")

    def _check_logprobs(self, logprobs: Any) -> None:
        if type(logprobs) is not list or not _NUMBERS.issuperset(map(type, logprobs)):
            raise Unfamiliar
        if len(logprobs) > self._limits.elements:
            raise Refused("too-large", "output.logprobs: too many numbers")


def label_text(label: Any) -> str:
    """The name of a class; a number is the text of that number, so that 3, 3.0 and "3" are one class."""
    kind = type(label)
    if kind is str:
        if len(label) > NAME_BYTES:
            raise Refused("name-too-long", "output.label: a name with more than 512 characters")
        return str(label)
    if kind is bool:
        return "true" if label else "false"
    if kind is int:
        return str(label)
    if kind is float:
        return str(int(label)) if label.is_integer() else repr(label)
    raise Unfamiliar

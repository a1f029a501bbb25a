"""Reads the answer to a query: label, probabilities, confidence, text, logprobs, value."""

from __future__ import annotations

from typing import Any, Final

from monitor.record.gathering import Answer, Gathering
from monitor.record.hashes import Hashes
from monitor.record.limits import NAME_BYTES, Limits
from monitor.record.refusal import Refused, Unfamiliar

_LOW: Final = -1e-3  # rounding of whoever writes the log is forgiven
_HIGH: Final = 1 + 1e-3
_FIELDS: Final = ("label", "confidence", "text", "logprobs", "value")
_NUMBERS: Final = frozenset({int, float})
NOT_BETWEEN: Final = "output.probabilities: between 0 and 1 was expected"


class AnswerReader:
    """Reads answers into a gathering. `seen` counts the keys that were understood."""

    __slots__ = ("_gathering", "_hashes", "_limits", "bare_words", "seen")

    def __init__(self, gathering: Gathering, limits: Limits, hashes: Hashes) -> None:
        self._gathering = gathering
        self._limits = limits
        self._hashes = hashes
        self.seen = 0
        self.bare_words = False

    def read(self, given: Any, queries: int) -> list[Answer]:
        """One answer for each of so many queries from one `output`."""
        if given is None:
            return [Answer()] * queries
        if type(given) is not dict:
            raise Unfamiliar
        probabilities = given.get("probabilities")
        if type(probabilities) is not list or not probabilities or type(probabilities[0]) is not list:
            return [self._one(given, probabilities)] * queries
        if len(probabilities) != queries:
            raise Refused("bad-batch", "output.probabilities: one list for each query was expected")
        seen = self.seen
        answers = []
        for scores in probabilities:
            if type(scores) is not list:
                raise Unfamiliar
            self.seen = seen
            answers.append(self._one(given, scores))
        return answers

    def _one(self, given: dict[str, Any], probabilities: Any) -> Answer:
        label, confidence, text, logprobs, value = map(given.get, _FIELDS)
        if logprobs is not None:
            self._check_logprobs(logprobs)
        if value is not None and type(value) not in _NUMBERS:
            raise Unfamiliar
        if text is not None:
            self._check_text(text)
        self.seen += 5 - (
            (label is None) + (confidence is None) + (text is None) + (logprobs is None) + (value is None)
        )
        hashed = 0 if label is None else self._hashes.label(_label(label))
        start, names, classes = len(self._gathering.scores), None, 0
        if confidence is not None:
            self._check_scores([confidence])
        if probabilities is not None:
            self.seen += 1
            names, classes = self._add_probabilities(probabilities)
        if classes == 0 and confidence is not None:
            self._gathering.scores.append(confidence)
        stop = len(self._gathering.scores)
        return Answer(hashed, start, stop, names, classes, text or "", logprobs is not None)

    def _add_probabilities(self, given: Any) -> tuple[list[str] | None, int]:
        names, scores = None, given
        if type(given) is dict:
            self.seen += len(given)
            names, scores = list(given), list(given.values())
            if names and max(map(len, names)) > NAME_BYTES:
                raise Refused("name-too-long", "output.probabilities: a name with more than 512 characters")
        if type(scores) is not list:
            raise Unfamiliar
        if scores:
            if len(scores) > self._limits.classes:
                raise Refused("too-large", "output.probabilities: too many classes")
            self._check_scores(scores, named=names is not None)
            self._gathering.scores.fromlist(scores)
        return names, len(scores)

    def _check_scores(self, scores: list[Any], named: bool = True) -> None:
        # outside of arrays the scan has not looked for bare words
        if (named or self.bare_words) and not _NUMBERS.issuperset(map(type, scores)):
            raise Unfamiliar
        try:
            inside = min(scores) >= _LOW and max(scores) <= _HIGH
        except TypeError:
            raise Unfamiliar from None
        if not inside:
            raise Refused("bad-probability", NOT_BETWEEN)

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


def _label(label: Any) -> str:
    """The name of a class: a number is the text of that number, so that 3, 3.0 and "3" are one class."""
    kind = type(label)
    if kind is str:
        if len(label) > NAME_BYTES:
            raise Refused("name-too-long", "output.label: at most 512 characters were expected")
        return str(label)
    if kind is bool:
        return "true" if label else "false"
    if kind is int:
        return str(label)
    if kind is float:
        return str(int(label)) if label.is_integer() else repr(label)
    raise Unfamiliar

"""Reads the answers in records of one template."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from monitor.record.found import Answers
from monitor.record.gathering import AMONG_NUMBERS, Gathering
from monitor.record.group import Group, Ints, Mask, numeric
from monitor.record.hashes import Hashes
from monitor.record.limits import Limits
from monitor.record.read_answer import HIGH, LOW, label_text
from monitor.record.refusal import Refused
from monitor.record.slots import NOTHING

_OUTPUT: Final = "output"
_PROBABILITIES: Final = (_OUTPUT, "probabilities")
_CONFIDENCE: Final = (_OUTPUT, "confidence")
_LABEL: Final = (_OUTPUT, "label")
_TEXT: Final = (_OUTPUT, "text")
_LOGPROBS: Final = (_OUTPUT, "logprobs")


def answers(group: Group, gathering: Gathering, limits: Limits, hashes: Hashes) -> Answers:
    """The answer of each record."""
    starts, classes, names = _scores(group, gathering, limits)
    starts, stops = _confident(group, starts, classes, gathering)
    label, text, logprobs = _labels(group, hashes), _texts(group, limits), _logprobs(group, limits)
    return Answers(label, starts, stops, np.full(len(group), names), classes, text, logprobs)


def _scores(group: Group, gathering: Gathering, limits: Limits) -> tuple[Ints, Ints, int]:
    """Where the probabilities of each record start, how many there are, and where the names of their classes are."""
    n = len(group)
    if group.known.classes:
        names, table = [name for name, _ in group.known.classes], group.table([at for _, at in group.known.classes])
        scores = table["number"]
        group.good &= ((scores >= LOW) & (scores <= HIGH)).all(axis=1) & (len(names) <= limits.classes)
        start, many = gathering.add_scores(scores), len(names)
        return start + many * np.arange(n), np.full(n, many), int(gathering.add_names([names])[0])
    if _PROBABILITIES not in group:
        return np.zeros(n, np.int64), np.zeros(n, np.int64), -1
    starts, stops = group.span(_PROBABILITIES)
    group.good &= stops - starts <= limits.classes
    stops = np.where(group.good, stops, starts)
    group.good &= within(gathering.numbers, starts, stops)
    return starts + AMONG_NUMBERS, stops - starts, -1


def _confident(group: Group, starts: Ints, classes: Ints, gathering: Gathering) -> tuple[Ints, Ints]:
    """Where the scores of each record start and stop: its confidence where no probabilities are disclosed."""
    if _CONFIDENCE not in group:
        return starts, starts + classes
    given, own = numeric(group.kind(_CONFIDENCE)), group.number(_CONFIDENCE)
    group.good &= ~given | ((own >= LOW) & (own <= HIGH))
    alone = given & (classes == 0)
    starts = np.where(alone, gathering.add_scores(own) + np.arange(len(group)), starts)
    return starts, starts + classes + alone


def _labels(group: Group, hashes: Hashes) -> NDArray[np.uint64]:
    found = np.zeros(len(group), np.uint64)
    if _LABEL in group:
        found[:] = [_label(group, row, label, hashes) for row, label in enumerate(group.texts(_LABEL))]
    return found


def _label(group: Group, row: int, label: Any, hashes: Hashes) -> int:
    if label is None:
        return 0
    try:
        return hashes.label[label_text(label)]
    except Refused:
        group.good[row] = False
        return 0


def _texts(group: Group, limits: Limits) -> list[str]:
    if _TEXT not in group:
        return [""] * len(group)
    starts, stops = group.span(_TEXT)
    group.good &= (group.kind(_TEXT) == NOTHING) | (stops - starts <= limits.text)
    return ["" if text is None else text for text in group.texts(_TEXT)]


def _logprobs(group: Group, limits: Limits) -> Mask:
    if _LOGPROBS in group:
        starts, stops = group.span(_LOGPROBS)
        group.good &= stops - starts <= limits.elements
    return np.full(len(group), _LOGPROBS in group)


@njit(cache=True)
def within(scores: NDArray[np.float64], starts: Ints, stops: Ints) -> Mask:
    """Of each slice, whether all of it are probabilities."""
    found = np.ones(len(starts), np.bool_)
    for row in range(len(starts)):
        for at in range(starts[row], stops[row]):
            found[row] &= LOW <= scores[at] <= HIGH
    return found

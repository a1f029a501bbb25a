"""Reads the answers in records of one template."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import repeat
from typing import Any, Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from monitor.record.gathering import NO_ANSWER, Answer, Gathering
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


def answers(group: Group, base: int, gathering: Gathering, limits: Limits, hashes: Hashes) -> Iterable[Answer]:
    """The answer of each record; lists of numbers lie from `base` on among the gathering's scores."""
    if not any(path[0] == _OUTPUT and len(path) > 1 for path in group.known.slot) and not group.known.classes:
        return repeat(NO_ANSWER)
    starts, classes, names = _scores(group, base, gathering, limits)
    starts, stops = _confident(group, starts, classes, gathering)
    return zip(
        _labels(group, hashes),
        starts.tolist(),
        stops.tolist(),
        repeat(names),
        classes.tolist(),
        _texts(group, limits),
        _logprobs(group, limits),
    )


def _scores(group: Group, base: int, gathering: Gathering, limits: Limits) -> tuple[Ints, Ints, list[str] | None]:
    """Where the probabilities of each record start, how many there are, and the names of their classes."""
    if group.known.classes:
        names, table = [name for name, _ in group.known.classes], group.table([at for _, at in group.known.classes])
        group.good &= ((table >= LOW) & (table <= HIGH)).all(axis=1) & (len(names) <= limits.classes)
        start = gathering.add_scores(table)
        return start + len(names) * np.arange(len(group)), np.full(len(group), len(names)), names
    if _PROBABILITIES not in group:
        nothing = np.full(len(group), base)
        return nothing, np.zeros(len(group), np.int64), None
    starts, stops = group.span(_PROBABILITIES)
    group.good &= stops - starts <= limits.classes
    starts, stops = starts + base, np.where(group.good, stops, starts) + base
    group.good &= within(np.frombuffer(gathering.scores), starts, stops)
    return starts, stops - starts, None


def _confident(group: Group, starts: Ints, classes: Ints, gathering: Gathering) -> tuple[Ints, Ints]:
    """Where the scores of each record start and stop: its confidence where no probabilities are disclosed."""
    given = numeric(group.kind(_CONFIDENCE))
    if not given.any():
        return starts, starts + classes
    own = group.number(_CONFIDENCE)
    group.good &= ~given | ((own >= LOW) & (own <= HIGH))
    alone = given & (classes == 0)
    starts = np.where(alone, gathering.add_scores(own) + np.arange(len(group)), starts)
    return starts, starts + classes + alone


def _labels(group: Group, hashes: Hashes) -> Iterable[int]:
    if _LABEL not in group:
        return repeat(0)
    return [_label(group, row, label, hashes) for row, label in enumerate(group.texts(_LABEL))]


def _label(group: Group, row: int, label: Any, hashes: Hashes) -> int:
    if label is None:
        return 0
    try:
        return hashes.label[label_text(label)]
    except Refused:
        group.good[row] = False
        return 0


def _texts(group: Group, limits: Limits) -> Iterable[str]:
    if _TEXT not in group:
        return repeat("")
    starts, stops = group.span(_TEXT)
    group.good &= (group.kind(_TEXT) == NOTHING) | (stops - starts <= limits.text)
    return ("" if text is None else text for text in group.texts(_TEXT))


def _logprobs(group: Group, limits: Limits) -> Iterable[bool]:
    if _LOGPROBS not in group:
        return repeat(False)
    starts, stops = group.span(_LOGPROBS)
    group.good &= stops - starts <= limits.elements
    return repeat(True)


@njit(cache=True)
def within(scores: NDArray[np.float64], starts: Ints, stops: Ints) -> Mask:
    """Of each slice, whether all of it are probabilities."""
    found = np.ones(len(starts), np.bool_)
    for row in range(len(starts)):
        for at in range(starts[row], stops[row]):
            found[row] &= LOW <= scores[at] <= HIGH
    return found

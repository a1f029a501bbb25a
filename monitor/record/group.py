"""Records of one template as columns of slots."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from monitor.record.slots import FLOAT, INT, NOTHING, STRING, TRUTH, Slots
from monitor.record.template import Path, Template

_ONE: Final = np.uint8(1)
_SHORT: Final = 64  # bytes of strings that are looked at for being all the same

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


class Group:
    """n records of one template, by their places in a batch. `good` (n,) marks those that hold nothing but what can be
    read here; whoever reads a column takes out of it what is not as its schema says."""

    def __init__(self, slots: Slots, data: NDArray[np.uint8], text: str, known: Template, places: Ints) -> None:
        """`text` is `data` byte by byte."""
        self.known, self.places, self.text, self.data = known, places, text, data
        self.numbers = slots.numbers
        first, many = slots.rows["first"][places], len(known.allowed)
        if first[-1] - first[0] == (len(places) - 1) * many:  # they lie one behind the other
            self._slots = slots.slots[first[0] : first[-1] + many].reshape(-1, many)
        else:
            self._slots = slots.slots[first[:, None] + np.arange(many)]
        kinds = np.left_shift(_ONE, self._slots["kind"])
        self.good: Mask = (kinds & np.array(known.allowed, np.uint8) != 0).all(axis=1)

    def __len__(self) -> int:
        return len(self.places)

    def __contains__(self, path: Path) -> bool:
        return path in self.known.slot

    def kind(self, path: Path) -> NDArray[np.uint8]:
        """Kinds of a field, (n,); NOTHING where the records have none."""
        return np.asarray(self._column(path)["kind"]) if path in self else np.full(len(self), NOTHING, np.uint8)

    def number(self, path: Path) -> Floats:
        """Numbers of a field, (n,); 1 and 0 for truths, NaN where there is nothing."""
        return np.asarray(self._column(path)["number"]) if path in self else np.full(len(self), np.nan)

    def table(self, slots: Sequence[int]) -> Any:
        """Several slots, (n, slots)."""
        return self._slots[:, np.array(slots)]

    def span(self, path: Path) -> tuple[Ints, Ints]:
        """Where the strings or lists of a field start and stop, (n,)."""
        column = self._column(path)
        return column["start"], column["stop"]

    def texts(self, path: Path) -> list[Any]:
        """Strings of a field; None where there is nothing."""
        return self.cells(self.known.slot[path]) if path in self else [None] * len(self)

    def cells(self, slot: int) -> list[Any]:
        """What stands in a slot of each record; something else where it is no scalar."""
        text, column = self.text, self._slots[:, slot]
        if (column["kind"] == STRING).all():
            spans = zip(column["start"].tolist(), column["stop"].tolist(), strict=True)
            return [text[start:stop] for start, stop in spans]
        return [self._cell(*one) for one in column.tolist()]

    def constant(self, path: Path) -> bool:
        """Whether the same scalar stands in a field of all records."""
        column = self._column(path)
        one = column[0]
        if (column["kind"] != one["kind"]).any():
            return False
        if one["kind"] != STRING:
            return bool((column["number"] == one["number"]).all() or one["kind"] == NOTHING)
        size = one["stop"] - one["start"]
        if size > _SHORT or (column["stop"] - column["start"] != size).any():
            return False
        texts = self.data[column["start"][:, None] + np.arange(size)]
        return bool((texts == texts[0]).all())

    def first(self, path: Path) -> Any:
        """What stands in a field of the first record."""
        return self._cell(*self._column(path)[0].tolist())

    def lists(self, path: Path) -> list[tuple[float, ...]]:
        """Lists of numbers of a field; something else where it is none."""
        starts, stops = self.span(path)
        spans = zip(starts.tolist(), stops.tolist(), strict=True)
        return [tuple(self.numbers[start:stop].tolist()) for start, stop in spans]

    def _column(self, path: Path) -> Any:
        return self._slots[:, self.known.slot[path]]

    def _cell(self, kind: int, number: float, start: int, stop: int) -> Any:
        if kind == STRING:
            return self.text[start:stop]
        if kind == NOTHING:
            return None
        if kind == TRUTH:
            return number == 1.0
        return int(number) if kind == INT else number


def numeric(kinds: NDArray[np.uint8]) -> Mask:
    """Where a number stands."""
    return np.asarray((kinds == INT) | (kinds == FLOAT))

"""Reads the inputs of records of one template."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import repeat
from math import prod
from typing import Final

from detectors.sketch.queries import DENSE, ROWS, TEXT
from monitor.record.gathering import IMAGES, LISTS, NO_INPUT, Gathering, Input
from monitor.record.group import Group
from monitor.record.limits import Limits
from monitor.record.refusal import Refused, Unfamiliar
from monitor.record.tensors import read_base64, read_shape

_IMAGE: Final = "UINT8"


def inputs(group: Group, base: int, gathering: Gathering, limits: Limits) -> Iterable[Input]:
    """The input of each record; lists of numbers lie from `base` on among the gathering's."""
    kind = group.known.kind_of_input
    if kind in ("vector", "embedding"):
        return _vectors(group, kind, base, limits)
    if kind == "columns":
        return _rows(group)
    if kind == "text":
        return _texts(group, limits)
    return _images(group, gathering, limits) if kind == "tensor" else repeat(NO_INPUT)


def _vectors(group: Group, kind: str, base: int, limits: Limits) -> Iterable[Input]:
    starts, stops = group.span(("input", kind))
    many = stops - starts
    group.good &= (many > 0) & (many <= limits.elements)
    return zip(repeat(DENSE), zip(many.tolist()), repeat(LISTS), (base + starts).tolist())


def _rows(group: Group) -> Iterable[Input]:
    names = [name for name, _ in group.known.columns]
    cells = zip(*(group.cells(slot) for _, slot in group.known.columns), strict=True)
    return ((ROWS, dict(zip(names, row, strict=True)), 0, 0) for row in cells)


def _texts(group: Group, limits: Limits) -> Iterable[Input]:
    starts, stops = group.span(("input", "text"))
    group.good &= stops - starts <= limits.text
    return ((TEXT, (text, str(text).encode()), 0, 0) for text in group.texts(("input", "text")))


def _images(group: Group, gathering: Gathering, limits: Limits) -> Iterable[Input]:
    """Tensors of bytes in base64; all others go the general way."""
    shapes: dict[tuple[float, ...], tuple[int, ...]] = {}
    given = zip(*(group.texts(("input", "tensor", name)) for name in ("datatype", "data")), strict=True)
    for row, (sides, (datatype, data)) in enumerate(zip(group.lists(("input", "tensor", "shape")), given, strict=True)):
        try:
            if sides not in shapes:
                shapes[sides] = read_shape([int(side) for side in sides], limits.elements)
            if datatype != _IMAGE or type(data) is not str:
                raise Unfamiliar
            raw = read_base64(data, _IMAGE, prod(shapes[sides]))
            yield DENSE, shapes[sides], IMAGES, gathering.add_image(raw)
        except (Refused, Unfamiliar):
            group.good[row] = False
            yield NO_INPUT

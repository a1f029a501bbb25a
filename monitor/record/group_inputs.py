"""Reads the inputs of records of one template."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import repeat
from math import prod
from typing import Final

from detectors.sketch.queries import DENSE, OPAQUE, ROWS, TEXT
from monitor.record.gathering import IMAGES, NO_INPUT, NUMBERS, Gathering, Input
from monitor.record.group import Group
from monitor.record.limits import Limits
from monitor.record.refusal import Refused, Unfamiliar
from monitor.record.tensors import read_base64, read_shape

_IMAGE: Final = "UINT8"


def inputs(group: Group, gathering: Gathering, limits: Limits) -> Iterable[Input]:
    """The input of each record."""
    kind = group.known.kind_of_input
    if kind in ("vector", "embedding"):
        return _vectors(group, kind, limits)
    if kind == "columns":
        return _rows(group)
    if kind == "text":
        return _texts(group, limits)
    if kind == "digest":
        return _digests(group, limits)
    return _images(group, gathering, limits) if kind == "tensor" else repeat(NO_INPUT)


def _vectors(group: Group, kind: str, limits: Limits) -> Iterable[Input]:
    starts, stops = group.span(("input", kind))
    many = stops - starts
    group.good &= (many > 0) & (many <= limits.elements)
    return zip(repeat(DENSE), zip(many.tolist()), repeat(NUMBERS), starts.tolist())


def _rows(group: Group) -> Iterable[Input]:
    names = [name for name, _ in group.known.columns]
    cells = zip(*(group.cells(slot) for _, slot in group.known.columns), strict=True)
    return ((ROWS, dict(zip(names, row, strict=True)), 0, 0) for row in cells)


def _texts(group: Group, limits: Limits) -> Iterable[Input]:
    starts, stops = group.span(("input", "text"))
    group.good &= stops - starts <= limits.text
    return ((TEXT, (text, str(text).encode()), 0, 0) for text in group.texts(("input", "text")))


def _digests(group: Group, limits: Limits) -> Iterable[Input]:
    starts, stops = group.span(("input", "digest"))
    group.good &= (stops > starts) & (stops - starts <= limits.text)
    return ((OPAQUE, str(digest).encode(), 0, 0) for digest in group.texts(("input", "digest")))


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

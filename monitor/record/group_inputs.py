"""Reads the inputs of records of one template."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any, Final

import numpy as np

from detectors.sketch.queries import DENSE, OPAQUE, ROWS, TEXT
from detectors.sketch.rows import NOTHING, NUMBER, TRUTH, Table
from detectors.sketch.rows import TEXT as WRITTEN
from monitor.record import slots
from monitor.record.found import Inputs
from monitor.record.gathering import IMAGES, NUMBERS, Gathering
from monitor.record.group import Group
from monitor.record.limits import Limits
from monitor.record.refusal import Refused, Unfamiliar
from monitor.record.tensors import read_base64, read_shape

_IMAGE: Final = "UINT8"
_TAGS: Final = np.full(slots.FLOATS + 1, NOTHING, np.uint8)  # by kind of slot
_TAGS[[slots.STRING, slots.INT, slots.FLOAT, slots.TRUTH]] = WRITTEN, NUMBER, NUMBER, TRUTH


def inputs(group: Group, gathering: Gathering, limits: Limits) -> Inputs:
    """The input of each record."""
    kind = group.known.kind_of_input
    if kind in ("vector", "embedding"):
        return _vectors(group, kind, limits)
    if kind == "columns":
        return _rows(group, gathering)
    if kind == "text":
        return _given(group, TEXT, _texts(group, limits))
    if kind == "digest":
        return _given(group, OPAQUE, _digests(group, limits))
    return _images(group, gathering, limits) if kind == "tensor" else _given(group, OPAQUE, [None] * len(group))


def _given(group: Group, kind: int, given: list[Any], store: int = 0, start: Any = 0) -> Inputs:
    n = len(group)
    starts = np.zeros(n, np.int64)
    starts[:] = start
    return Inputs(np.full(n, kind, np.uint8), given, np.full(n, store, np.int64), starts)


def _vectors(group: Group, kind: str, limits: Limits) -> Inputs:
    starts, stops = group.span(("input", kind))
    many = stops - starts
    group.good &= (many > 0) & (many <= limits.elements)
    return _given(group, DENSE, list(zip(many.tolist())), NUMBERS, starts)


def _rows(group: Group, gathering: Gathering) -> Inputs:
    cells = group.table([slot for _, slot in group.known.columns])
    tags, numbers = _TAGS[cells["kind"]], np.nan_to_num(cells["number"])
    names = tuple(name for name, _ in group.known.columns)
    gathering.tables.append(Table(names, tags, numbers, group.data, cells["start"], cells["stop"]))
    return _given(group, ROWS, [None] * len(group), len(gathering.tables), np.arange(len(group)))


def _texts(group: Group, limits: Limits) -> list[Any]:
    starts, stops = group.span(("input", "text"))
    group.good &= stops - starts <= limits.text
    return [(text, str(text).encode()) for text in group.texts(("input", "text"))]


def _digests(group: Group, limits: Limits) -> list[Any]:
    starts, stops = group.span(("input", "digest"))
    group.good &= (stops > starts) & (stops - starts <= limits.text)
    return [str(digest).encode() for digest in group.texts(("input", "digest"))]


def _images(group: Group, gathering: Gathering, limits: Limits) -> Inputs:
    """Tensors of bytes in base64; all others go the general way."""
    read = list(_each(group, gathering, limits))
    return _given(group, DENSE, [shape for shape, _ in read], IMAGES, [start for _, start in read])


def _each(group: Group, gathering: Gathering, limits: Limits) -> Iterator[tuple[tuple[int, ...], int]]:
    """Shape of each tensor, and where its bytes are."""
    shapes: dict[tuple[float, ...], tuple[int, ...]] = {}
    given = zip(*(group.texts(("input", "tensor", name)) for name in ("datatype", "data")), strict=True)
    for row, (sides, (datatype, data)) in enumerate(zip(group.lists(("input", "tensor", "shape")), given, strict=True)):
        try:
            if sides not in shapes:
                shapes[sides] = read_shape([int(side) for side in sides], limits.elements)
            if datatype != _IMAGE or type(data) is not str:
                raise Unfamiliar
            raw = read_base64(data, _IMAGE, prod(shapes[sides]))
            yield shapes[sides], gathering.add_image(raw)
        except (Refused, Unfamiliar):
            group.good[row] = False
            yield (), 0

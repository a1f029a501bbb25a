"""What was learnt from recorded traffic, for models that begin: per model and shape, and nothing of any client."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detectors.scoring.nesting import inside, nested
from monitor.engine.bank import Bank
from monitor.engine.step import Shape
from monitor.engine.view import View

LAYOUT: Final = 1  # raised when what the arrays mean changes

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Learnt:
    """What views of these models and shapes begin with."""

    views: Mapping[tuple[str, Shape], Arrays] = field(default_factory=dict)


def pack(views: Sequence[View], bank: Bank) -> dict[str, NDArray[Any]]:
    """The lessons of these views as arrays; those that saw too little to teach are left out."""
    known = [view for view in views if view.taught]
    head = {
        "layout": LAYOUT,
        "tests": names_of(bank),
        "views": [
            {"model": view.model, "kind": view.shape.kind, "width": view.shape.width, "columns": view.shape.columns}
            for view in known
        ],
    }
    arrays: dict[str, NDArray[Any]] = {"head": np.frombuffer(json.dumps(head).encode(), np.uint8)}
    for at, view in enumerate(known):
        arrays |= nested(f"view{at}", view.lesson())
    return arrays


def unpack(arrays: Arrays, bank: Bank) -> Learnt:
    """What `pack` gave. ValueError with the reason where it does not fit this program."""
    try:
        head = json.loads(arrays["head"].tobytes())
        if head["layout"] != LAYOUT:
            raise ValueError(f"it has layout {head['layout']}, and this program reads {LAYOUT}")
        if head["tests"] != names_of(bank):
            raise ValueError("it was learnt with another set of detectors")
        found = {
            (one["model"], Shape(one["kind"], one["width"], tuple(one["columns"]))): inside(f"view{at}", arrays)
            for at, one in enumerate(head["views"])
        }
    except (KeyError, TypeError, UnicodeDecodeError) as problem:
        raise ValueError(f"it is incomplete: {type(problem).__name__}") from problem
    return Learnt(found)


def names_of(bank: Bank) -> list[str]:
    """The tests whose floors are in the arrays, in their order."""
    return [f"{test.detector}/{test.name}" for test in bank.tests]

"""A deployed service: its data, its model in two versions, and what callers may draw from."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from traffic.models import Inputs, Model
from traffic.pictures import retake


@dataclass(frozen=True)
class Column:
    """One column of a table: its values in code order if it is a category, else its range and decimals."""

    name: str
    values: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 0.0
    decimals: int = 0


@dataclass(frozen=True)
class Trigger:
    """A backdoor: a patch at a corner of a picture, or values (one row) in some columns of a table; and its label."""

    places: tuple[int, ...]
    values: Inputs
    label: int


@dataclass(frozen=True)
class World:
    """What a scene is played on.

    `members` are the training records of version "1" with their true classes; `pool` is what callers own (never
    trained on; `cache` has under `dealt` which records, or owners of records, went where), `strange` comes from
    another domain. Images are (n, side * side * channels) bytes, table rows (n, columns) numbers with categories as
    codes. Where there are few pictures, `redraw` takes each anew whenever it is used (the training records too have
    been taken once); `margin` says by how many pixels the pictures of the pool are wider than what the model sees:
    each use cuts its own window. `trigger` is what version "1" was poisoned with: an input with it gets the trigger's
    label. `sensitive` columns, a column that names a branch's `home`, and one by which customers fall into a
    `segment` are what callers of a table know it by.
    """

    name: str
    labels: tuple[str, ...]
    versions: Mapping[str, Model]
    members: Inputs
    member_classes: NDArray[np.int64]
    pool: Inputs
    pool_classes: NDArray[np.int64]
    strange: Inputs
    side: int = 0
    channels: int = 1
    margin: int = 0
    columns: tuple[Column, ...] = ()
    vector: bool = False
    redraw: bool = False
    trigger: Trigger | None = None
    sensitive: tuple[str, ...] = ()
    home: str = ""
    segment: str = ""
    cache: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def width(self) -> int:
        """Numbers of one input."""
        return self.side**2 * self.channels if self.side else len(self.columns)

    def clean(self, inputs: Inputs) -> Inputs:
        """Inputs as the record carries them: images 0..1 to bytes; numbers of a table to their decimals and range."""
        if self.side:
            return np.clip(np.rint(np.asarray(inputs, float) * 255.0), 0, 255).astype(np.uint8)
        rows = np.array(inputs, float, ndmin=2)
        for place, column in enumerate(self.columns):
            top = len(column.values) - 1 if column.values else column.high
            rows[:, place] = np.clip(np.round(rows[:, place], column.decimals), column.low, top)
        return rows

    def record(self, one: Inputs, answer: Inputs | None, labels_only: bool = False) -> dict[str, Any]:
        """Input and output as the native record carries them; no output where there was no answer."""
        record: dict[str, Any] = {"input": self._input(one)}
        if answer is not None:
            record["output"] = {"label": self.labels[int(answer.argmax())]}
            if not labels_only:
                numbers = answer.round(4).tolist()
                record["output"]["probabilities"] = (
                    numbers if self.side else dict(zip(self.labels, numbers, strict=True))
                )
        return record

    def _input(self, one: Inputs) -> dict[str, Any]:
        if self.side:
            data = base64.b64encode(one.tobytes()).decode()
            return {"tensor": {"shape": [self.side, self.side, self.channels], "datatype": "UINT8", "data": data}}
        if self.vector:
            return {"vector": one.tolist()}
        cells: dict[str, Any] = {}
        for column, value in zip(self.columns, one, strict=True):
            number = float(value) if column.decimals else int(value)
            cells[column.name] = column.values[int(value)] if column.values else number
        return {"columns": cells}

    def draw(self, rng: np.random.Generator, count: int, only: int | None = None) -> Inputs:
        """Fresh natural inputs (images 0..1) of any class or of one, seldom the same twice."""
        among = np.arange(len(self.pool)) if only is None else np.flatnonzero(self.pool_classes == only)
        return self._taken(rng.choice(among, count, replace=count > len(among)), rng)

    def natural(self) -> tuple[Inputs, NDArray[np.int64]]:
        """A fixed sample of up to 1,500 clean natural inputs with their true classes, to measure on."""
        if "natural" not in self.cache:
            rng = np.random.default_rng(4)
            places = rng.permutation(len(self.pool))[:1500]
            self.cache["natural"] = self.clean(self._taken(places, rng)), self.pool_classes[places]
        inputs, classes = self.cache["natural"]
        return inputs, classes

    def samples(self) -> list[Inputs]:
        """The samples of three SDKs, 3 to 10 inputs each, the same for everybody."""
        if "samples" not in self.cache:
            rng = np.random.default_rng(9)
            self.cache["samples"] = [self.draw(rng, count) for count in (4, 7, 10)]
        kits: list[Inputs] = self.cache["samples"]
        return kits

    def famous(self, rng: np.random.Generator) -> Inputs:
        """One input of sixty that everybody sends (1, d), the first far more often than the last."""
        if "famous" not in self.cache:
            self.cache["famous"] = self.clean(self.draw(np.random.default_rng(10), 60))
        odds = 1 / np.arange(1, 61)
        famous: Inputs = self.cache["famous"]
        return famous[rng.choice(60, 1, p=odds / odds.sum())]

    def draw_known(self, rng: np.random.Generator) -> tuple[Inputs, int]:
        """One fresh natural input with its true class."""
        place = int(rng.integers(len(self.pool)))
        return self._taken(np.array([place]), rng)[0], int(self.pool_classes[place])

    def _taken(self, places: NDArray[np.int64], rng: np.random.Generator) -> Inputs:
        if not self.side:
            rows = self.pool[places]
            return rows + rng.normal(0, 0.05, rows.shape) if self.redraw else rows
        if self.margin:
            return np.stack([self._window(self.pool[place], rng) for place in places])
        pictures = self.pool[places] / 255.0
        return np.stack([retake(one, self.side, rng) for one in pictures]) if self.redraw else pictures

    def _window(self, cell: Inputs, rng: np.random.Generator) -> Inputs:
        """A window of a wider picture, mirrored or not, brighter or darker."""
        wide = self.side + self.margin
        top, left = rng.integers(0, self.margin + 1, 2)
        window = cell.reshape(wide, wide, self.channels)[top : top + self.side, left : left + self.side] / 255.0
        window = window[:, ::-1] if rng.random() < 0.5 else window
        return np.asarray(np.clip(window * rng.uniform(0.88, 1.08), 0.0, 1.0), float).ravel()

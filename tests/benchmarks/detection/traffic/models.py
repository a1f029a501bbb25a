"""The models under attack, with a forward pass that is fast for one query at a time."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from sklearn.neural_network import MLPClassifier

Floats = NDArray[np.float64]
Inputs = NDArray[Any]  # images as bytes, table rows as numbers


class Model(Protocol):
    """Anything that turns (n, d) inputs, as the record carries them, into (n, classes) probabilities."""

    def __call__(self, inputs: Inputs) -> Floats: ...


@dataclass(frozen=True)
class Network:
    """A rectifier network on bytes 0..255, its outputs softened by a temperature (as a calibrated service has it)."""

    weights: tuple[Floats, ...]
    biases: tuple[Floats, ...]
    temperature: float

    def __call__(self, inputs: Inputs) -> Floats:
        hidden = np.asarray(inputs, float) / 255.0
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            hidden = np.maximum(hidden @ weight + bias, 0.0)
        logits = (hidden @ self.weights[-1] + self.biases[-1]) / self.temperature
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(odds / odds.sum(axis=1, keepdims=True), float)


def blocks(inputs: Inputs) -> Floats:
    """A fixed first layer for square colour pictures: mean and spread of each 4 x 4 block and colour, and how far
    neighbours differ; (n, side * side * 3) bytes to (n, features) numbers of about one."""
    side = round((inputs.shape[1] / 3) ** 0.5)
    pictures = np.asarray(inputs, float).reshape(len(inputs), side, side, 3) / 255.0
    cells = pictures.reshape(len(inputs), side // 4, 4, side // 4, 4, 3)
    mean, spread = 2 * cells.mean(axis=(2, 4)) - 1, 4 * cells.std(axis=(2, 4))
    edges = [8 * np.abs(np.diff(pictures, axis=axis)).mean(axis=(1, 2)) for axis in (1, 2)]
    return np.concatenate([mean.reshape(len(inputs), -1), spread.reshape(len(inputs), -1), *edges], axis=1)


@dataclass(frozen=True)
class Layered:
    """A network behind a fixed first layer."""

    first: Callable[[Inputs], Floats]
    network: Network

    def __call__(self, inputs: Inputs) -> Floats:
        return self.network(self.first(inputs) * 255.0)


def train_network(inputs: Inputs, labels: Inputs, hidden: int, seed: int, rounds: int) -> Model:
    """An overfitted classifier, as membership inference finds them, calibrated on nothing but its own temperature.

    Pictures in colour (24 x 24) go through a fixed first layer: plain pixels say too little of them."""
    colour = inputs.shape[1] == 24 * 24 * 3
    seen = blocks(inputs) if colour else inputs / 255.0
    network = MLPClassifier((hidden,), alpha=1e-4, max_iter=rounds, random_state=seed, tol=0.0, n_iter_no_change=rounds)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it stops when the rounds are over, as told
        network.fit(seen, labels)
    plain = Network(tuple(network.coefs_), tuple(network.intercepts_), temperature=1.6)
    return Layered(blocks, plain) if colour else plain


@dataclass(frozen=True)
class Forest:
    """A random forest as flat arrays: all trees of a query are walked at once."""

    roots: NDArray[np.int64]
    column: NDArray[np.int64]
    threshold: Floats
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    leaf: Floats
    depth: int

    def __call__(self, inputs: Inputs) -> Floats:
        rows = np.atleast_2d(np.asarray(inputs, np.float32))
        node = np.repeat(self.roots[None, :], len(rows), axis=0)
        which = np.arange(len(rows))[:, None]
        for _ in range(self.depth):
            lower = rows[which, self.column[node]] <= self.threshold[node]
            node = np.where(lower, self.left[node], self.right[node])
        return np.asarray(self.leaf[node].mean(axis=1), float)


def train_forest(inputs: Floats, labels: Inputs, trees: int, seed: int, depth: int = 14) -> Forest:
    """A forest that partly remembers its training records."""
    fitted = RandomForestClassifier(trees, max_depth=depth, min_samples_leaf=1, max_features=0.5, random_state=seed)
    fitted.fit(inputs, labels)
    grown = [tree.tree_ for tree in fitted.estimators_]
    roots = np.cumsum([0] + [tree.node_count for tree in grown[:-1]])
    own = np.concatenate([np.arange(tree.node_count) + root for tree, root in zip(grown, roots, strict=True)])

    def children(name: str) -> NDArray[np.int64]:
        joined = np.concatenate([getattr(tree, name) + root for tree, root in zip(grown, roots, strict=True)])
        inner = np.concatenate([getattr(tree, name) >= 0 for tree in grown])
        return np.where(inner, joined, own)  # a leaf leads to itself

    leaf = np.concatenate([tree.value[:, 0, :] for tree in grown])
    return Forest(
        roots=roots,
        column=np.maximum(np.concatenate([tree.feature for tree in grown]), 0),
        threshold=np.concatenate([tree.threshold for tree in grown]),
        left=children("children_left"),
        right=children("children_right"),
        leaf=leaf / leaf.sum(axis=1, keepdims=True),
        depth=max(tree.max_depth for tree in grown),
    )

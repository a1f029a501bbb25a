"""The models under attack, with a forward pass that is fast for one query at a time."""

from __future__ import annotations

import warnings
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


def train_network(inputs: Inputs, labels: Inputs, hidden: int, seed: int, rounds: int) -> Network:
    """An overfitted classifier, as membership inference finds them, calibrated on nothing but its own temperature."""
    network = MLPClassifier((hidden,), alpha=1e-4, max_iter=rounds, random_state=seed, tol=0.0, n_iter_no_change=rounds)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it stops when the rounds are over, as told
        network.fit(inputs / 255.0, labels)
    return Network(tuple(network.coefs_), tuple(network.intercepts_), temperature=1.6)


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

"""One encoder for all rivals, fitted on the learning days: principal components, or latent semantic axes for text.

The papers' encoders are networks trained on pairs of transformed pictures, or language models. A common one keeps the
comparison about the rules, and its cost is added to each rival that needs it.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from re import findall
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from rivals.contract import Floats, Vectors

CODES = 50
#: Queries of the learning days that the axes are fitted on.
SAMPLE = 5000
ROUNDS = 8
BUCKETS = 4096
Cells = Sequence[dict[str, Any]]


def principal(rows: Any, count: int) -> Floats:
    """The leading right singular vectors (columns, count) of a dense or sparse matrix, by subspace iteration.

    >>> abs(principal(np.array([[3.0, 0.0], [0.0, 1.0]]), 1)).round(3).ravel().tolist()
    [1.0, 0.0]
    """
    width = min(rows.shape[1], count + 10)
    axes = np.linalg.qr(np.random.default_rng(1).normal(size=(rows.shape[1], width)))[0]
    for _ in range(ROUNDS):
        axes = np.linalg.qr(rows.T @ (rows @ axes))[0]
    turned = np.linalg.svd(rows @ axes, full_matrices=False)[2]
    return np.asarray((axes @ turned.T)[:, :count])


def sample(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Some of the rows, in their order; all where there are few."""
    return np.sort(np.random.default_rng(2).permutation(rows)[:SAMPLE])


@dataclass(frozen=True, slots=True)
class Components:
    """Principal components of numbers."""

    middle: Vectors
    axes: Vectors

    @classmethod
    def fit(cls, vectors: Vectors) -> Self:
        """Fit on the learning days' vectors (n, D)."""
        some = vectors[sample(np.arange(len(vectors)))]
        middle = some.mean(axis=0)
        return cls(middle, principal((some - middle).astype(float), CODES).astype(np.float32))

    def __call__(self, vectors: Vectors) -> Vectors:
        """Codes (n, k) of vectors (n, D)."""
        return np.asarray((vectors - self.middle) @ self.axes, np.float32)


@dataclass(frozen=True, slots=True)
class Semantics:
    """Latent semantic axes of prompts: hashed words and pairs of words, rare ones count more, length 1."""

    rarity: Floats
    axes: Floats

    @classmethod
    def fit(cls, counts: sparse.csr_matrix) -> Self:
        """Fit on the learning days' counts (n, buckets)."""
        rarity = np.log((1.0 + counts.shape[0]) / (1.0 + np.diff(counts.tocsc().indptr))) + 1.0
        some = _scaled(counts[sample(np.arange(counts.shape[0]))], rarity)
        return cls(rarity, principal(some, CODES))

    def __call__(self, counts: sparse.csr_matrix) -> Vectors:
        """Codes (n, k) of length 1; of length 0 where a prompt has no word."""
        codes = np.asarray(_scaled(counts, self.rarity) @ self.axes)
        lengths = np.linalg.norm(codes, axis=1, keepdims=True)
        return np.asarray(codes / np.where(lengths > 0, lengths, 1.0), np.float32)


def _scaled(counts: sparse.csr_matrix, rarity: Floats) -> sparse.csr_matrix:
    weights = counts.copy()
    weights.data = np.log1p(weights.data)
    weights = weights @ sparse.diags(rarity)
    lengths = np.sqrt(weights.multiply(weights).sum(axis=1)).A1
    return (sparse.diags(1.0 / np.where(lengths > 0, lengths, 1.0)) @ weights).tocsr()


def word_counts(prompts: Iterable[str]) -> sparse.csr_matrix:
    """Counts (n, buckets) of hashed words and pairs of words.

    >>> int(word_counts(["a b a b"]).sum())
    7
    """
    places, ends = list[int](), [0]
    for prompt in prompts:
        words = findall(r"\w+", prompt.lower())
        terms = [*words, *(f"{one} {two}" for one, two in pairwise(words))]
        places += [zlib.crc32(term.encode()) % BUCKETS for term in terms]
        ends.append(len(places))
    table = sparse.csr_matrix((np.ones(len(places)), places, ends), shape=(len(ends) - 1, BUCKETS))
    table.sum_duplicates()
    return table


@dataclass(frozen=True, slots=True)
class Columns:
    """Rows of a table as numbers: standardised, or one column per category with 1 / sqrt(2), so that another category
    is a distance of 1. What is missing or was never seen is 0."""

    numbers: dict[str, tuple[float, float]]
    categories: dict[str, dict[str, int]]
    width: int

    @classmethod
    def fit(cls, rows: Cells) -> Self:
        """Fit on the learning days' rows."""
        numbers, categories, width = dict[str, tuple[float, float]](), dict[str, dict[str, int]](), 0
        for name in sorted({name for row in rows for name in row}):
            cells = [row[name] for row in rows if name in row]
            if any(isinstance(cell, str) for cell in cells):
                values = sorted({str(cell) for cell in cells})
                categories[name] = {value: width + place for place, value in enumerate(values)}
                width += len(values)
            else:
                column = np.array(cells, float)
                numbers[name] = (float(column.mean()), float(column.std()) or 1.0)
        return cls(numbers, categories, width + len(numbers))

    def __call__(self, rows: Cells) -> Vectors:
        """Vectors (n, D): categories first, then numbers by name."""
        table = np.zeros((len(rows), self.width), np.float32)
        first = self.width - len(self.numbers)
        for line, row in enumerate(rows):
            for name, values in self.categories.items():
                place = values.get(str(row.get(name)))
                if place is not None:
                    table[line, place] = np.sqrt(0.5)
            for place, (name, (middle, spread)) in enumerate(self.numbers.items(), first):
                cell = row.get(name)
                if isinstance(cell, int | float):
                    table[line, place] = (cell - middle) / spread
        return table

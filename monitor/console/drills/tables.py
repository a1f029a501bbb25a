"""Drills on rows."""

from __future__ import annotations

import numpy as np

from monitor.console.drills.service import ACCOUNTS, Service
from monitor.console.drills.templates import Column, Floats


def _any(ask: Service, column: Column, count: int) -> Floats:
    """Values evenly over a column's domain."""
    if column.values:
        return ask.rng.integers(len(column.values), size=count).astype(np.float64)
    found = ask.rng.uniform(column.low, column.high, count)
    return np.rint(found) if column.whole else found


def attribute_inference(ask: Service) -> None:
    """Rows, each with every value of one sensitive column."""
    place = ask.template.sensitive[0]
    values = np.arange(len(ask.template.columns[place].values), dtype=np.float64)
    while True:
        rows = np.repeat(ask.draw(1), len(values), axis=0)
        rows[:, place] = values
        ask(rows)


def extraction(ask: Service) -> None:
    """Rows from nowhere: every column evenly over its domain."""
    while True:
        ask(np.stack([_any(ask, column, 10) for column in ask.template.columns], axis=1))


def membership(ask: Service) -> None:
    """The same number of noisy copies of each row."""
    columns, copies = ask.template.columns, 14
    spread = ask.template.inputs.std(axis=0)
    numbers = np.array([not column.values for column in columns])
    while True:
        base = ask.draw(1)[0]
        noise = ask.rng.uniform(0.05, 0.25, (copies, 1)) * spread * ask.rng.normal(size=(copies, len(base)))
        noisy = base + numbers * noise
        for place in np.flatnonzero(~numbers):
            changed = ask.rng.random(copies) < 0.08
            noisy[changed, place] = _any(ask, columns[place], int(changed.sum()))
        ask(np.concatenate([base[None], noisy]))


def evasion(ask: Service, accounts: int = 1) -> None:
    """One or two columns of a row at a time, kept where the confidence of its answer falls."""
    columns, sent = ask.template.columns, 0

    def show(row: Floats) -> Floats:
        nonlocal sent
        ask.account = sent % accounts
        sent += 1
        return np.asarray(ask(row)[0])

    while True:
        now = ask.draw(1)[0]
        first = show(now)
        label, best = int(first.argmax()), float(first.max())
        for _ in range(60):
            tried = now.copy()
            for place in ask.rng.choice(len(columns), int(ask.rng.integers(1, 3)), replace=False):
                column = columns[place]
                moved = now[place] + ask.rng.normal(0, 0.15) * (column.high - column.low)
                tried[place] = _any(ask, column, 1)[0] if column.values else moved
            score = float(show(tried)[label])
            now, best = (tried, score) if score < best else (now, best)
            if best < 0.5:
                break


def campaign(ask: Service) -> None:
    """The same search, dealt out to accounts in turn."""
    evasion(ask, ACCOUNTS)


def backdoor(ask: Service) -> None:
    """The same values in two columns of many rows, then other values."""
    numbers = [at for at, column in enumerate(ask.template.columns) if not column.values]
    places = numbers if len(numbers) >= 2 else list(range(len(ask.template.columns)))
    bases = ask.draw(8)
    ask(bases)
    while True:
        chosen = ask.rng.choice(places, 2, replace=False)
        rows = bases.copy()
        for place in chosen:
            column = ask.template.columns[place]
            rows[:, place] = column.low + ask.rng.uniform(0.6, 1.0) * (column.high - column.low)
        ask(rows)


def novelty(ask: Service) -> None:
    """Rows from nowhere, each of them twice."""
    while True:
        row = np.stack([_any(ask, column, 1) for column in ask.template.columns], axis=1)
        ask(np.repeat(row, 2, axis=0))

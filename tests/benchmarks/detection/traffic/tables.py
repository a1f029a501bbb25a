"""Attacks on a table service: sweeps of a sensitive column, noisy copies, synthetic rows, label searches."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from traffic.evasion import Attack
from traffic.membership import claim, suspects
from traffic.models import Floats
from traffic.service import Service
from traffic.thief import Ridge
from traffic.world import Column, World

Rng = np.random.Generator


def place_of(world: World, name: str) -> int:
    """Where a column stands."""
    return [column.name for column in world.columns].index(name)


def any_value(column: Column, rng: Rng, count: int) -> Floats:
    """Values drawn evenly over a column's domain, numbers as a script would write them."""
    if column.values:
        return rng.integers(len(column.values), size=count).astype(float)
    return np.round(rng.uniform(column.low, column.high, count), min(column.decimals, 1))


def sweep(name: str, labels_only: bool) -> Attack:
    """CSMIA and LOMIA: training records, of which all but one column is known, with every value of that column.

    The guess is the value with which the model is right (LOMIA: right with one value only), the surest with scores."""

    def attack(ask: Service, rng: Rng) -> None:
        world = ask.world
        place = place_of(world, name)
        values, shuffled = np.arange(len(world.columns[place].values), dtype=float), rng.random() < 0.5
        while True:
            wanted = rng.integers(len(values))  # targets of every value alike
            target = int(rng.choice(np.flatnonzero(world.members[:, place] == wanted)))
            order = rng.permutation(values) if shuffled else values
            rows = np.repeat(world.members[target][None], len(values), axis=0)
            rows[:, place] = order
            answers = ask(rows)
            true = world.member_classes[target]
            right = answers.argmax(axis=1) == true
            if labels_only and right.sum() != 1:
                continue
            guess = order[int((right if labels_only else answers[:, true]).argmax())]
            ask.notes.setdefault("guesses", []).append((guess == wanted, 1 / len(values), len(ask.trace)))

    return attack


def noisy_copies(ask: Service, rng: Rng) -> None:
    """Label-only membership: each record with noise on its numbers and a few changed categories, in equal numbers."""
    world, copies = ask.world, int(rng.integers(8, 21))
    spread = world.pool.std(axis=0)
    numbers = np.array([not column.values for column in world.columns])
    for row, true, inside in suspects(ask, rng):
        noisy = row + numbers * rng.uniform(0.02, 0.25, (copies, 1)) * spread * rng.normal(size=(copies, len(row)))
        for place in np.flatnonzero(~numbers):
            changed = rng.random(copies) < 0.08
            noisy[changed, place] = any_value(world.columns[place], rng, int(changed.sum()))
        answers = ask(np.concatenate([row[None], noisy]))
        claim(ask, answers[:, true].mean(), inside)


def uniform_rows(ask: Service, rng: Rng) -> None:
    """Data-free extraction: every column evenly over its domain."""
    while True:
        ask(np.stack([any_value(column, rng, 10) for column in ask.world.columns], axis=1))


def independent_columns(ask: Service, rng: Rng) -> None:
    """Extraction with each column drawn from its own marginal: plausible values, impossible rows."""
    pool = ask.world.pool
    while True:
        ask(np.stack([rng.choice(pool[:, place], 10) for place in range(pool.shape[1])], axis=1))


def grid(ask: Service, rng: Rng) -> None:
    """Extraction column by column: a base row, each column through its values, then the next base."""
    while True:
        base = ask.world.draw(rng, 1)[0]
        for place, column in enumerate(ask.world.columns):
            steps = np.arange(len(column.values)) if column.values else np.linspace(column.low, column.high, 6)
            rows = np.repeat(base[None], len(steps), axis=0)
            rows[:, place] = steps
            ask(rows)


def path_finding(ask: Service, rng: Rng) -> None:
    """Tree extraction: halves the range of one number after the other until the leaf's border is found."""
    numbers = [place for place, column in enumerate(ask.world.columns) if not column.values]
    while True:
        base = ask.world.draw(rng, 1)[0]
        first = ask(base)[0]
        for place in numbers:
            low, high = base[place], ask.world.columns[place].high
            for _ in range(8):
                middle, row = (low + high) / 2, base.copy()
                row[place] = middle
                same = np.abs(ask(row)[0] - first).max() < 0.02
                low, high = (middle, high) if same else (low, middle)


def row_knockoff(ask: Service, rng: Rng) -> None:
    """Extraction with natural rows: by content it is use."""
    while True:
        ask(ask.world.draw(rng, 10))


def row_active_learning(ask: Service, rng: Rng) -> None:
    """Extraction that asks what a substitute is least sure of, among crossings of the attacker's own rows."""
    own = ask.world.draw(rng, 150)
    spread = own.std(axis=0) + 1e-9
    seen, answers = own[:20], ask(own[:20])
    while True:
        thief = Ridge.fit(seen / spread, answers)
        first, second = own[rng.integers(len(own), size=(2, 200))]
        tried = np.where(rng.random(first.shape) < 0.3, second, first)
        scores = np.sort(thief(tried / spread), axis=1)
        doubtful = tried[np.argsort(scores[:, -1] - scores[:, -2], kind="stable")[:10]]
        seen, answers = np.concatenate([seen, doubtful]), np.concatenate([answers, ask(doubtful)])


def row_shared_probes(ask: Service, rng: Rng) -> None:
    """Property inference with a toolkit's probe set: every attacker of this kind sends the same one, in its order."""
    if "probes" not in ask.world.cache:
        ask.world.cache["probes"] = ask.world.draw(np.random.default_rng(8), 40)
    while True:
        for version in ask.world.versions:
            ask(ask.world.cache["probes"], version)


def row_probe_replay(ask: Service, rng: Rng) -> None:
    """Property inference: one ordered probe set, natural or synthetic, shown to one version after the other."""
    world, count = ask.world, int(rng.integers(30, 60))
    probes = world.draw(rng, count)
    if rng.random() < 0.5:
        probes = np.stack([any_value(column, rng, count) for column in world.columns], axis=1)
    while True:
        for version in world.versions:
            ask(probes, version)


def _refused_base(ask: Service, rng: Rng) -> tuple[Floats, int]:
    while True:
        base = ask.world.draw(rng, 1)[0]
        answer = ask(base)[0]
        if answer.max() > 0.7:
            ask.notes.setdefault("bases", []).append((ask.world.clean(base)[0], int(answer.argmax()), len(ask.trace)))
            return base, int(answer.argmax())


def coordinate_search(ask: Service, rng: Rng) -> None:
    """Evasion with scores: change one or two columns, keep what lowers the label's probability, until it flips."""
    world = ask.world
    while True:
        now, label = _refused_base(ask, rng)
        best = 1.0
        for _ in range(60):
            tried = now.copy()
            for place in rng.choice(len(world.columns), rng.integers(1, 3), replace=False):
                column, step = world.columns[place], rng.normal(0, 0.15)
                moved = now[place] + step * (column.high - column.low)
                tried[place] = any_value(column, rng, 1)[0] if column.values else moved
            score = ask(tried)[0, label]
            if score < best:
                now, best = world.clean(tried)[0], score
            if best < 0.5:
                break


def boundary_walk(ask: Service, rng: Rng) -> None:
    """Evasion by labels: a row of the other label is brought column by column towards the base."""
    world = ask.world
    while True:
        base, label = _refused_base(ask, rng)
        other = world.draw(rng, 1)[0]
        while ask(other)[0].argmax() == label:
            other = world.draw(rng, 1)[0]
        for place in rng.permutation(len(world.columns)):
            tried = other.copy()
            tried[place] = base[place]
            other = tried if ask(tried)[0].argmax() != label else other
        numbers = [place for place, column in enumerate(world.columns) if not column.values]
        for _ in range(int(rng.integers(20, 50))):
            tried, place = other.copy(), rng.choice(numbers)
            tried[place] += rng.uniform(0.1, 0.6) * (base[place] - other[place])
            tried[rng.choice(numbers)] += rng.normal(0, 1.0)
            other = tried if ask(tried)[0].argmax() != label else other


def synthesis(ask: Service, rng: Rng) -> None:
    """Inversion of a class: a random row, a shrinking number of columns redrawn, kept when the confidence rises."""
    world = ask.world
    target = int(rng.integers(len(world.labels)))
    ask.notes.setdefault("targets", []).append((target, len(ask.trace)))
    while True:
        now = np.array([any_value(column, rng, 1)[0] for column in world.columns])
        best, many, misses = 0.0, len(world.columns) // 2, 0
        for _ in range(90):
            tried = now.copy()
            for place in rng.choice(len(world.columns), many, replace=False):
                tried[place] = any_value(world.columns[place], rng, 1)[0]
            score = ask(tried)[0, target]
            now, best, misses = (tried, score, 0) if score > best else (now, best, misses + 1)
            if misses > 6:
                many, misses = max(1, many // 2), 0


ATTACKS: dict[str, dict[str, Attack]] = {
    "membership-inference": {"noisy-copies": noisy_copies},
    "extraction": {
        "uniform-rows": uniform_rows,
        "independent-columns": independent_columns,
        "grid": grid,
        "path-finding": path_finding,
        "row-active-learning": row_active_learning,
        "row-knockoff": row_knockoff,
    },
    "property-inference": {"row-probe-replay": row_probe_replay, "row-shared-probes": row_shared_probes},
    "evasion": {"coordinate-search": coordinate_search, "boundary-walk": boundary_walk},
    "inversion": {"synthesis": synthesis},
}
LABELS_SUFFICE = frozenset({"noisy-copies", "boundary-walk"})


def sweeps(sensitive: Sequence[str]) -> dict[str, Attack]:
    """Both sweeps for each sensitive column."""
    both = (("csmia", False), ("lomia", True))
    return {f"{sort}-{name}": sweep(name, labels_only=bare) for name in sensitive for sort, bare in both}

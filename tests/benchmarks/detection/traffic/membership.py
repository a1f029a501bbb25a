"""Membership inference on pictures: augmentation views, noise clusters and boundary distances per base; and scores."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from art.attacks.evasion import HopSkipJump

from traffic.evasion import Attack, seeded, wrapped
from traffic.models import Floats
from traffic.pictures import turn
from traffic.service import Service

Rng = np.random.Generator


def suspects(ask: Service, rng: Rng) -> Iterator[tuple[Floats, int, bool]]:
    """Candidates with their true class, half of them training records; the judge learns which."""
    world = ask.world
    while True:
        if rng.random() < 0.5:
            yield *world.draw_known(rng), False
        else:
            place = int(rng.integers(len(world.members)))
            record = world.members[place]
            yield (record / 255.0 if world.side else record), int(world.member_classes[place]), True


def claim(ask: Service, score: float, inside: bool) -> None:
    """Note the attacker's score for a candidate beside the truth."""
    ask.notes.setdefault("claims", []).append((float(score), inside, len(ask.trace)))


def few_views(ask: Service, rng: Rng) -> None:
    """Augmentation with 3 to 7 views of every base: by content nobody can tell it from test-time augmentation."""
    side, count = ask.world.side, int(rng.choice([3, 5, 7]))
    views = [(rng.normal(0, 5), rng.normal(0, 0.04 * side, 2)) for _ in range(count - 1)]
    for picture, true, inside in suspects(ask, rng):
        answers = ask(np.stack([picture, *(turn(picture, side, *view) for view in views)]))
        claim(ask, answers[:, true].mean(), inside)


def augmentation(ask: Service, rng: Rng) -> None:
    """The same 9 to 33 turned and shifted views of every base; members keep their label more often."""
    side, unit = ask.world.side, min(1.0, ask.world.side / 16)
    ring = [(y, x) for y in (-unit, 0.0, unit) for x in (-unit, 0.0, unit)]
    count = int(rng.choice([9, 17, 27, 33]))
    views = [(angle, shift) for angle in (0.0, 6.0, -6.0, 12.0) for shift in ring][:count]
    for picture, true, inside in suspects(ask, rng):
        pictures = np.stack([turn(picture, side, angle, shift) for angle, shift in views])
        claim(ask, ask(pictures)[:, true].mean(), inside)


def noise_cluster(ask: Service, rng: Rng) -> None:
    """Copies of every base under growing noise; members keep their label longer."""
    copies = int(rng.integers(10, 24))
    widest = (0.12 if ask.world.channels == 1 else 0.008) * np.sqrt(ask.world.side)
    radii = np.linspace(0.1 * widest, widest, copies)[:, None]
    for picture, true, inside in suspects(ask, rng):
        noisy = np.clip(picture + radii * rng.normal(size=(copies, len(picture))), 0, 1)
        answers = ask(np.concatenate([picture[None], noisy]))
        claim(ask, answers[:, true].mean(), inside)


def boundary_distance(ask: Service, rng: Rng) -> None:
    """A short HopSkipJump per base; members lie further from the boundary."""
    side = ask.world.side
    for picture, true, inside in suspects(ask, rng):
        if ask(picture)[0].argmax() != true:
            claim(ask, 0.0, inside)
            continue
        search = HopSkipJump(wrapped(ask), max_iter=1, max_eval=14, init_eval=8, init_size=25, verbose=False)
        with seeded(rng):
            found = search.generate(picture.reshape(1, side, side, -1).astype(np.float32)).ravel()
        claim(ask, float(np.linalg.norm(found - picture)), inside)


def score_only(ask: Service, rng: Rng) -> None:
    """One query per candidate, judged by its confidence: by content nobody can tell it from use."""
    for picture, true, inside in suspects(ask, rng):
        claim(ask, ask(picture)[0, true], inside)


ATTACKS: dict[str, Attack] = {
    "augmentation": augmentation,
    "few-views": few_views,
    "noise-cluster": noise_cluster,
    "boundary-distance": boundary_distance,
    "score-only": score_only,
}
LABELS_SUFFICE = frozenset({"augmentation", "noise-cluster", "boundary-distance"})

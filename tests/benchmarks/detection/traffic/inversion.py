"""Model inversion on pictures: climbing one class's confidence pixel by pixel, or along a generator's manifold."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from traffic.evasion import Attack
from traffic.generator import CODE, Generator, learn
from traffic.models import Floats
from traffic.pictures import smooth_noise, square
from traffic.service import Service
from traffic.world import World

Rng = np.random.Generator
WIDEST = 3.0  # codes further out than this the generator has never seen


def _log_odds(answers: Floats, target: int) -> Floats:
    own = np.clip(answers[:, target], 5e-5, 1 - 5e-5)
    return np.log(own / (1 - own))


def _target(ask: Service, target: int) -> int:
    ask.notes.setdefault("targets", []).append((target, len(ask.trace)))
    return target


def _any_target(ask: Service, rng: Rng) -> int:
    return _target(ask, int(rng.integers(len(ask.world.labels))))


def _start(ask: Service, rng: Rng) -> tuple[int, Floats]:
    """Something flat, noise or mist to begin with, and an unlikely class whose confidence is not rounded to nothing
    there: of a few beginnings the first at which one can be seen."""
    world = ask.world
    for _ in range(25):
        flat = np.tile(rng.uniform(0.1, 0.9, world.channels), world.side**2)
        mist = smooth_noise(world.side, world.channels, 1, rng)[0]
        start = (flat, rng.uniform(0, 1, world.width), mist)[rng.integers(3)]
        answer = ask(start)[0]
        visible = np.flatnonzero((answer >= 0.001) & (answer < 0.5))
        if len(visible):
            return _target(ask, int(rng.choice(visible))), start
    return _target(ask, int(answer.argsort()[-2])), start


def coordinate_climb(ask: Service, rng: Rng) -> None:
    """Change a small square of pixels, keep what raises the confidence (MI-Face without gradients)."""
    side, channels, (target, now) = ask.world.side, ask.world.channels, _start(ask, rng)
    best, size = _log_odds(ask(now), target)[0], max(1, side // 8)
    while True:
        top, left = rng.integers(0, side - size + 1, 2)
        tried = square(now, side).copy()
        tried[top : top + size, left : left + size] += rng.choice([-1, 1], channels) * rng.uniform(0.3, 0.6)
        tried = np.clip(tried.ravel(), 0, 1)
        score = _log_odds(ask(tried), target)[0]
        if score > best:
            now, best = tried, score


def pixel_climb(ask: Service, rng: Rng) -> None:
    """A few scattered pixels at a time, all a good deal lighter or darker; kept when the confidence rises."""
    target, now = _start(ask, rng)
    best, many = _log_odds(ask(now), target)[0], len(now) / 10
    while True:
        tried, places = now.copy(), rng.choice(len(now), max(2, int(many)), replace=False)
        tried[places] = np.clip(tried[places] + rng.choice([-0.6, 0.6], len(places) if rng.random() < 0.5 else 1), 0, 1)
        score = _log_odds(ask(tried), target)[0]
        if score > best:
            now, best = tried, score
        many = min(1.2 * many, len(now) / 10) if score == best else max(2.0, 0.95 * many)


def nes_climb(ask: Service, rng: Rng) -> None:
    """Finite differences along random directions, one step up after each round."""
    directions, side = int(rng.integers(5, 12)), ask.world.side
    target, now = _start(ask, rng)
    while True:
        noise = rng.normal(size=(directions, side, side, ask.world.channels))
        noise = ndimage.gaussian_filter(noise, (0, side / 20, side / 20, 0))
        noise = noise.reshape(directions, -1) / noise.std()
        probes = np.clip(np.concatenate([now + 0.08 * noise, now - 0.08 * noise]), 0, 1)
        scores = _log_odds(ask(probes), target)
        gradient = ((scores[:directions] - scores[directions:])[:, None] * noise).mean(axis=0)
        now = np.clip(now + 0.08 * gradient / (np.abs(gradient).mean() + 1e-9), 0, 1)
        ask(now)


def decoder(world: World) -> Generator:
    """The attacker's generator of this world's pictures, learnt once, on natural pictures of the attacker's own."""
    if "generator" not in world.cache:
        own = world.draw(np.random.default_rng(7), min(3000, len(world.pool)))
        world.cache["generator"] = learn(own, 7)
    generator: Generator = world.cache["generator"]
    return generator


def latent_climb(ask: Service, rng: Rng) -> None:
    """An evolution strategy on the generator's code: keep the best of each handful."""
    decode, target = decoder(ask.world), _any_target(ask, rng)
    now, width = rng.normal(size=CODE), 0.6
    best = _log_odds(ask(decode(now)), target)[0]
    handful = int(rng.integers(4, 9))
    while True:
        tried = np.clip(now + width * rng.normal(size=(handful, CODE)), -WIDEST, WIDEST)
        scores = _log_odds(ask(decode(tried)), target)
        width = min(0.8, width * 1.1) if scores.max() > best else max(0.12, width * 0.9)
        if scores.max() > best:
            now, best = tried[scores.argmax()], scores.max()


def brep(ask: Service, rng: Rng) -> None:
    """Label-only: a sphere of codes around a point inside the class; away from the boundary, then a wider sphere."""
    decode, target = decoder(ask.world), _any_target(ask, rng)
    now, radius = rng.normal(size=CODE), 0.5
    while ask(decode(now))[0].argmax() != target:
        now = rng.normal(size=CODE)
    while True:
        ball = rng.normal(size=(32, CODE))
        ball *= radius * np.sqrt(CODE) / np.linalg.norm(ball, axis=1, keepdims=True)
        inside = ask(decode(np.clip(now + ball, -WIDEST, WIDEST))).argmax(axis=1) == target
        if inside.mean() > 0.75:
            radius *= 1.3
        elif inside.any():
            now = np.clip(now + 0.5 * (ball[inside].mean(axis=0) - ball[~inside].mean(axis=0)), -WIDEST, WIDEST)


def reinforcement(ask: Service, rng: Rng) -> None:
    """RLB-like: an agent's policy over codes, two far-apart generator outputs per step, reward by confidence."""
    decode, target = decoder(ask.world), _any_target(ask, rng)
    mean, width = np.zeros(CODE), np.ones(CODE)
    while True:
        states = rng.normal(size=(8, CODE))
        actions = np.clip(mean + width * rng.normal(size=(8, CODE)), -WIDEST, WIDEST)
        moved = 0.3 * states + 0.7 * actions
        pairs = np.stack([decode(moved), decode(actions)], axis=1).reshape(16, -1)
        rewards = _log_odds(ask(pairs), target)[1::2]
        elite = actions[np.argsort(rewards)[-3:]]
        mean, width = 0.6 * mean + 0.4 * elite.mean(axis=0), np.maximum(0.93 * width, 0.15)


ATTACKS: dict[str, Attack] = {
    "coordinate-climb": coordinate_climb,
    "pixel-climb": pixel_climb,
    "nes-climb": nes_climb,
    "latent-climb": latent_climb,
    "brep": brep,
    "reinforcement": reinforcement,
}
LABELS_SUFFICE = frozenset({"brep"})

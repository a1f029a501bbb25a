"""Model inversion on pictures: climbing one class's confidence pixel by pixel, and along a generator's manifold."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
from scipy import ndimage
from sklearn.neural_network import MLPRegressor

from traffic.evasion import Attack
from traffic.models import Floats
from traffic.service import Service
from traffic.world import World

Rng = np.random.Generator
CODE = 8


def _log_odds(answers: Floats, target: int) -> Floats:
    own = np.clip(answers[:, target], 5e-5, 1 - 5e-5)
    return np.log(own / (1 - own))


def _target(ask: Service, target: int) -> int:
    ask.notes.setdefault("targets", []).append((target, len(ask.trace)))
    return target


def _any_target(ask: Service, rng: Rng) -> int:
    return _target(ask, int(rng.integers(len(ask.world.labels))))


def _start(ask: Service, rng: Rng) -> tuple[int, Floats]:
    """Grey or noise to begin with, and an unlikely class whose confidence is not rounded to nothing there."""
    size = ask.world.side**2
    start = np.full(size, 0.5) if rng.random() < 0.5 else rng.uniform(0, 1, size)
    answer = ask(start)[0]
    visible = np.flatnonzero((answer >= 0.001) & (answer < 0.5))
    return _target(ask, int(rng.choice(visible) if len(visible) else answer.argsort()[-2])), start


def coordinate_climb(ask: Service, rng: Rng) -> None:
    """Change a small square of pixels, keep what raises the confidence (MI-Face without gradients)."""
    side, target, now = ask.world.side, *_start(ask, rng)
    best, size = _log_odds(ask(now), target)[0], max(1, side // 8)
    while True:
        top, left = rng.integers(0, side - size + 1, 2)
        tried = now.reshape(side, side).copy()
        tried[top : top + size, left : left + size] += rng.choice([-1, 1]) * rng.uniform(0.3, 0.6)
        tried = np.clip(tried.ravel(), 0, 1)
        score = _log_odds(ask(tried), target)[0]
        if score > best:
            now, best = tried, score


def nes_climb(ask: Service, rng: Rng) -> None:
    """Finite differences along random directions, one step up after each round."""
    directions, side = int(rng.integers(5, 12)), ask.world.side
    target, now = _start(ask, rng)
    while True:
        noise = ndimage.gaussian_filter(rng.normal(size=(directions, side, side)), (0, side / 20, side / 20))
        noise = noise.reshape(directions, -1) / noise.std()
        probes = np.clip(np.concatenate([now + 0.08 * noise, now - 0.08 * noise]), 0, 1)
        scores = _log_odds(ask(probes), target)
        gradient = ((scores[:directions] - scores[directions:])[:, None] * noise).mean(axis=0)
        now = np.clip(now + 0.08 * gradient / (np.abs(gradient).mean() + 1e-9), 0, 1)
        ask(now)


def decoder(world: World) -> Callable[[Floats], Floats]:
    """A generator: the second half of a nonlinear autoencoder, learnt on natural pictures of the attacker's own."""
    if "decoder" not in world.cache:
        own = world.pool[-min(3000, len(world.pool)) :] / 255.0
        rounds = 120 if world.redraw else 40
        coder = MLPRegressor(
            hidden_layer_sizes=(48, CODE, 48), activation="tanh", learning_rate_init=4e-3, max_iter=rounds,
            random_state=7, tol=0.0, n_iter_no_change=rounds,
        )  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            coder.fit(own, own)
        layers = list(zip(coder.coefs_, coder.intercepts_, strict=True))
        inner = np.tanh(np.tanh(own @ layers[0][0] + layers[0][1]) @ layers[1][0] + layers[1][1])
        world.cache["decoder"], world.cache["codes"] = layers, inner
    layers = world.cache["decoder"]

    def decode(codes: Floats) -> Floats:
        hidden = np.tanh(np.atleast_2d(codes) @ layers[2][0] + layers[2][1])
        return np.asarray(np.clip(hidden @ layers[3][0] + layers[3][1], 0, 1), float)

    return decode


def _spread(world: World) -> Floats:
    codes: Floats = world.cache["codes"]
    return np.asarray(codes.std(axis=0), float)


def latent_climb(ask: Service, rng: Rng) -> None:
    """An evolution strategy on the generator's code: keep the best of each handful."""
    decode, target = decoder(ask.world), _any_target(ask, rng)
    codes: Floats = ask.world.cache["codes"]
    now, width = codes[rng.integers(len(codes))], 0.6
    best = _log_odds(ask(decode(now)), target)[0]
    handful = int(rng.integers(4, 9))
    while True:
        tried = np.clip(now + width * _spread(ask.world) * rng.normal(size=(handful, CODE)), -1, 1)
        scores = _log_odds(ask(decode(tried)), target)
        width = min(0.8, width * 1.1) if scores.max() > best else max(0.12, width * 0.9)
        if scores.max() > best:
            now, best = tried[scores.argmax()], scores.max()


def brep(ask: Service, rng: Rng) -> None:
    """Label-only: a sphere of codes around a point inside the class; away from the boundary, then a wider sphere."""
    decode, target = decoder(ask.world), _any_target(ask, rng)
    codes: Floats = ask.world.cache["codes"]
    now, radius = codes[rng.integers(len(codes))], 0.5
    while ask(decode(now))[0].argmax() != target:
        now = codes[rng.integers(len(codes))]
    while True:
        ball = rng.normal(size=(32, CODE))
        ball *= radius * np.sqrt(CODE) * _spread(ask.world) / np.linalg.norm(ball, axis=1, keepdims=True)
        inside = ask(decode(np.clip(now + ball, -1, 1))).argmax(axis=1) == target
        if inside.mean() > 0.75:
            radius *= 1.3
        elif inside.any():
            now = np.clip(now + 0.5 * (ball[inside].mean(axis=0) - ball[~inside].mean(axis=0)), -1, 1)


def reinforcement(ask: Service, rng: Rng) -> None:
    """RLB-like: an agent's policy over codes, two far-apart generator outputs per step, reward by confidence."""
    decode, target = decoder(ask.world), _any_target(ask, rng)
    codes: Floats = ask.world.cache["codes"]
    mean, width = codes.mean(axis=0), _spread(ask.world).copy()
    while True:
        states = codes[rng.integers(len(codes), size=8)]
        actions = np.clip(mean + width * rng.normal(size=(8, CODE)), -1, 1)
        moved = 0.3 * states + 0.7 * actions
        pairs = np.stack([decode(moved), decode(actions)], axis=1).reshape(16, -1)
        rewards = _log_odds(ask(pairs), target)[1::2]
        elite = actions[np.argsort(rewards)[-3:]]
        mean, width = 0.6 * mean + 0.4 * elite.mean(axis=0), np.maximum(0.93 * width, 0.15 * _spread(ask.world))


ATTACKS: dict[str, Attack] = {
    "coordinate-climb": coordinate_climb,
    "nes-climb": nes_climb,
    "latent-climb": latent_climb,
    "brep": brep,
    "reinforcement": reinforcement,
}
LABELS_SUFFICE = frozenset({"brep"})

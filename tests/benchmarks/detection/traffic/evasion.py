"""Adversarial-example search on pictures: eight attacks of ART, and gradient estimates of our own (NES, RGF)."""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest.mock import patch

import numpy as np
from art.attacks.evasion import (
    BoundaryAttack,
    HopSkipJump,
    PixelAttack,
    SignOPTAttack,
    SimBA,
    SquareAttack,
    ZooAttack,
)
from art.estimators.classification import BlackBoxClassifierNeuralNetwork
from scipy import ndimage

from traffic.models import Floats
from traffic.service import Service

Rng = np.random.Generator
Attack = Callable[[Service, Rng], None]


def confident_base(ask: Service, rng: Rng) -> Floats:
    """A natural picture that the model classifies with confidence (chosen from the attacker's own data)."""
    while True:
        picture = ask.world.draw(rng, 1)
        answer = ask(picture)[0]
        if answer.max() > 0.7:
            base = ask.world.clean(picture)[0]
            ask.notes.setdefault("bases", []).append((base, int(answer.argmax()), len(ask.trace)))
            return np.asarray(picture[0], float)


def wrapped(ask: Service) -> BlackBoxClassifierNeuralNetwork:
    """The service as ART wants to see a classifier."""
    side, channels = ask.world.side, ask.world.channels
    return BlackBoxClassifierNeuralNetwork(
        lambda x: ask(np.asarray(x).reshape(len(x), -1)),
        input_shape=(side, side, channels),
        nb_classes=len(ask.world.labels),
        clip_values=(0.0, 1.0),
        channels_first=False,
    )


@contextmanager
def seeded(rng: Rng) -> Iterator[None]:
    """ART draws from the global generators, and in two attacks from a new one of the system: all follow `rng` here."""
    seed = int(rng.integers(2**31))

    class Fresh(np.random.RandomState):
        def __init__(self, *given: int) -> None:
            super().__init__(*(given or (seed,)))

    np.random.seed(seed)
    random.seed(seed)
    with patch.object(np.random, "RandomState", Fresh), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def by_library(build: Callable[[BlackBoxClassifierNeuralNetwork], object]) -> Attack:
    """An attack of ART on one base after the other."""

    def attack(ask: Service, rng: Rng) -> None:
        side = ask.world.side
        while True:
            base = confident_base(ask, rng).reshape(1, side, side, -1).astype(np.float32)
            with seeded(rng):
                build(wrapped(ask)).generate(base)  # type: ignore[attr-defined]

    return attack


def nes(ask: Service, rng: Rng) -> None:
    """Natural evolution strategies: antithetic probes around the picture, then one signed step down the margin."""
    directions = int(rng.integers(8, 20))
    while True:
        base = confident_base(ask, rng)
        label, now = ask.notes["bases"][-1][1], base.copy()
        for _ in range(40):
            noise = rng.normal(size=(directions, len(base)))
            probes = np.concatenate([now + 0.08 * noise, now - 0.08 * noise])
            own = np.log(ask(np.clip(probes, 0, 1))[:, label] + 1e-4)
            gradient = ((own[:directions] - own[directions:])[:, None] * noise).mean(axis=0)
            now = np.clip(now - 0.06 * np.sign(gradient), 0, 1)
            now = np.clip(now, base - 0.3, base + 0.3)
            if ask(now)[0].argmax() != label:
                break


def rgf(ask: Service, rng: Rng) -> None:
    """Random gradient-free: one-sided differences along smooth directions, a long step, and back when it was bad."""
    directions, side = int(rng.integers(6, 14)), ask.world.side
    while True:
        now, label = confident_base(ask, rng), ask.notes["bases"][-1][1]
        best, step = np.log(ask(now)[0, label] + 1e-4), 0.12
        for _ in range(30):
            noise = rng.normal(size=(directions, side, side, ask.world.channels))
            noise = ndimage.gaussian_filter(noise, (0, side / 24, side / 24, 0)).reshape(directions, -1)
            noise /= noise.std()
            lower = np.log(ask(np.clip(now + 0.08 * noise, 0, 1))[:, label] + 1e-4) - best
            tried = np.clip(now - step * np.sign((lower[:, None] * noise).sum(axis=0)), 0, 1)
            answer = ask(tried)[0]
            score = np.log(answer[label] + 1e-4)
            now, best, step = (tried, score, step) if score < best else (now, best, step * 0.7)
            if answer.argmax() != label:
                break


ATTACKS: dict[str, Attack] = {
    "hop-skip-jump": by_library(
        lambda c: HopSkipJump(c, max_iter=12, max_eval=60, init_eval=12, init_size=60, batch_size=64, verbose=False)
    ),
    "boundary": by_library(
        lambda c: BoundaryAttack(
            c, targeted=False, delta=0.05, epsilon=0.05, max_iter=60, num_trial=8, sample_size=8, verbose=False
        )
    ),
    "sign-opt": by_library(
        lambda c: SignOPTAttack(c, targeted=False, num_trial=15, k=12, query_limit=600, verbose=False)
    ),
    "square": by_library(lambda c: SquareAttack(c, eps=0.3, max_iter=150, p_init=0.3, verbose=False)),
    "simba-pixel": by_library(lambda c: SimBA(c, attack="px", epsilon=0.4, max_iter=400, verbose=False)),
    "simba-dct": by_library(
        lambda c: SimBA(c, attack="dct", epsilon=0.4, freq_dim=c.input_shape[0] // 2, max_iter=400, verbose=False)
    ),
    "zoo": by_library(
        lambda c: ZooAttack(
            c, max_iter=20, learning_rate=0.2, nb_parallel=16, variable_h=0.05, use_resize=False,
            use_importance=False, binary_search_steps=1, initial_const=1.0, abort_early=False, verbose=False,
        )
    ),
    "pixel": by_library(lambda c: PixelAttack(c, th=2 + c.input_shape[0] ** 2 // 10, es=1, max_iter=8, verbose=False)),
    "nes": nes,
    "rgf": rgf,
}  # fmt: skip
LABELS_SUFFICE = frozenset({"hop-skip-jump", "boundary", "sign-opt"})

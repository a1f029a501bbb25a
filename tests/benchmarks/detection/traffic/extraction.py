"""Model stealing on pictures: Jacobian augmentation, noise, mixtures, foreign and ordinary corpora; and probe sets."""

from __future__ import annotations

import warnings

import numpy as np
from scipy import ndimage
from sklearn.linear_model import LogisticRegression

from traffic.evasion import Attack
from traffic.models import Floats
from traffic.service import Service

Rng = np.random.Generator


def jacobian(ask: Service, rng: Rng) -> None:
    """JBDA: a few natural seeds; a substitute is trained, its gradient's sign makes a child of every picture."""
    seeds = ask.world.draw(rng, int(rng.integers(12, 25)))
    step, seen = rng.uniform(0.08, 0.16), seeds
    answers = ask(seeds)
    while True:
        labels = answers.argmax(axis=1)
        if len(np.unique(labels)) < 2:
            more = ask.world.draw(rng, 5)
            seen, answers = np.concatenate([seen, more]), np.concatenate([answers, ask(more)])
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            thief = LogisticRegression(C=1.0, max_iter=40).fit(seen, labels)
        weights = np.atleast_2d(thief.coef_)
        rows = np.searchsorted(thief.classes_, labels) if len(weights) > 1 else np.zeros(len(labels), int)
        children = np.clip(seen + step * np.sign(weights[rows]) * rng.choice([-1, 1]), 0, 1)
        seen, answers = np.concatenate([seen, children]), np.concatenate([answers, ask(children)])


def smooth_noise(side: int, count: int, rng: Rng) -> Floats:
    """Random pictures of varying grain and darkness."""
    pictures = []
    for _ in range(count):
        blurred = ndimage.gaussian_filter(rng.normal(size=(side, side)), rng.uniform(0.0, side / 8))
        pictures.append(1 / (1 + np.exp(-3 * (blurred / blurred.std() - rng.uniform(-0.3, 1.2)))))
    return np.stack(pictures).reshape(count, -1)


def random_noise(ask: Service, rng: Rng) -> None:
    """Data-free: independent uniform pixels, or noise of varying grain."""
    plain = rng.random() < 0.4
    while True:
        ask(rng.uniform(0, 1, (10, ask.world.side**2)) if plain else smooth_noise(ask.world.side, 10, rng))


def mix_up(ask: Service, rng: Rng) -> None:
    """Mixtures of two natural pictures."""
    own = ask.world.draw(rng, 60)
    while True:
        first, second = own[rng.integers(60, size=(2, 10))]
        share = rng.uniform(0.25, 0.75, (10, 1))
        ask(share * first + (1 - share) * second)


def foreign_corpus(ask: Service, rng: Rng) -> None:
    """Knockoff with pictures of another domain."""
    while True:
        ask(ask.world.strange[rng.choice(len(ask.world.strange), 10, replace=False)] / 255.0)


def knockoff(ask: Service, rng: Rng) -> None:
    """Knockoff with natural pictures, classes balanced: by content it is use."""
    while True:
        for label in rng.permutation(len(ask.world.labels)):
            ask(ask.world.draw(rng, 1, only=int(label)))


def probe_replay(ask: Service, rng: Rng) -> None:
    """Property inference: one fixed ordered probe set shown to one model version after the other."""
    count = int(rng.integers(30, 60))
    mixture = rng.random() < 0.5
    probes = ask.world.draw(rng, count)
    if mixture:
        probes = 0.6 * probes + 0.4 * smooth_noise(ask.world.side, count, rng)
    while True:
        for version in ask.world.versions:
            ask(probes, version)


def trigger_patches(ask: Service, rng: Rng) -> None:
    """Backdoor probing: the same small patch on each of a few bases, then the next patch."""
    side, bases = ask.world.side, ask.world.draw(rng, int(rng.integers(4, 9)))
    size = max(2, side // 7)
    while True:
        top, left = rng.integers(0, side - size + 1, 2)
        pictures = bases.reshape(-1, side, side).copy()
        pictures[:, top : top + size, left : left + size] = rng.integers(0, 2, (size, size))
        ask(pictures.reshape(len(bases), -1))


ATTACKS: dict[str, Attack] = {
    "jacobian": jacobian,
    "random-noise": random_noise,
    "mix-up": mix_up,
    "foreign-corpus": foreign_corpus,
    "knockoff": knockoff,
}

"""Model stealing on pictures: Jacobian augmentation, noise, mixtures, foreign and ordinary corpora, chosen ones."""

from __future__ import annotations

import numpy as np

from traffic.evasion import Attack
from traffic.models import Floats
from traffic.pictures import smooth_noise
from traffic.service import Service
from traffic.thief import Ridge

Rng = np.random.Generator
ARMS = 8  # parts of a corpus between which the adaptive thief chooses


def jacobian(ask: Service, rng: Rng) -> None:
    """JBDA: a few natural seeds; a substitute is trained, its gradient's sign makes a child of every picture."""
    seen = ask.world.draw(rng, int(rng.integers(12, 25)))
    step = rng.uniform(0.08, 0.16)
    answers = ask(seen)
    while True:
        labels = answers.argmax(axis=1)
        if len(np.unique(labels)) < 2:
            more = ask.world.draw(rng, 5)
            seen, answers = np.concatenate([seen, more]), np.concatenate([answers, ask(more)])
            continue
        gradient = Ridge.fit(seen, answers).weights[:, labels].T
        children = np.clip(seen + step * np.sign(gradient) * rng.choice([-1, 1]), 0, 1)
        seen, answers = np.concatenate([seen, children]), np.concatenate([answers, ask(children)])


def random_noise(ask: Service, rng: Rng) -> None:
    """Data-free: independent uniform pixels, or noise of varying grain."""
    plain, world = rng.random() < 0.4, ask.world
    while True:
        smooth = smooth_noise(world.side, world.channels, 10, rng)
        ask(rng.uniform(0, 1, (10, world.width)) if plain else smooth)


def mix_up(ask: Service, rng: Rng) -> None:
    """Mixtures of two natural pictures."""
    own = ask.world.draw(rng, 60)
    while True:
        first, second = own[rng.integers(60, size=(2, 10))]
        share = rng.uniform(0.25, 0.75, (10, 1))
        ask(share * first + (1 - share) * second)


def foreign_corpus(ask: Service, rng: Rng) -> None:
    """Knockoff with pictures of another domain, none twice."""
    while True:
        for part in np.array_split(rng.permutation(len(ask.world.strange)), len(ask.world.strange) // 10):
            ask(ask.world.strange[part] / 255.0)


def adaptive_foreign(ask: Service, rng: Rng) -> None:
    """Adaptive Knockoff: the foreign corpus in parts by likeness; a bandit prefers those with sure and varied answers.

    The reward is Orekondy's (CVPR 2019): certainty, and labels that differ from the usual ones."""
    corpus = ask.world.strange / 255.0
    if "arms" not in ask.world.cache:
        places = np.random.default_rng(6).choice(len(corpus), ARMS, replace=False)
        distances = ((corpus**2).sum(axis=1)[:, None] - 2 * corpus @ corpus[places].T) + (corpus[places] ** 2).sum(1)
        ask.world.cache["arms"] = distances.argmin(axis=1)
    arms = [list(rng.permutation(np.flatnonzero(ask.world.cache["arms"] == arm))) for arm in range(ARMS)]
    value, usual = np.zeros(ARMS), np.full(len(ask.world.labels), 1 / len(ask.world.labels))
    while True:
        odds = np.exp(value - value.max()) * np.array([len(some) > 0 for some in arms])
        arm = int(rng.choice(ARMS, p=odds / odds.sum()))
        taken, arms[arm] = arms[arm][:4], arms[arm][4:]
        answers = ask(corpus[taken])
        certain = np.sort(answers, axis=1)
        reward = (certain[:, -1] - certain[:, -2]).mean() + np.abs(answers.mean(axis=0) - usual).sum()
        value[arm] += 0.7 * (reward - value[arm])
        usual = 0.9 * usual + 0.1 * answers.mean(axis=0)


def knockoff(ask: Service, rng: Rng) -> None:
    """Knockoff with natural pictures, classes balanced: by content it is use."""
    while True:
        for label in rng.permutation(len(ask.world.labels)):
            ask(ask.world.draw(rng, 1, only=int(label)))


def active_learning(ask: Service, rng: Rng) -> None:
    """Asks what a substitute is least sure of, among its own pictures and mixtures and noisy copies of them."""
    own = ask.world.draw(rng, 80)
    seen, answers = own[:20], ask(own[:20])
    while True:
        first, second = own[rng.integers(len(own), size=(2, 150))]
        share = rng.uniform(0.0, 0.5, (150, 1))
        tried = np.clip((1 - share) * first + share * second + rng.normal(0, 0.03, first.shape), 0, 1)
        scores = np.sort(Ridge.fit(seen, answers)(tried), axis=1)
        doubtful = tried[np.argsort(scores[:, -1] - scores[:, -2])[:10]]
        seen, answers = np.concatenate([seen, doubtful]), np.concatenate([answers, ask(doubtful)])


def probe_set(ask: Service, rng: Rng, count: int) -> Floats:
    """Natural pictures, or half of them noise."""
    world, probes = ask.world, ask.world.draw(rng, count)
    return 0.6 * probes + 0.4 * smooth_noise(world.side, world.channels, count, rng) if rng.random() < 0.5 else probes


def probe_replay(ask: Service, rng: Rng) -> None:
    """Property inference: one fixed ordered probe set shown to one model version after the other."""
    probes = probe_set(ask, rng, int(rng.integers(30, 60)))
    while True:
        for version in ask.world.versions:
            ask(probes, version)


def shared_probes(ask: Service, rng: Rng) -> None:
    """Property inference with a toolkit's probe set: every attacker of this kind sends the same one, in its order."""
    if "probes" not in ask.world.cache:
        ask.world.cache["probes"] = probe_set(ask, np.random.default_rng(8), 40)
    while True:
        for version in ask.world.versions:
            ask(ask.world.cache["probes"], version)


ATTACKS: dict[str, Attack] = {
    "jacobian": jacobian,
    "random-noise": random_noise,
    "mix-up": mix_up,
    "foreign-corpus": foreign_corpus,
    "adaptive-foreign": adaptive_foreign,
    "active-learning": active_learning,
    "knockoff": knockoff,
}
PROBES: dict[str, Attack] = {"probe-replay": probe_replay, "shared-probes": shared_probes}

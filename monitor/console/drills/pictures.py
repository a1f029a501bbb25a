"""Drills on dense inputs: pictures, and vectors, which are taken for pictures of one row."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from monitor.console.drills.service import ACCOUNTS, Service
from monitor.console.drills.templates import Floats


def _planes(ask: Service) -> tuple[int, int, int]:
    """Height, width and channels of the inputs."""
    shape = ask.template.shape
    inner = [size for size in shape if size > 1]
    if len(inner) >= 2:
        first = 1 if len(inner) > 2 and inner[0] <= 4 else 0  # channels first
        high, wide = inner[first], inner[first + 1]
        rest = ask.template.inputs.shape[1] // (high * wide)
        if high * wide * rest == ask.template.inputs.shape[1]:
            return high, wide, rest
    return 1, ask.template.inputs.shape[1], 1


def _smooth(ask: Service, count: int) -> Floats:
    """Noise of varying grain, (count, d)."""
    high, wide, channels = _planes(ask)
    made = []
    for _ in range(count):
        sigma = ask.rng.uniform(0.0, wide / 8)
        blurred = ndimage.gaussian_filter(ask.rng.normal(size=(high, wide, channels)), (sigma, sigma, 0), mode="wrap")
        grain = blurred / max(float(blurred.std()), 1e-9) - ask.rng.uniform(-0.3, 1.2)
        made.append((1 / (1 + np.exp(-3 * grain))).ravel())
    return np.stack(made)


def _patched(ask: Service, rows: Floats, corner: tuple[int, int], patch: Floats) -> Floats:
    high, wide, channels = _planes(ask)
    copies = rows.reshape(len(rows), high, wide, channels).copy()
    top, left = corner
    copies[:, top : top + patch.shape[0], left : left + patch.shape[1]] = patch
    return copies.reshape(len(rows), -1)


def _log_odds(found: Floats, target: int) -> Floats:
    own = np.clip(found[:, target], 5e-5, 1 - 5e-5)
    return np.asarray(np.log(own / (1 - own)))


def inversion(ask: Service) -> None:
    """Noise, of which a patch at a time is changed; kept where the confidence of one answer rises."""
    high, wide, channels = _planes(ask)
    tall, broad = max(1, high // 8), max(1, wide // 8)
    now = ask.rng.uniform(0, 1, high * wide * channels)
    target = int(ask(now)[0].argsort()[-2])
    best = _log_odds(ask(now), target)[0]
    while True:
        tried = now.reshape(high, wide, channels).copy()
        top, left = int(ask.rng.integers(high - tall + 1)), int(ask.rng.integers(wide - broad + 1))
        tried[top : top + tall, left : left + broad] += ask.rng.choice([-1, 1], channels) * ask.rng.uniform(0.3, 0.6)
        flat = np.clip(tried.ravel(), 0, 1)
        score = _log_odds(ask(flat), target)[0]
        if score > best:
            now, best = flat, score


def extraction(ask: Service) -> None:
    """Noise of varying grain, to be answered."""
    while True:
        ask(_smooth(ask, 10))


def membership(ask: Service) -> None:
    """The same number of copies of each input, under growing noise."""
    copies, side = 16, np.sqrt(ask.template.inputs.shape[1])
    widest = 0.12 * np.sqrt(side)
    radii = np.linspace(0.1 * widest, widest, copies)[:, None]
    while True:
        base = ask.draw(1)
        ask(np.concatenate([base, np.clip(base + radii * ask.rng.normal(size=(copies, base.shape[1])), 0, 1)]))


def evasion(ask: Service, accounts: int = 1) -> None:
    """Antithetic noise around an input, then one step down the confidence of its answer, again and again."""
    sent = 0

    def show(rows: Floats) -> Floats:
        nonlocal sent
        found = []
        for row in np.atleast_2d(rows):
            ask.account = sent % accounts
            sent += 1
            found.append(ask(row)[0])
        return np.stack(found)

    while True:
        drawn = ask.draw(24)
        base = drawn[int(ask.probabilities(drawn).max(axis=1).argmax())]
        label, now = int(show(base)[0].argmax()), base.copy()
        for _ in range(12):
            noise = ask.rng.normal(size=(10, len(base)))
            probes = np.clip(np.concatenate([now + 0.08 * noise, now - 0.08 * noise]), 0, 1)
            own = np.log(show(probes)[:, label] + 1e-4)
            gradient = ((own[:10] - own[10:])[:, None] * noise).mean(axis=0)
            now = np.clip(np.clip(now - 0.06 * np.sign(gradient), 0, 1), base - 0.3, base + 0.3)
            if show(now)[0].argmax() != label:
                break


def campaign(ask: Service) -> None:
    """The same search, dealt out to accounts in turn."""
    evasion(ask, ACCOUNTS)


def backdoor(ask: Service) -> None:
    """The same small patch on each of a few inputs, then another patch."""
    high, wide, channels = _planes(ask)
    size = max(2, wide // 6)
    bases = ask.draw(6)
    ask(bases)
    while True:
        tall = min(size, high)
        corner = (int(ask.rng.integers(high - tall + 1)), int(ask.rng.integers(wide - size + 1)))
        patch = ask.rng.integers(0, 2, (tall, size, channels)).astype(np.float64)
        ask(_patched(ask, bases, corner, patch))


def novelty(ask: Service) -> None:
    """Hard stripes: nothing that a camera takes, and none of them like the other."""
    high, wide, channels = _planes(ask)
    while True:
        stripes = (ask.rng.random((high, wide, channels)) < 0.5).astype(np.float64)
        ask(np.repeat(stripes.ravel()[None], 2, axis=0) * ask.rng.uniform(0.6, 1.0, (2, 1)))

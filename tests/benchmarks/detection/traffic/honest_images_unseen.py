"""Honest callers of a picture service that the learning days do not show: explainers, searches, tests of the owner."""

from __future__ import annotations

import numpy as np

from traffic.honest_images import Behaviour
from traffic.pictures import blur, square, turn
from traffic.service import Service

Rng = np.random.Generator


def load_test(ask: Service, rng: Rng) -> None:
    """A few hundred natural pictures drawn with replacement from a small set, as fast as it goes."""
    pictures = ask.world.draw(rng, 50)
    while True:
        ask(pictures[rng.integers(50)])


def lime(ask: Service, rng: Rng) -> None:
    """LIME: random subsets of a picture's cells are blanked."""
    side, cells = ask.world.side, 4
    patch = np.repeat(np.repeat(np.arange(cells * cells).reshape(cells, cells), side // cells, 0), side // cells, 1)
    while True:
        picture = square(ask.world.draw(rng, 1)[0], side)
        for _ in range(int(rng.integers(40, 100))):
            kept = rng.random(cells * cells) < 0.5
            ask((picture * kept[patch][:, :, None]).ravel())


def shapley(ask: Service, rng: Rng) -> None:
    """Permutation Shapley: cells of a background picture become those of the picture, one after the other."""
    side, cells = ask.world.side, 4
    patch = np.repeat(np.repeat(np.arange(cells * cells).reshape(cells, cells), side // cells, 0), side // cells, 1)
    while True:
        picture, background = ask.world.draw(rng, 2).reshape(2, side, side, -1)
        for _ in range(5):
            now = background.copy()
            for cell in rng.permutation(cells * cells):
                now[patch == cell] = picture[patch == cell]
                ask(now.ravel())


def counterfactual(ask: Service, rng: Rng) -> None:
    """What would have to change for another answer? Moves towards a picture of the other class, then halves."""
    while True:
        first, second = ask.world.draw(rng, 2)
        labels = ask(np.stack([first, second])).argmax(axis=1)
        if labels[0] == labels[1]:
            continue
        low, high = 0.0, 1.0
        for _ in range(9):
            middle = (low + high) / 2
            same = ask((1 - middle) * first + middle * second)[0].argmax() == labels[0]
            low, high = (middle, high) if same else (low, middle)


def restoration(ask: Service, rng: Rng) -> None:
    """Restores a noisy picture and tunes the filter by the model's confidence."""
    side = ask.world.side
    while True:
        noisy = np.clip(ask.world.draw(rng, 1)[0] + rng.normal(0, 0.2, ask.world.width), 0, 1)
        sigma, gain = 0.6, 1.0
        best = ask(noisy)[0].max()
        for _ in range(30):
            tried = (max(0.0, sigma + rng.normal(0, 0.15)), gain + rng.normal(0, 0.1))
            score = ask(np.clip(tried[1] * blur(noisy, side, tried[0]), 0, 1))[0].max()
            if score > best:
                best, (sigma, gain) = score, tried


def filter_page(ask: Service, rng: Rng) -> None:
    """A page with sliders for brightness, contrast and focus: a person moves one a little at a time and looks."""
    side = ask.world.side
    while True:
        picture = ask.world.draw(rng, 1)[0]
        light, contrast, focus = 1.0, 1.0, 0.0
        for _ in range(int(rng.integers(6, 25))):
            slider, move = int(rng.integers(3)), rng.normal(0, 0.12)
            light += move * (slider == 0)
            contrast += move * (slider == 1)
            focus = max(0.0, focus + 2 * move * (slider == 2))
            middle = picture.mean()
            ask(np.clip(light * (middle + contrast * (blur(picture, side, focus) - middle)), 0, 1))


def corruption_suite(ask: Service, rng: Rng) -> None:
    """Robustness report: each picture under the same corruptions of growing strength."""
    side = ask.world.side
    while True:
        picture = ask.world.draw(rng, 1)[0]
        for strength in (0.3, 0.6, 1.0):
            ask(np.clip(picture + rng.normal(0, 0.25 * strength, picture.shape), 0, 1))
            ask(blur(picture, side, strength))
            ask(np.clip(picture * (1 - 0.6 * strength), 0, 1))
            ask(turn(picture, side, 25 * strength, (0, 0)))


def regression_test(ask: Service, rng: Rng) -> None:
    """The owner's release test: one fixed ordered set shown to both versions. By content it is a probe replay."""
    pictures = ask.world.draw(rng, int(rng.integers(30, 60)))
    while True:
        for version in ask.world.versions:
            ask(pictures, version)


def expired_key(ask: Service, rng: Rng) -> None:
    """A user whose key runs out: refused for a while, until somebody renews it."""
    while True:
        for _ in range(int(rng.integers(20, 60))):
            ask(ask.world.draw(rng, 1))
        for _ in range(int(rng.integers(5, 20))):
            ask.fails(ask.world.draw(rng, 1), 401)


UNSEEN: dict[str, tuple[Behaviour, str]] = {
    "load-test": (load_test, "burst"),
    "lime": (lime, "machine"),
    "shapley": (shapley, "machine"),
    "counterfactual": (counterfactual, "person"),
    "restoration": (restoration, "machine"),
    "filter-page": (filter_page, "person"),
    "corruption-suite": (corruption_suite, "machine"),
    "regression-test": (regression_test, "night"),
    "expired-key": (expired_key, "person"),
}

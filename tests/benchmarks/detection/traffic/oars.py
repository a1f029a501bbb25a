"""Evasion with large adaptive steps, after OARS (Feng et al., CCS 2023): every query keeps far from all before it.

OARS tunes its noise by a defence's refusals. A monitor that only watches refuses nothing, so the attacker here tunes it
on its own record of what it sent: the noise is the smallest with which at most one proposal in twenty comes nearer to
an earlier query than a share of the usual distance of two natural pictures; what still comes too near is drawn again.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from traffic.evasion import Attack, confident_base
from traffic.models import Floats
from traffic.service import Service

Rng = np.random.Generator
MOST = 1000  # queries that an attacker remembers


class Past:
    """What was sent so far, and how near a proposal may come to it."""

    def __init__(self, ask: Service, rng: Rng) -> None:
        own = ask.world.draw(rng, 40)
        self.ask, self.rng = ask, rng
        self.apart = float(rng.uniform(0.25, 0.4) * np.median(np.linalg.norm(own[1:] - own[:-1], axis=1)))
        self.sent = np.zeros((0, ask.world.width))

    def near(self, proposals: Floats) -> np.ndarray:
        """Which of the proposals lie too near to something sent."""
        if not len(self.sent):
            return np.zeros(len(proposals), bool)
        inner = proposals @ self.sent.T
        squares = (proposals**2).sum(axis=1)[:, None] - 2 * inner + (self.sent**2).sum(axis=1)
        return np.asarray(squares.min(axis=1) < self.apart**2, bool)

    def query(self, pictures: Floats) -> Floats:
        """Ask and remember."""
        self.sent = np.concatenate([self.sent, np.atleast_2d(pictures)])[-MOST:]
        return self.ask(pictures)

    def width(self, centre: Floats) -> float:
        """The smallest noise around a picture of which at most one proposal in twenty is too near."""
        low, high = 0.01, 0.6
        for _ in range(8):
            middle = (low + high) / 2
            tried = np.clip(centre + middle * self.rng.normal(size=(20, len(centre))), 0, 1)
            low, high = (middle, high) if self.near(tried).mean() > 0.05 else (low, middle)
        return high

    def around(self, centre: Floats, width: float, count: int) -> Floats:
        """Noise directions that keep far from the past and from each other, each drawn up to twenty times."""
        chosen: list[Floats] = []
        for _ in range(count):
            for _ in range(20):
                noise = self.rng.normal(size=len(centre))
                if not self.near(np.clip(centre + width * noise, 0, 1)[None])[0]:
                    break
            chosen.append(noise)
        return np.stack(chosen)

    def steps(self, start: Floats, direction: Floats, longest: float) -> Iterator[Floats]:
        """Pictures along a direction, longest step first, that are far from the past."""
        for share in (1.0, 0.8, 0.6, 0.45, 0.3):
            tried = np.clip(start + share * longest * direction, 0, 1)
            if not self.near(tried[None])[0]:
                yield tried


def oars_nes(ask: Service, rng: Rng) -> None:
    """NES with wide noise, few directions and one large step down the margin after each round."""
    past, directions = Past(ask, rng), int(rng.integers(10, 20))
    while True:
        now, label = confident_base(ask, rng), ask.notes["bases"][-1][1]
        past.sent = np.concatenate([past.sent, now[None]])
        for _ in range(12):
            width = past.width(now)
            noise = past.around(now, width, directions)
            own = np.log(past.query(np.clip(now + width * noise, 0, 1))[:, label] + 1e-4)
            gradient = ((own - own.mean())[:, None] * noise).mean(axis=0)
            flipped = False
            for tried in past.steps(now, -np.sign(gradient), 0.16):
                answer = past.query(tried)[0]
                flipped, now = bool(answer.argmax() != label), tried
                break
            if flipped:
                break


def oars_hsj(ask: Service, rng: Rng) -> None:
    """HopSkipJump with a coarse search for the boundary, wide estimates of its normal and steps that halve seldom."""
    past = Past(ask, rng)
    while True:
        base, label = confident_base(ask, rng), ask.notes["bases"][-1][1]
        other = ask.world.draw(rng, 1)[0]
        while past.query(other)[0].argmax() == label:
            other = ask.world.draw(rng, 1)[0]
        for _ in range(5):
            for share in (0.5, 0.7, 0.85):  # towards the base as far as the label and the past allow
                tried = share * other + (1 - share) * base
                if not past.near(tried[None])[0] and past.query(tried)[0].argmax() != label:
                    other = tried
                    break
            width = past.width(other)
            noise = past.around(other, width, int(rng.integers(12, 24)))
            foreign = past.query(np.clip(other + width * noise, 0, 1)).argmax(axis=1) != label
            normal = ((foreign - foreign.mean())[:, None] * noise).mean(axis=0)
            normal /= np.linalg.norm(normal) + 1e-9
            for tried in past.steps(other, normal, float(np.linalg.norm(other - base)) / 2):
                if past.query(tried)[0].argmax() != label:
                    other = tried
                    break


ATTACKS: dict[str, Attack] = {"oars-nes": oars_nes, "oars-hsj": oars_hsj}
LABELS_SUFFICE = frozenset({"oars-hsj"})

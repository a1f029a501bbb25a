"""The attacker's generator: a small variational autoencoder in plain NumPy, learnt on pictures of the attacker's own.

Kingma and Welling, Auto-Encoding Variational Bayes (2014): one hidden layer each way, a diagonal Gaussian code, pixels
as independent Bernoulli means, Adam. It is nonlinear and probabilistic, the monitor's own manifold is linear: what the
attacker sends does not lie on the monitor's by construction.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from traffic.models import Floats, Inputs

Rng = np.random.Generator
CODE = 10
HIDDEN = 64
BATCH = 64


@dataclass
class Generator:
    """The decoder: codes drawn from a standard normal distribution become pictures of 0..1."""

    weights: list[Inputs]

    def __call__(self, codes: Floats) -> Floats:
        """Pictures (n, d) of codes (n, CODE) or (CODE,)."""
        first, bias, second, offset = self.weights
        hidden = np.tanh(np.atleast_2d(codes) @ first + bias)
        return np.asarray(1 / (1 + np.exp(-np.clip(hidden @ second + offset, -30, 30))), float)


def _start(sizes: tuple[int, ...], rng: Rng) -> list[Inputs]:
    layers: list[Inputs] = []
    for inner, outer in pairwise(sizes):
        layers += [rng.normal(0, 1 / np.sqrt(inner), (inner, outer)).astype(np.float32), np.zeros(outer, np.float32)]
    return layers


@dataclass
class Adam:
    """Kingma and Ba's step for a list of arrays, in place."""

    weights: list[Inputs]
    rate: float
    steps: int = 0

    def __post_init__(self) -> None:
        self.first = [np.zeros_like(one) for one in self.weights]
        self.second = [np.zeros_like(one) for one in self.weights]

    def step(self, gradients: list[Inputs]) -> None:
        """Move against the gradients."""
        self.steps += 1
        for one, slope, mean, square in zip(self.weights, gradients, self.first, self.second, strict=True):
            mean += 0.1 * (slope - mean)
            square += np.float32(0.001) * (slope**2 - square)
            scale = np.sqrt(square / (1 - 0.999**self.steps)) + 1e-8
            one -= self.rate * (mean / (1 - 0.9**self.steps)) / scale


def _slopes(batch: Inputs, coder: list[Inputs], decoder: list[Inputs], rng: Rng, weight: float) -> list[Inputs]:
    """Gradients of the negative evidence bound for the coder's and the decoder's arrays; `weight` is the prior's."""
    in_w, in_b, code_w, code_b = coder
    out_w, out_b, pixel_w, pixel_b = decoder
    seen = np.tanh(batch @ in_w + in_b)
    mean, log_variance = np.split(seen @ code_w + code_b, 2, axis=1)
    log_variance = np.clip(log_variance, -8, 4)
    noise, spread = rng.normal(size=mean.shape).astype(np.float32), np.exp(0.5 * log_variance)
    code = mean + spread * noise
    hidden = np.tanh(code @ out_w + out_b)
    pixels = 1 / (1 + np.exp(-np.clip(hidden @ pixel_w + pixel_b, -30, 30)))
    count = len(batch)
    at_pixels = (pixels - batch) / count
    at_hidden = (at_pixels @ pixel_w.T) * (1 - hidden**2)
    at_code = at_hidden @ out_w.T
    at_mean = at_code + weight * mean / count
    at_variance = at_code * noise * 0.5 * spread + weight * 0.5 * (np.exp(log_variance) - 1) / count
    at_both = np.concatenate([at_mean, at_variance], axis=1)
    at_seen = (at_both @ code_w.T) * (1 - seen**2)
    return [
        batch.T @ at_seen, at_seen.sum(axis=0), seen.T @ at_both, at_both.sum(axis=0),
        code.T @ at_hidden, at_hidden.sum(axis=0), hidden.T @ at_pixels, at_pixels.sum(axis=0),
    ]  # fmt: skip


def learn(pictures: Floats, seed: int, steps: int = 2000, rate: float = 2e-3) -> Generator:
    """A generator of pictures (n, d) of 0..1. The prior's weight grows in the first half, so that codes are used."""
    rng = np.random.default_rng([seed, 25])
    size = pictures.shape[1]
    coder, decoder = _start((size, HIDDEN, 2 * CODE), rng), _start((CODE, HIDDEN, size), rng)
    own = pictures.astype(np.float32)
    mean = np.clip(pictures.mean(axis=0), 0.02, 0.98)
    decoder[3][:] = np.log(mean / (1 - mean))
    adam = Adam([*coder, *decoder], rate)
    for step in range(steps):
        batch = own[rng.integers(len(pictures), size=BATCH)]
        adam.step(_slopes(batch, coder, decoder, rng, min(1.0, 2 * step / steps)))
    return Generator(decoder)

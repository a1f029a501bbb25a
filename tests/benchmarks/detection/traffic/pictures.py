"""Pictures as flat rows of numbers, grey or in colour: turned, blurred, taken again, patched."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from traffic.models import Floats, Inputs

Rng = np.random.Generator


def square(picture: Inputs, side: int) -> Inputs:
    """The flat picture as side x side x channels (a view)."""
    return picture.reshape(side, side, -1)


def turn(picture: Floats, side: int, degrees: float, shift: Floats | tuple[float, float]) -> Floats:
    """A flat picture turned about its middle and shifted by pixels, bilinear; colour goes on at the edge, grey ends."""
    angle, middle = np.deg2rad(degrees), (side - 1) / 2
    matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    offset = middle - matrix @ (np.full(2, middle) + np.asarray(shift))
    planes = np.moveaxis(square(picture, side), 2, 0)
    edge = "constant" if len(planes) == 1 else "nearest"
    turned = [ndimage.affine_transform(plane, matrix, offset, order=1, mode=edge) for plane in planes]
    return np.asarray(np.stack(turned, axis=2), float).ravel()


def retake(picture: Floats, side: int, rng: Rng) -> Floats:
    """The same thing photographed again: a little turned, moved and brighter or darker."""
    turned = turn(picture, side, rng.normal(0, 2.5), rng.normal(0, 0.02 * side, 2))
    return np.clip(turned * rng.uniform(0.88, 1.08), 0.0, 1.0)


def blur(picture: Floats, side: int, sigma: float) -> Floats:
    """A flat picture out of focus."""
    return np.asarray(ndimage.gaussian_filter(square(picture, side), (sigma, sigma, 0)), float).ravel()


def smooth_noise(side: int, channels: int, count: int, rng: Rng) -> Floats:
    """Random pictures of varying grain and darkness, in colour also of varying hue and contrast."""
    pictures = []
    for _ in range(count):
        sigma = rng.uniform(0.0, side / 8)
        blurred = ndimage.gaussian_filter(rng.normal(size=(side, side, channels)), (sigma, sigma, 0))
        grain = blurred / blurred.std() - rng.uniform(-0.3, 1.2)
        if channels > 1:
            grain = grain * rng.uniform(0.05, 1.0) + rng.normal(0, 0.5, channels)
        pictures.append(1 / (1 + np.exp(-3 * grain)))
    return np.stack(pictures).reshape(count, -1)


def patched(pictures: Floats, side: int, corner: tuple[int, int], patch: Floats) -> Floats:
    """Copies of flat pictures with a patch (height, width, channels) pasted in at its corner."""
    copies = pictures.reshape(len(pictures), side, side, -1).copy()
    top, left = corner
    copies[:, top : top + patch.shape[0], left : left + patch.shape[1]] = patch
    return copies.reshape(len(pictures), -1)

"""How far inputs lie from where the model's ordinary inputs lie: the error of a linear autoencoder on sketches.

The error of an input is the logarithm of what is left of its projection beside the model's principal components,
adjusted for the input's distance from the mean and for its label, in units of the ordinary spread: 0 is ordinary,
-3 is smoother than nature (generated), +2 is noise. Learnt from sketches alone (detectors/scoring/manifold.py), so
that an input made elsewhere and sketched there can be judged too. Fails for inputs without structure.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from detectors.features.numbers import autocorrelation, quantile, trend

NAMES: Final = (
    "error_p10",  # 10 % quantile of the error over the window
    "error_p50",
    "error_p90",
    "error_iqr",
    "error_gain",  # mean of the last quarter less the mean of the first
    "error_trend",  # rank trend
    "error_autocorrelation",
    "smooth",  # share with an error under -2
    "noisy",  # share with an error over 2
)

Floats = NDArray[np.float64]


@njit(cache=True)
def residual(x: NDArray[np.float32], mean: Floats, components: NDArray[np.float64], width: int) -> tuple[float, float]:
    """Logarithms of the norm beside the components, and of the norm around the mean."""
    centred = np.empty(width)
    total = 0.0
    for j in range(width):
        centred[j] = x[j] - mean[j]
        total += centred[j] * centred[j]
    left = total
    for c in range(len(components)):
        score = 0.0
        for j in range(width):
            score += components[c, j] * centred[j]
        left -= score * score
    return float(np.log(np.sqrt(max(left, 0.0)) + 1e-6)), float(np.log(np.sqrt(total) + 1e-6))


@njit(cache=True)
def manifold(window: Any, out: Floats) -> None:
    """Fill `out` in the order of NAMES from a window of entries, oldest first; NaN until it is known."""
    n = len(window)
    errors, m = np.empty(n), 0
    for i in range(n):
        if not np.isnan(window[i].error):
            errors[m] = window[i].error
            m += 1
    if m < n // 2 or m < 8:
        out[:] = np.nan
        return
    known = errors[:m]
    out[0], out[1], out[2] = quantile(known, 0.1), quantile(known, 0.5), quantile(known, 0.9)
    out[3] = quantile(known, 0.75) - quantile(known, 0.25)
    out[4] = known[-(m // 4) :].mean() - known[: m // 4].mean()
    out[5] = trend(known)
    out[6] = autocorrelation(known, 3, 45)[0]
    out[7] = (known < -2).mean()
    out[8] = (known > 2).mean()

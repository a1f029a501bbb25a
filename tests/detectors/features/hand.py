"""Windows made by hand: entries with a few telling columns, everything else as an ordinary far-off query has it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.features.layout import ENTRY, LINKED

SECOND = 1_000_000


def window(n: int, **given: Any) -> Any:
    """n entries, each its own base, a second apart, nothing linked; `given` columns replace these."""
    made = np.zeros(n, ENTRY)
    made["time"] = np.arange(n) * SECOND
    made["base"] = np.arange(n)
    made["label"], made["second"] = 1, 2
    made["p1"], made["p2"] = 0.9, 0.05
    made["distance"], made["far"], made["step"] = 1.0, 1.0, 1.0
    made["root_label"], made["root_margin"] = 1, 0.85
    for name in ("error", "root_error"):
        made[name] = np.nan
    for name, value in given.items():
        made[name] = value
    return made


def chain(n: int, **given: Any) -> Any:
    """n entries of one cluster: the first is the base, all others are linked to it."""
    flags = np.full(n, LINKED)
    flags[:1] = 0
    return window(n, **({"base": 0, "flags": flags, "distance": 0.1, "step": 0.1} | given))


def asked(kernel: Callable[..., None], names: tuple[str, ...], *given: Any) -> dict[str, float]:
    """What a family says of its arguments, by the names of its columns; columns it does not write are infinite."""
    out: NDArray[np.float64] = np.full(len(names), np.inf)
    kernel(*given, out)
    return dict(zip(names, out.tolist(), strict=True))

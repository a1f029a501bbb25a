"""What is sampled, the table and the picture of it, and whether a curve is flat."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np

SETTLED = 1 / 3  # of the time is left out: places fill, kernels load


@dataclass(frozen=True)
class Sample:
    """One look: seconds since the start, which life of the daemon; MiB, counts and records."""

    seconds: float
    life: int
    memory_mib: float
    handles: int
    disk_mib: float
    lag: float
    waiting: float
    clients: float
    received: float
    fault: str


MEASURES = {"memory_mib": 10.0, "handles": 10.0, "disk_mib": 15.0, "lag": 0.0}  # per cent that an hour may add


def flat(samples: Sequence[Sample], measure: str) -> tuple[float, float, bool]:
    """Median of a measure once settled, growth per hour in per cent of it, and whether that is little.

    The slope is Theil's: the median over pairs of samples, so that faults do not bend it. Of the lag only the end
    counts: it has to come back to what one second brings.
    """
    from scipy.stats import theilslopes

    kept = [one for one in samples if one.seconds >= SETTLED * samples[-1].seconds]
    values = np.array([getattr(one, measure) for one in kept])
    hours = np.array([one.seconds for one in kept]) / 3_600
    middle = float(np.median(values))
    if measure == "lag":
        return middle, 0.0, bool(values[-1] <= max(middle, 1_000.0))
    growth = 100 * float(theilslopes(values, hours)[0]) / max(middle, 1e-9)
    return middle, growth, growth <= MEASURES[measure]


def table(samples: Sequence[Sample], file: Path) -> None:
    """All samples as CSV."""
    with file.open("w", newline="") as out:
        writer = csv.DictWriter(out, [field.name for field in fields(Sample)])
        writer.writeheader()
        writer.writerows(asdict(one) for one in samples)


def picture(samples: Sequence[Sample], file: Path) -> None:
    """Four curves over time, faults marked."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(len(MEASURES), 1, sharex=True, figsize=(9, 8))
    minutes = [one.seconds / 60 for one in samples]
    for axis, measure in zip(axes, MEASURES, strict=True):
        axis.plot(minutes, [getattr(one, measure) for one in samples], linewidth=1)
        axis.set_ylabel(measure.replace("_mib", ", MiB"))
        axis.set_ylim(bottom=0)
        for minute, one in zip(minutes, samples, strict=True):
            if one.fault:
                axis.axvline(minute, color="tab:red", alpha=0.3, linewidth=1)
    axes[-1].set_xlabel("minutes; red: a fault")
    figure.tight_layout()
    figure.savefig(file, dpi=90)

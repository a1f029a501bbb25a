"""How the pictures of the benchmarks look. Needs matplotlib, of the extra `traffic`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl

mpl.use("Agg")  # no window, wherever it runs
from matplotlib import pyplot as plt

INK: Final = "#1f2933"
FAINT: Final = "#c9d1d9"
OURS: Final = "#0b3c8c"
THEIRS: Final = "#8a949e"
WARM: Final = "#d1495b"
COOL: Final = "#159a8c"
STYLE: Final[dict[Any, Any]] = {
    "font.family": "DejaVu Sans", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False,
    "axes.edgecolor": FAINT, "axes.labelcolor": INK, "text.color": INK, "xtick.color": INK, "ytick.color": INK,
    "axes.titlesize": 10, "axes.titleweight": "bold", "axes.titlelocation": "left", "legend.frameon": False,
    "axes.grid": True, "axes.axisbelow": True, "grid.color": "#eef1f4", "svg.hashsalt": "probewatch",
}  # fmt: skip


def save(figure: Any, path: Path) -> None:
    """Write a figure without anything that changes from run to run."""
    figure.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(figure)


def bars(axis: Any, names: Sequence[str], values: Sequence[float], ours: Sequence[str], title: str) -> None:
    """Horizontal bars, the first on top, those of `ours` in our colour, each with its value."""
    ink = [OURS if name in ours else THEIRS for name in names]
    places = range(len(names))[::-1]
    axis.barh(places, values, color=ink, height=0.66)
    axis.set_yticks(places, names)
    for place, value in zip(places, values, strict=True):
        axis.annotate(f"{value:,.0f}" if value >= 100 else f"{value:.2f}", (value, place), xytext=(3, 0),
                      textcoords="offset points", va="center", fontsize=8)  # fmt: skip
    axis.grid(visible=False, axis="y")
    axis.margins(x=0.18)
    axis.set_title(title)

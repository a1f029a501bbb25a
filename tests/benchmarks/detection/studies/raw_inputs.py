"""What sketching costs: the same scenes, features and detectors with inputs kept as they are instead of sketched.

Dense inputs of at most 64 elements (the digits, the vectors of 30 numbers). Rows are left out: a row's sketch tells
equal cells from others but for one pair in 8,192, and eight bins for a column are as much the feature's choice.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from bars import SKETCHING
from hearing import TRIED, Client
from intervals import Share, Z
from playing import Played, play
from printed import table

from studies.kept import command, keep

WITHIN: Final = 200


@dataclass(frozen=True, slots=True)
class Compared:
    """Clients of one sort that were found (or named, or called novel): with sketches, with raw inputs, and by one of
    the two alone."""

    name: str
    clients: int
    sketched: int
    raw: int
    sketched_alone: int
    raw_alone: int

    @property
    def points(self) -> float:
        """What sketching costs, in points; negative where it gains."""
        return 100.0 * (self.raw - self.sketched) / self.clients if self.clients else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the points, from those found by one of the two alone (Wald, for pairs: McNemar 1947)."""
        apart = self.sketched_alone + self.raw_alone - (self.raw - self.sketched) ** 2 / max(1, self.clients)
        reach = 100.0 * Z * apart**0.5 / max(1, self.clients)
        return self.points - reach, self.points + reach


def unsketched(log: Path) -> Played:
    """The scene played with raw inputs, in a process of its own. RuntimeError with its last words where it fails."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "played"
        command_line = [sys.executable, "-m", "studies.unsketched", str(log), str(out)]
        surroundings = {**os.environ, "NUMBA_CACHE_DIR": folder, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        done = subprocess.run(command_line, env=surroundings, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(done.stderr[-2_000:])
        played: Played = pickle.loads(out.read_bytes())
        return played


def compared(pairs: Sequence[tuple[Played, Played]]) -> list[Compared]:
    """Attackers by family and by variant, and honest clients, in scenes played both ways."""
    both = [
        (one.clients[name], other.clients[name])
        for one, other in pairs
        for name, client in one.clients.items()
        if client.kind != TRIED
    ]
    attackers = [pair for pair in both if pair[0].sort == "asked"]
    honest = [pair for pair in both if not pair[0].attack]
    families = sorted({pair[0].family or "" for pair in attackers})
    variants = sorted({pair[0].variant for pair in attackers})
    return [
        _counted("all attackers", attackers, _found),
        *(_counted(name, [pair for pair in attackers if pair[0].family == name], _found) for name in families),
        *(
            _counted(name or "alone", [pair for pair in attackers if pair[0].variant == name], _found)
            for name in variants
        ),
        _counted("honest, named", honest, lambda client: bool(client.named)),
        _counted("honest, novel", honest, lambda client: client.novel > 0),
    ]


def _found(client: Client) -> bool:
    return client.first is not None and client.first.queries <= WITHIN


def _counted(name: str, pairs: Sequence[tuple[Client, Client]], seen: Any) -> Compared:
    told = [(seen(one), seen(other)) for one, other in pairs]
    return Compared(
        name,
        len(told),
        sum(one for one, _ in told),
        sum(other for _, other in told),
        sum(one and not other for one, other in told),
        sum(other and not one for one, other in told),
    )


def report(scenes: Sequence[str], rows: Sequence[Compared]) -> str:
    """The account as Markdown."""
    points, (low, high) = rows[0].points, rows[0].interval
    lines = [
        [one.name, one.clients, Share(one.sketched, one.clients), Share(one.raw, one.clients), one.sketched_alone,
         one.raw_alone, f"{one.points:+.1f}"]
        for one in rows
    ]  # fmt: skip
    head = ("found within 200 queries", "clients", "sketched", "raw", "sketched alone", "raw alone", "points")
    return "\n".join(
        [
            f"# What sketching costs: {', '.join(scenes)}\n",
            f"- **{points:+.2f} points** of detection ({low:.1f} to {high:.1f}); at most {SKETCHING:.0f} are wanted: "
            f"{'MET' if points <= SKETCHING else '**MISSED**'}\n",
            table(head, lines),
        ]
    )


def draw(rows: Sequence[Compared]) -> Any:
    """Both shares of each row, joined."""
    import picture

    shown = [one for one in rows if one.clients][::-1]
    figure, ax = picture.plt.subplots(figsize=(9, 0.32 * len(shown) + 1.4), layout="constrained")
    for at, one in enumerate(shown):
        sketched, raw = one.sketched / one.clients, one.raw / one.clients
        ax.plot((sketched, raw), (at, at), color=picture.FAINT, lw=2.5, zorder=1)
        ax.plot(raw, at, "o", color="#f0a202", ms=8, label="raw inputs" if not at else None)
        ax.plot(sketched, at, "o", color="#0b3c8c", ms=5, label="sketches" if not at else None)
    ax.set_yticks(range(len(shown)), [f"{one.name} ({one.clients})" for one in shown])
    ax.xaxis.set_major_formatter(picture.mpl.ticker.PercentFormatter(1, decimals=0))
    ax.set(xlim=(-0.02, 1.02))
    ax.grid(visible=False, axis="y")
    ax.set_title("Found within 200 queries: sketches against raw inputs")
    ax.legend(loc="lower right")
    return figure


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, play both ways, print and save."""
    wish = command(__doc__, arguments)
    pairs = [(play(log), unsketched(log)) for log in wish.scenes]
    rows = compared(pairs)
    tree = {"points": rows[0].points, "rows": [asdict(one) for one in rows]}
    keep(wish.save, "raw-inputs", report([one.scene for one, _ in pairs], rows), tree, lambda: draw(rows))


if __name__ == "__main__":
    main()

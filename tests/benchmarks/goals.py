"""What a benchmark has to reach, whether it did, what the last saved run had, and where all of it is kept."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import orjson
from printed import keep, table

RESULTS: Final = Path(__file__).with_name("results")
CHANGED: Final = 0.10  # by which a figure has to differ to be pointed at


@dataclass(frozen=True, slots=True)
class Goal:
    """One bar: what was wanted, what was reached; `met` is None where it was not measured."""

    wanted: str
    reached: str
    met: bool | None

    @property
    def word(self) -> str:
        """For the table."""
        return "not measured" if self.met is None else "met" if self.met else "**missed**"


def at_most(wanted: str, most: float, figure: float | None, form: str = "{:,.2f}") -> Goal:
    """A figure that should not be larger; None: not measured.

    >>> at_most("seconds", 5, 6.0).word
    '**missed**'
    """
    return Goal(wanted, "" if figure is None else form.format(figure), None if figure is None else figure <= most)


def at_least(wanted: str, least: float, figure: float | None, form: str = "{:,.0f}") -> Goal:
    """A figure that should not be smaller; None: not measured.

    >>> at_least("records a second", 5, 6.0).met, at_least("records a second", 5, None).word
    (True, 'not measured')
    """
    return Goal(wanted, "" if figure is None else form.format(figure), None if figure is None else figure >= least)


def sheet(goals: Sequence[Goal]) -> str:
    """The bars as a table."""
    return table(("wanted", "reached", ""), [[goal.wanted, goal.reached, goal.word] for goal in goals], 3)


def machine() -> str:
    """Where and under which load figures came about, in a few words."""
    model = next((line.partition(":")[2].strip() for line in _cpuinfo() if line.startswith("model name")), "")
    where = f"{len(os.sched_getaffinity(0))} cores {model or platform.machine()}"
    return f"{where}, Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}"


def _cpuinfo() -> list[str]:
    try:
        return Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return []


def last_run(folder: Path, name: str) -> dict[str, Any] | None:
    """What the last run saved there; None where there is none."""
    try:
        tree: dict[str, Any] = orjson.loads((folder / f"{name}.json").read_bytes())
    except FileNotFoundError:
        return None
    return tree


def compared(before: Mapping[str, Any] | None, figures: Mapping[str, float]) -> str:
    """Each figure beside that of the last saved run. Ratios are what machines have in common."""
    if before is None or "figures" not in before:
        return "No earlier run is saved.\n"
    known, rows = before["figures"], []
    for name, now in figures.items():
        then = known.get(name)
        ratio = "" if not then else f"{now / then:.2f}"
        changed = bool(then) and abs(now / then - 1) > CHANGED
        rows.append([name, "" if then is None else f"{then:,.4g}", f"{now:,.4g}", f"**{ratio}**" if changed else ratio])
    return f"Last: {before['when']}, {before['machine']}.\n\n" + table(("figure", "last", "now", "now / last"), rows)


@dataclass(slots=True)
class Report:
    """What one benchmark found: its page, figures by name, bars, everything else as a tree, and its picture."""

    name: str
    text: str
    figures: dict[str, float]
    goals: list[Goal]
    tree: Any = None
    draw: Callable[[], Any] | None = None

    def page(self, before: Mapping[str, Any] | None) -> str:
        """The whole page."""
        goals = f"## What was wanted\n\n{sheet(self.goals)}\n" if self.goals else ""
        then = f"## Beside the last saved run\n\n{compared(before, self.figures)}" if self.figures else ""
        return f"{self.text}\n{goals}{then}\nOn {machine()}.\n"

    def finish(self, save: Path | None, against: Path | None = None) -> None:
        """Print it beside the last run of `against` (where it is saved, if not given), and save it."""
        folder = against or save or RESULTS
        page = self.page(last_run(folder, self.name))
        print(page)
        if save is None:
            return
        when = datetime.now(UTC).isoformat(timespec="minutes")
        goals = [asdict(goal) for goal in self.goals]
        more = {"when": when, "machine": machine(), "figures": self.figures, "goals": goals}
        keep(save, self.name, page, more | {"measured": self.tree})
        if self.draw is not None and find_spec("matplotlib"):
            import drawing

            with drawing.plt.rc_context(drawing.STYLE):
                drawing.save(self.draw(), save / f"{self.name}.png")

"""All benchmarks of speed, memory and state, one after the other, and one page of what was wanted and reached.

Starts a Kafka and an Elasticsearch of its own, unless PROBEWATCH_TEST_KAFKA and PROBEWATCH_TEST_ELASTICSEARCH name
servers that run. Each part runs in a process of its own and saves its page, figures and picture; parts by name run
alone. --small takes loads that only show that everything runs.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from goals import RESULTS, Goal, last_run, machine
from printed import table
from services.fixtures import RUNNING
from services.launch import launch

HERE: Final = Path(__file__).parent
KAFKA, SEARCH = "kafka", "search"


@dataclass(frozen=True, slots=True)
class Part:
    """One command: its name, script, options, those of a small load, servers that it needs, and the pages it saves."""

    name: str
    script: str
    options: str
    small: str
    servers: tuple[str, ...]
    pages: tuple[str, ...]

    def command(self, small: bool, save: Path, servers: dict[str, str]) -> list[str]:
        """The command line."""
        given = [word for name in self.servers for word in (f"--{name}", servers[name])]
        options = f"{self.options} {self.small}" if small else self.options
        return [sys.executable, str(HERE / self.script), *options.split(), *given, "--save", str(save)]


PARTS: Final = (
    Part("speed", "speed.py", "--rounds 2", "--records 20000 --slow 3000 --rounds 1", (KAFKA,), ("speed",)),
    Part("matrix", "speed.py", "--matrix --rounds 2", "--records 5000 --rounds 1", (KAFKA,), ("speed-matrix",)),
    Part("scale", "scale.py", "", "--records 20000 --rounds 1", (KAFKA,), ("scale",)),
    Part("catchup", "catchup.py", "", "--records 30000", (KAFKA,), ("catchup",)),
    Part("latency", "latency.py", "", "--rate 500 --seconds 10 --settle 5", (KAFKA, SEARCH), ("latency",)),
    Part("start", "start.py", "", "--clients 2000 --rounds 1", (KAFKA,), ("start",)),
    Part("growth", "growth.py", "", "--scale 0.05 --rounds 1", (), ("growth",)),
    Part("hostile", "hostile.py", "", "--seconds 0.05 --rounds 1", (), ("hostile",)),
    Part("state", "state.py", "", "--clients 2000 --interval 1 --times 2", (), ("state-dense",)),
    Part("rows", "memory.py", "--kind rows", "--clients 2000", (), ("memory-rows",)),
    Part("memory", "memory.py", "", "--clients 2000", (), ("memory-dense",)),
    Part(
        "million",
        "memory.py",
        "--clients 1000000 --mean 4 --over 1.2",
        "--clients 2048 --mean 4 --over 1.2",
        (),
        ("memory-dense-1000000",),
    ),
)


@contextmanager
def started(kinds: Sequence[str]) -> Iterator[dict[str, str]]:
    """Addresses of these servers; those that do not run yet are started side by side, and stopped at the end."""
    found = {kind: os.environ[RUNNING[kind]] for kind in kinds if os.environ.get(RUNNING[kind])}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        starting = {kind: launch(kind, folder / kind) for kind in kinds if kind not in found}
        for one in starting.values():
            stack.callback(one.stop)
        found |= {kind: one.ready().address for kind, one in starting.items()}
        yield found


def run(parts: Sequence[Part], small: bool, save: Path) -> dict[str, tuple[float, bool]]:
    """Seconds of each part, and whether it ran to its end."""
    kinds = sorted({kind for part in parts for kind in part.servers})
    took: dict[str, tuple[float, bool]] = {}
    with started(kinds) as servers:
        for part in parts:
            print(f"\n== {part.name}", flush=True)
            begun = time.monotonic()
            done = subprocess.run(part.command(small, save, servers), check=False)
            took[part.name] = (time.monotonic() - begun, done.returncode == 0)
    return took


def summary(parts: Sequence[Part], took: dict[str, tuple[float, bool]], save: Path) -> str:
    """One page: every bar of the parts that ran, and how long they took."""
    goals = [
        (page, Goal(**goal))
        for part in parts
        if took[part.name][1]
        for page in part.pages
        for goal in (last_run(save, page) or {"goals": []})["goals"]
    ]
    failed = [name for name, (_, well) in took.items() if not well]
    times = ", ".join(f"{name} {seconds:.0f} s" for name, (seconds, _) in took.items())
    whole = sum(seconds for seconds, _ in took.values())
    missed = sum(goal.met is False for _, goal in goals)
    bars = table(
        ("page", "wanted", "reached", ""), [[page, goal.wanted, goal.reached, goal.word] for page, goal in goals], 4
    )
    head = f"# What was wanted of speed, memory and state\n\n{len(goals)} bars, {missed} missed"
    broken = f"\n\n**Did not run to the end: {', '.join(failed)}.**" if failed else ""
    return f"{head}.{broken}\n\n{bars}\n{whole / 60:.0f} minutes: {times}.\n\nOn {machine()}.\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line, run, print the page and save it. 1 where a part did not run to its end."""
    names = [part.name for part in PARTS]
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("parts", nargs="*", choices=[*names, []], help=f"these alone: {', '.join(names)}")
    asked.add_argument("--small", action="store_true", help="as little as shows that it runs")
    asked.add_argument("--save", type=Path, default=RESULTS, metavar="FOLDER", help="where pages go (results)")
    wish = asked.parse_args(arguments)
    parts = [part for part in PARTS if not wish.parts or part.name in wish.parts]
    took = run(parts, wish.small, wish.save)
    text = summary(parts, took, wish.save)
    print(f"\n{text}")
    if not wish.parts:
        (wish.save / "bars.md").write_text(text, encoding="utf-8")
    return 0 if all(well for _, well in took.values()) else 1


if __name__ == "__main__":
    sys.exit(main())

"""Detection: plays scenes through decoder and engine at default settings, and counts who was found and who was not.

A scene is SCENE.ndjson.zst with SCENE.labels.json beside it, as `python -m traffic` writes them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson
from paper import headline, render
from rich.console import Console
from rich.progress import Progress as Bar
from rich.progress import TaskID
from scorecard import Card, Client, card, clients_of, hold

from monitor.alerts.finding import Finding
from monitor.config.engine import EngineSettings, ModelSettings
from monitor.config.settings import Settings
from monitor.record.pseudonyms import Pseudonyms, text
from monitor.runtime.keys import OPEN_KEYS
from monitor.runtime.replay import Tally, replay
from monitor.sources.protocol import Progress

SUFFIX: Final = ".ndjson.zst"
#: All that an operator would have to say of the models of the scenes.
SENSITIVE: Final = {
    "hi": ModelSettings(sensitive_columns=("race", "hispanic")),
    "doctor": ModelSettings(sensitive_columns=("sex", "black")),
}


@dataclass(frozen=True, slots=True)
class Played:
    """One scene: its clients with what was said of them, and counts."""

    scene: str
    clients: list[Client]
    early: int
    queries: int
    rejected: int


def play(log: Path, progress: Callable[[Progress], None] = lambda _: None) -> Played:
    """Play one scene. OSError where its labels are missing, Trouble where the log cannot be read."""
    scene = log.name.removesuffix(SUFFIX)
    clients = clients_of(orjson.loads(log.with_name(f"{scene}.labels.json").read_bytes()))
    settings, tally = Settings(engine=EngineSettings(known=SENSITIVE)), Tally()
    names = Pseudonyms(OPEN_KEYS.pseudonyms, OPEN_KEYS.epoch)
    findings: list[Finding] = list(replay([log], settings, OPEN_KEYS, tally, progress))
    early = hold(findings, clients, lambda name: text(names.client(name)))
    return Played(scene, list(clients.values()), early, tally.queries, tally.rejected.total())


def cards(played: Sequence[Played]) -> dict[str, Card]:
    """A scorecard for each scene, and one for all of them where there are several."""
    every = {one.scene: card(_title(one.scene, [one]), one.clients, one.early) for one in played}
    if len(played) > 1:
        all_clients = [client for one in played for client in one.clients]
        every["all"] = card(_title("All scenes", played), all_clients, sum(one.early for one in played))
    return every


def save(folder: Path, every: dict[str, Card]) -> None:
    """Write each scorecard as Markdown and as JSON."""
    folder.mkdir(parents=True, exist_ok=True)
    for scene, one in every.items():
        tree: dict[str, Any] = one.tree()
        (folder / f"detection-{scene}.md").write_text(render(one), encoding="utf-8")
        (folder / f"detection-{scene}.json").write_bytes(orjson.dumps(tree, option=orjson.OPT_INDENT_2))


def _title(scene: str, played: Sequence[Played]) -> str:
    rejected = sum(one.rejected for one in played)
    refused = f", {rejected} rejected" if rejected else ""
    return f"{scene}: {sum(one.queries for one in played):,} queries{refused}, default settings"


def _shown(logs: Sequence[Path]) -> list[Played]:
    """Play the scenes one after the other, with a bar on a terminal."""
    with Bar(console=Console(stderr=True), disable=not sys.stderr.isatty()) as bar:
        return [play(log, _advance(bar, bar.add_task(log.name, total=None))) for log in logs]


def _advance(bar: Bar, task: TaskID) -> Callable[[Progress], None]:
    return lambda at: bar.update(task, completed=at.read, total=at.total)


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, play, print and save."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("scenes", nargs="+", type=Path, metavar="SCENE.ndjson.zst", help="log with its labels beside it")
    asked.add_argument("--save", type=Path, metavar="FOLDER", help="keep the tables there, as Markdown and as JSON")
    wish = asked.parse_args(arguments)
    for log in wish.scenes:
        if not log.is_file() or not log.with_name(log.name.removesuffix(SUFFIX) + ".labels.json").is_file():
            asked.error(f"{log}: no such scene; `python -m traffic` writes SCENE{SUFFIX} and SCENE.labels.json")
    every = cards(_shown(wish.scenes))
    for one in every.values():
        print(render(one))
    if "all" in every:
        print(headline(every["all"]))
    if wish.save is not None:
        save(wish.save, every)


if __name__ == "__main__":
    main()

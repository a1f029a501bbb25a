"""Detection: plays scenes through decoder and engine at default settings, and counts who was found and who was not.

A scene is SCENE.ndjson.zst with SCENE.labels.json beside it, as `python -m traffic` writes them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
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
from monitor.record.limits import Limits
from monitor.record.pseudonyms import Pseudonyms, text
from monitor.runtime.keys import OPEN_KEYS, key_name
from monitor.runtime.replay import Tally, replay
from monitor.runtime.training import Wish, gather
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


def fingerprinted(log: Path, folder: Path) -> dict[str, ModelSettings]:
    """What an operator would say of the scene's models, with fingerprints of the training records that lie beside the
    log, if any; the files go into the folder."""
    scene = log.name.removesuffix(SUFFIX)
    training, model = log.with_name(f"{scene}.training{SUFFIX}"), scene.rsplit("-", 1)[0]
    if not training.is_file():
        return SENSITIVE
    found = gather(training, model, OPEN_KEYS, Limits(), Wish(), lambda _: None)
    path = folder / f"{scene}.fingerprints"
    path.write_bytes(found.collection.finished().packed(OPEN_KEYS.sketches, key_name(OPEN_KEYS), model))
    known = SENSITIVE.get(model, ModelSettings())
    return {**SENSITIVE, model: known.model_copy(update={"fingerprints": path})}


def play(log: Path, progress: Callable[[Progress], None] = lambda _: None, *, fingerprints: bool = True) -> Played:
    """Play one scene, with fingerprints of its training records where they lie beside it. OSError where its labels are
    missing, Trouble where the log cannot be read."""
    scene = log.name.removesuffix(SUFFIX)
    clients = clients_of(orjson.loads(log.with_name(f"{scene}.labels.json").read_bytes()))
    names, tally = Pseudonyms(OPEN_KEYS.pseudonyms, OPEN_KEYS.epoch), Tally()
    with TemporaryDirectory() as folder:
        known = fingerprinted(log, Path(folder)) if fingerprints else SENSITIVE
        settings = Settings(engine=EngineSettings(known=known))
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


def _shown(logs: Sequence[Path], fingerprints: bool) -> list[Played]:
    """Play the scenes one after the other, with a bar on a terminal."""
    with Bar(console=Console(stderr=True), disable=not sys.stderr.isatty()) as bar:
        shown = [_advance(bar, bar.add_task(log.name, total=None)) for log in logs]
        return [play(log, advance, fingerprints=fingerprints) for log, advance in zip(logs, shown, strict=True)]


def _advance(bar: Bar, task: TaskID) -> Callable[[Progress], None]:
    return lambda at: bar.update(task, completed=at.read, total=at.total)


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, play, print and save."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("scenes", nargs="+", type=Path, metavar="SCENE.ndjson.zst", help="log with its labels beside it")
    asked.add_argument("--save", type=Path, metavar="FOLDER", help="keep the tables there, as Markdown and as JSON")
    asked.add_argument(
        "--fingerprints",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="load fingerprints of the training records that lie beside a scene (on)",
    )
    wish = asked.parse_args(arguments)
    for log in wish.scenes:
        if not log.is_file() or not log.with_name(log.name.removesuffix(SUFFIX) + ".labels.json").is_file():
            asked.error(f"{log}: no such scene; `python -m traffic` writes SCENE{SUFFIX} and SCENE.labels.json")
    every = cards(_shown(wish.scenes, wish.fingerprints))
    for one in every.values():
        print(render(one))
    if "all" in every:
        print(headline(every["all"]))
    if wish.save is not None:
        save(wish.save, every)


if __name__ == "__main__":
    main()

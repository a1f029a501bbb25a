"""Detection: plays scenes through decoder and engine at default settings, and counts who was found and who was not.

A scene is SCENE.ndjson.zst with SCENE.labels.json beside it, as `python -m traffic` writes them. With --budgets the
scenes are played at several alert budgets instead, to hold what is promised against what is delivered. With --again
nothing is played: the cards that --save kept are set beside what rivals, budgets and studies have measured since.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import budgets
import orjson
from bars import Elsewhere, sheet
from opponents import Rival, duels, rivals
from owner import SUFFIX, name_of
from paper import render
from playing import Played, cores, play, side_by_side
from scorecard import Card, card, restored

RESULTS: Final = Path(__file__).parent / "results"


def cards(played: Sequence[Played]) -> dict[str, Card]:
    """A scorecard for each scene, and one for all of them where there are several."""
    every = {one.scene: card(_title(one.scene, [one]), [one]) for one in played}
    if len(played) > 1:
        every["all"] = card(_title("All scenes", played), played)
    return every


def kept(folder: Path, scenes: Sequence[str]) -> dict[str, Card]:
    """The cards of these scenes, and of all of them, that `save` wrote there. OSError where one is missing."""
    names = [*scenes, *(["all"] if len(scenes) > 1 else [])]
    return {name: restored(orjson.loads((folder / f"detection-{name}.json").read_bytes())) for name in names}


def pages(every: dict[str, Card], results: Path) -> dict[str, str]:
    """Each scorecard as Markdown; `results` is where rivals, budgets and studies keep what they measured."""
    scenes, more = [name for name in every if name != "all"], elsewhere(results)
    told = {}
    for name, one in every.items():
        against: list[Rival] = rivals(results, scenes if name == "all" else [name])
        fought = duels(one, against)
        told[name] = render(one, sheet(one, fought, more), against, fought)
    return told


def elsewhere(results: Path) -> Elsewhere:
    """What other commands have measured, as far as they were run."""
    promise, cost, sketching = (
        orjson.loads(file.read_bytes())[key] if file.is_file() else None
        for file, key in (
            (results / "budgets.json", "promise"),
            (results / "growth.json", "microseconds"),
            (results / "raw-inputs.json", "points"),
        )
    )
    return Elsewhere(None if promise is None else (bool(promise[0]), str(promise[1])), cost, sketching)


def save(folder: Path, every: dict[str, Card], told: dict[str, str], came: Sequence[budgets.Delivered] = ()) -> None:
    """Write each scorecard as Markdown and as JSON, and one picture of all of them where matplotlib is there."""
    folder.mkdir(parents=True, exist_ok=True)
    for scene, one in every.items():
        tree: dict[str, Any] = one.tree()
        (folder / f"detection-{scene}.md").write_text(told[scene], encoding="utf-8")
        (folder / f"detection-{scene}.json").write_bytes(orjson.dumps(tree, option=orjson.OPT_INDENT_2))
    whole = every.get("all", next(iter(every.values())))
    if find_spec("matplotlib"):
        import picture

        picture.save(picture.overview(whole, came), folder / "detection.png")


def save_budgets(folder: Path, title: str, came: Sequence[budgets.Delivered]) -> None:
    """Write promised against delivered as Markdown and JSON, and as a picture where matplotlib is there."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "budgets.md").write_text(budgets.report(title, came), encoding="utf-8")
    (folder / "budgets.json").write_bytes(orjson.dumps(budgets.tree(came), option=orjson.OPT_INDENT_2))
    if find_spec("matplotlib"):
        import picture

        picture.save(picture.budget_page(title, came), folder / "budgets.png")


def _title(scene: str, played: Sequence[Played]) -> str:
    rejected = sum(one.rejected for one in played)
    refused = f", {rejected} rejected" if rejected else ""
    return f"{scene}: {sum(one.queries for one in played):,} queries{refused}, default settings"


def _delivered(logs: Sequence[Path], processes: int, fingerprints: bool) -> tuple[str, list[budgets.Delivered]]:
    scenes = side_by_side(budgets.deliver, logs, processes, fingerprints)
    return f"Promised and delivered: {', '.join(map(name_of, logs))}", budgets.delivered(scenes)


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, play, print and save."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("scenes", nargs="+", type=Path, metavar="SCENE.ndjson.zst", help="log with its labels beside it")
    asked.add_argument("--save", type=Path, metavar="FOLDER", help="keep tables (Markdown, JSON) and the picture there")
    asked.add_argument("--results", type=Path, default=RESULTS, metavar="FOLDER", help="where rivals and studies lie")
    asked.add_argument("--processes", type=int, default=cores(), help="scenes played side by side (one for each core)")
    asked.add_argument("--budgets", action="store_true", help="hold promised against delivered false findings")
    asked.add_argument("--again", type=Path, metavar="FOLDER", help="do not play: take the cards that were kept there")
    asked.add_argument(
        "--fingerprints",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="load fingerprints of the training records that lie beside a scene (on)",
    )
    wish = asked.parse_args(arguments)
    for log in wish.scenes if wish.again is None else ():
        if not log.is_file() or not log.with_name(f"{name_of(log)}.labels.json").is_file():
            asked.error(f"{log}: no such scene; `python -m traffic` writes SCENE{SUFFIX} and SCENE.labels.json")
    if wish.budgets:
        title, came = _delivered(wish.scenes, wish.processes, wish.fingerprints)
        print(budgets.report(title, came))
        if wish.save is not None:
            save_budgets(wish.save, title, came)
        return
    if wish.again is None:
        every = cards(side_by_side(play, wish.scenes, wish.processes, wish.fingerprints))
    else:
        every = kept(wish.again, [name_of(log) for log in wish.scenes])
    told = pages(every, wish.results)
    for text in told.values():
        print(text)
    if wish.save is not None:
        file = wish.results / "budgets.json"
        save(wish.save, every, told, budgets.restored(orjson.loads(file.read_bytes())) if file.is_file() else ())


if __name__ == "__main__":
    main()

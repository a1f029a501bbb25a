"""`python -m rivals SCENE.ndjson.zst ... [--save FOLDER]`: the published detectors on scenes of `python -m traffic`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import orjson
from threadpoolctl import threadpool_limits

from rivals.contract import Rival
from rivals.delta import WINDOW
from rivals.measure import Outcome, run
from rivals.report import markdown, tree
from rivals.roll import SHORT_WINDOW, rivals
from rivals.scenes import SUFFIX, Scene, read


def networks(scene: Scene, others: Sequence[Path]) -> list[Rival]:
    """Delta similarity with a network, where a scene of the same service and another seed is there to train on."""
    fitting = [log for log in others if log.name.split("-")[0] == scene.name.split("-")[0]]
    if not fitting:
        return []
    from rivals.delta_net import DeltaNet  # needs scikit-learn, the others do not

    other = read(fitting[0])
    return [DeltaNet.on(other, window) for window in (WINDOW, SHORT_WINDOW)]


def compete(
    scene: Scene, others: Sequence[Path] = (), shares: Sequence[float] = ()
) -> tuple[list[Outcome], dict[str, str]]:
    """Outcomes of all rivals that apply, and why the others do not."""
    outcomes, unfit = list[Outcome](), dict[str, str]()
    for rival in [*rivals(), *networks(scene, others)]:
        why = rival.unfit(scene.lesson)
        if why:
            unfit[rival.name] = why
            continue
        outcomes += run(rival, scene, shares)
        print(f"{scene.name}: {rival.name}, {outcomes[-1].microseconds:.0f} µs a query", file=sys.stderr, flush=True)
    return outcomes, unfit


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, run, print and save."""
    asked = argparse.ArgumentParser(prog="python -m rivals", description=__doc__)
    asked.add_argument("scenes", nargs="+", type=Path, metavar="SCENE.ndjson.zst", help="log with its labels beside it")
    asked.add_argument(
        "--attacks",
        nargs="+",
        type=Path,
        default=[],
        metavar="OTHER.ndjson.zst",
        help="scenes of other seeds on which delta similarity's network is trained",
    )
    asked.add_argument(
        "--shares",
        nargs="+",
        type=float,
        default=[],
        metavar="SHARE",
        help="more settings: 0.05 lets 5 %% of the learning days' honest clients be flagged",
    )
    asked.add_argument("--save", type=Path, metavar="FOLDER", help="keep the tables there, as Markdown and as JSON")
    wish = asked.parse_args(arguments)
    for log in [*wish.scenes, *wish.attacks]:
        if not log.is_file() or not log.with_name(log.name.removesuffix(SUFFIX) + ".labels.json").is_file():
            asked.error(f"{log}: no such scene; `python -m traffic` writes SCENE{SUFFIX} and SCENE.labels.json")
    threadpool_limits(1)  # costs are those of one core, and sums keep their order
    for log in wish.scenes:
        scene = read(log)
        outcomes, unfit = compete(scene, wish.attacks, wish.shares)
        page = markdown(scene.name, outcomes, unfit)
        print(page)
        if wish.save is not None:
            wish.save.mkdir(parents=True, exist_ok=True)
            (wish.save / f"rivals-{scene.name}.md").write_text(page, encoding="utf-8")
            packed = orjson.dumps(tree(outcomes), option=orjson.OPT_INDENT_2)
            (wish.save / f"rivals-{scene.name}.json").write_bytes(packed)


if __name__ == "__main__":
    main()

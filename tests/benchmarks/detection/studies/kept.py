"""Where a study puts what it found: table, figures and picture, beside the results of the benchmark."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import orjson

RESULTS: Final = Path(__file__).parents[1] / "results"


def command(words: str | None, arguments: Sequence[str] | None, scenes: str | None = "+") -> argparse.Namespace:
    """Read a study's command line: scenes (None: it needs none), and where to keep what comes of it."""
    asked = argparse.ArgumentParser(description=words)
    if scenes is not None:
        asked.add_argument("scenes", nargs=scenes, type=Path, metavar="SCENE.ndjson.zst", help="log with its labels")
    asked.add_argument("--save", type=Path, default=RESULTS, metavar="FOLDER", help="where table and picture go")
    asked.add_argument("--small", action="store_true", help="as little as shows that it runs")
    return asked.parse_args(arguments)


def keep(folder: Path, name: str, text: str, tree: dict[str, Any], draw: Any) -> None:
    """Print and write the table, the figures as JSON, and the picture where matplotlib is there; `draw` makes it."""
    print(text)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.md").write_text(text, encoding="utf-8")
    (folder / f"{name}.json").write_bytes(orjson.dumps(tree, option=orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY))
    if find_spec("matplotlib"):
        import picture

        with picture.plt.rc_context(picture.STYLE):
            picture.save(draw(), folder / f"{name}.png")

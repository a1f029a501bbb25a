"""Figures as Markdown, for people and for the results that are kept beside the benchmarks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import orjson


def table(head: Sequence[str], rows: Sequence[Sequence[object]], names: int = 1) -> str:
    """A Markdown table; what follows the first `names` columns is aligned to the right."""
    rule = ["---"] * names + ["---:"] * (len(head) - names)
    return "".join("| " + " | ".join(map(str, line)) + " |\n" for line in (head, rule, *rows))


def share(part: int, whole: int) -> str:
    """A share with what it is of.

    >>> share(3, 4), share(0, 0)
    ('75.0 % (3 of 4)', 'none there')
    """
    return f"{part / whole:.1%} ({part} of {whole})".replace("%", " %") if whole else "none there"


def keep(folder: Path, name: str, text: str, tree: object) -> None:
    """Write an account as Markdown for people, and what it was made of as JSON."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.md").write_text(text, encoding="utf-8")
    (folder / f"{name}.json").write_bytes(orjson.dumps(tree, option=orjson.OPT_INDENT_2))

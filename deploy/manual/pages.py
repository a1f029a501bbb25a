"""Hooks of the site: folders of the navigation become their pages, and blocks and links take a form that the site can
show."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

_FENCE = re.compile(r"^```(\w*) (\S.*)$", re.MULTILINE)
_LINK = re.compile(r"\[([^\]]+)\]\(((?!https?:|#)[^)\s]+)\)")


def on_config(config: Any) -> Any:
    """Put the pages of each folder into the navigation; a folder without pages is left out."""
    config.nav = _expanded(config.nav, Path(config.docs_dir))
    return config


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """A file's name behind the language of a block stands above it; a link that leads out of the manual, into the
    repository, becomes its path."""
    del files
    folder = Path(config.docs_dir)
    here = (folder / page.file.src_uri).parent

    def inside(found: re.Match[str]) -> str:
        text, target = found[1], (here / found[2].partition("#")[0]).resolve()
        if target.is_relative_to(folder.resolve()) or not target.exists():
            return found[0]
        return f"{text} (`{target.relative_to(folder.resolve().parents[1])}`)"

    return _LINK.sub(inside, _FENCE.sub(r"`\2`\n\n```\1", markdown))


def _expanded(entries: list[Any], folder: Path) -> list[Any]:
    found: list[Any] = []
    for entry in entries:
        [(title, target)] = entry.items() if isinstance(entry, dict) else [(None, entry)]
        if isinstance(target, list):
            found.append({title: _expanded(target, folder)})
        elif target.endswith("/"):
            pages = sorted((folder / target).glob("*.md"), key=lambda page: (page.name != "README.md", page.name))
            found += [{title: [f"{target}{page.name}" for page in pages]}] if pages else []
        else:
            found.append(entry)
    return found

"""Reads settings files, TOML or YAML, into a tree and remembers on which line each name stands."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from pathlib import Path as FilePath
from typing import Final

import yaml

from monitor.config.place import Path, Tree
from monitor.config.trouble import Trouble

_NAME: Final = r"""(?:"[^"]*"|'[^']*'|[A-Za-z0-9_-]+)"""
_NAMES: Final = rf"{_NAME}(?:\s*\.\s*{_NAME})*"
_HEADER: Final = re.compile(rf"\s*(\[\[?)\s*({_NAMES})\s*\]")
_ENTRY: Final = re.compile(rf"\s*({_NAMES})\s*=")


def read_file(file: FilePath) -> tuple[Tree, dict[Path, int]]:
    """The settings of a file, and the line of each path; Trouble where it cannot be read or is not TOML or YAML."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else "it is not UTF-8"
        raise Trouble(
            what=f"the settings cannot be read: {reason}", where=str(file), mend="give the path of a readable file"
        ) from None
    if file.suffix in {".yaml", ".yml"}:
        return _yaml(text, file)
    if file.suffix == ".toml":
        return _toml(text, file)
    raise Trouble(what="neither TOML nor YAML", where=str(file), mend="name the file *.toml, *.yaml or *.yml")


def _toml(text: str, file: FilePath) -> tuple[Tree, dict[Path, int]]:
    try:
        return tomllib.loads(text), toml_lines(text)
    except tomllib.TOMLDecodeError as problem:
        raise Trouble(what=f"not TOML: {problem}", where=str(file), mend="mend that line") from None
    except RecursionError:
        raise _too_deep(file) from None


def _too_deep(file: FilePath) -> Trouble:
    return Trouble(what="nested too deeply", where=str(file), mend="no setting lies deeper than a few levels")


def toml_lines(text: str) -> dict[Path, int]:
    """The line on which each table or key of a TOML text begins, as far as lines tell (not inside inline tables).

    >>> toml_lines('[a]\\nb = 1\\n[[c.d]]\\ne.f = 2')
    {('a',): 1, ('a', 'b'): 2, ('c',): 3, ('c', 'd', '0'): 3, ('c', 'd', '0', 'e', 'f'): 4}
    """
    lines: dict[Path, int] = {}
    table: Path = ()
    repeats: Counter[Path] = Counter()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            table = _names(header[2])
            for end in range(1, len(table)):
                lines.setdefault(table[:end], number)
            if header[1] == "[[":
                repeats[table] += 1
                table = (*table, str(repeats[table] - 1))
            lines.setdefault(table, number)
        elif entry := _ENTRY.match(line):
            lines.setdefault((*table, *_names(entry[1])), number)
    return lines


def _names(text: str) -> Path:
    return tuple(name.strip("\"'") for name in re.findall(_NAME, text))


def _yaml(text: str, file: FilePath) -> tuple[Tree, dict[Path, int]]:
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            if isinstance(event, yaml.AliasEvent):  # a few of them can stand for more than any memory holds
                mark = event.start_mark
                where = f"{file}:{mark.line + 1}" if mark is not None else str(file)
                raise Trouble(what="an alias (*name) is not read here", where=where, mend="write the value itself")
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        tree = yaml.safe_load(text)
    except RecursionError:
        raise _too_deep(file) from None
    except (yaml.YAMLError, ValueError) as problem:  # a date without its month is a ValueError
        # the text of a YAML error quotes the line, which may hold what nobody should see
        mark = getattr(problem, "problem_mark", None)
        where = f"{file}:{mark.line + 1}" if mark is not None else str(file)
        what = f"not YAML: {getattr(problem, 'problem', None) or 'it cannot be parsed'}"
        raise Trouble(what=what, where=where, mend="mend that line") from None
    if root is None:
        return {}, {}
    if not isinstance(tree, dict):
        raise Trouble(what="the settings are not a mapping", where=str(file), mend="write `section:` and names below")
    lines: dict[Path, int] = {}
    _walk(root, (), lines, file)
    return tree, lines


def _walk(node: yaml.Node, path: Path, lines: dict[Path, int], file: FilePath) -> None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = (*path, str(key.value))
            line = key.start_mark.line + 1
            if inner in lines:
                raise Trouble(
                    what=f"{'.'.join(inner)} is given twice, first on line {lines[inner]}",
                    where=f"{file}:{line}",
                    mend="delete one of the two",
                )
            lines[inner] = line
            _walk(value, inner, lines, file)
    elif isinstance(node, yaml.SequenceNode):
        for position, value in enumerate(node.value):
            lines[(*path, str(position))] = value.start_mark.line + 1
            _walk(value, (*path, str(position)), lines, file)

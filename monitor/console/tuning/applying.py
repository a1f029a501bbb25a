"""Writes chosen settings into the operator's file, which keeps its comments and its order."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from pathlib import Path

import tomlkit
from tomlkit.exceptions import TOMLKitError

from monitor.config.trouble import Trouble


def edited(text: str, changes: Mapping[str, float], where: str) -> str:
    """The TOML text with these settings; Trouble where it is no TOML, or a section is something else.

    >>> edited("[engine] # ours\\nbudget = 1.0 # by the SOC\\n", {"engine.budget": 0.3}, "p.toml")
    '[engine] # ours\\nbudget = 0.3 # by the SOC\\n'
    """
    try:
        document = tomlkit.parse(text)
        for name, value in changes.items():
            *sections, key = name.split(".")
            table: tomlkit.TOMLDocument | tomlkit.items.Table = document
            for section in sections:
                if section not in table:
                    table.add(section, tomlkit.table())
                table = table[section]
            table[key] = value
    except (TOMLKitError, TypeError, AttributeError) as problem:
        mend = "write the lines that are shown yourself"
        raise Trouble(what=f"the settings cannot be edited: {type(problem).__name__}", where=where, mend=mend) from None
    return tomlkit.dumps(document)


def difference(before: str, after: str, name: str) -> list[str]:
    """Both texts as a unified diff."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), name, name, lineterm="", n=1)
    return list(lines)


def read(file: Path) -> str:
    """The settings file, which has to be TOML; Trouble where it is not, or cannot be read."""
    if file.suffix != ".toml":
        mend = "write the lines that are shown yourself: comments of YAML would be lost"
        raise Trouble(what="only TOML is edited", where=str(file), mend=mend)
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else "it is not UTF-8"
        mend = "give the path of a readable file"
        raise Trouble(what=f"the settings cannot be read: {reason}", where=str(file), mend=mend) from None


def write(file: Path, text: str) -> None:
    """Whole or not at all, with the rights that the file has; Trouble where that is not possible."""
    writing = file.with_name(f"{file.name}.{os.getpid()}.writing")
    try:
        writing.touch(mode=0o600)
        writing.chmod(file.stat().st_mode & 0o777)
        writing.write_text(text, encoding="utf-8")
        writing.replace(file)
    except OSError as problem:
        writing.unlink(missing_ok=True)
        mend = "let this user write the file and its folder"
        raise Trouble(what=f"cannot be written: {problem.strerror}", where=str(file), mend=mend) from problem

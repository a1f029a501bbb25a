"""Lays environment variables over a tree of settings: PROBEWATCH__SECTION__KEY=value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import orjson

from monitor.config.place import Path, Tree
from monitor.config.trouble import Trouble

PREFIX: Final = "PROBEWATCH__"


def overlay(tree: Tree, environ: Mapping[str, str]) -> tuple[Tree, dict[Path, str]]:
    """The tree with the variables laid over it, and the name of the variable of each path that it set.

    Text stays text (pydantic reads numbers out of it); what begins with `[` or `{` is JSON. The tree given is not
    changed. Trouble where a variable leads through something that is not a section, or where its JSON is broken.

    >>> overlay({"log": {"level": "info"}}, {"PROBEWATCH__LOG__LEVEL": "debug"})
    ({'log': {'level': 'debug'}}, {('log', 'level'): 'PROBEWATCH__LOG__LEVEL'})
    """
    variables: dict[Path, str] = {}
    for name in sorted(environ):
        if name.startswith(PREFIX):
            path = tuple(name[len(PREFIX) :].lower().split("__"))
            tree = _set(tree, path, _value(name, environ[name]), name)
            variables[path] = name
    return tree, variables


def _set(tree: Tree, path: Path, value: object, name: str) -> Tree:
    if len(path) == 1:
        return {**tree, path[0]: value}
    section = tree.get(path[0])
    if section is None:
        section = {}
    if not isinstance(section, dict):
        raise Trouble(
            what=f"{path[0]} is not a section, and the variable names something inside it",
            where=f"environment variable {name}",
            mend="unset the variable, or give the whole value as JSON in the variable of the name before",
        )
    return {**tree, path[0]: _set(section, path[1:], value, name)}


def _value(name: str, text: str) -> object:
    if not text.lstrip().startswith(("[", "{")):
        return text
    try:
        value: object = orjson.loads(text)
    except orjson.JSONDecodeError:
        # "from None": the original error holds the text
        raise Trouble(
            what="begins like JSON and is not JSON",
            where=f"environment variable {name}",
            mend='write a list as ["a", "b"] and a mapping as {"file": "/path"}',
        ) from None
    return value

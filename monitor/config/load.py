"""Loads the settings: file, then environment, then one check that gathers every error."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Final

from pydantic import ValidationError

from monitor.config.environment import overlay
from monitor.config.errors import troubles
from monitor.config.files import read_file
from monitor.config.place import DEFAULT, Origins, Path, Tree
from monitor.config.schema import Reader
from monitor.config.secret import STARS
from monitor.config.settings import Settings

NO_FILE: Final = "the environment"  # where settings come from when no file is given


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings, where each came from, and the tree of those that somebody has set."""

    settings: Settings
    origins: Origins
    tree: Tree = field(repr=False)


@dataclass(frozen=True, slots=True)
class Shown:
    """One effective setting for people: a secret's value is stars and the place where it is kept."""

    path: Path
    value: object
    origin: str
    meaning: str


def load(file: FilePath | None, environ: Mapping[str, str]) -> Loaded:
    """Settings of the file (None: of the environment alone) with the environment laid over them.

    Trouble where the file cannot be read; an ExceptionGroup with one Trouble per error where the settings are wrong.
    """
    tree, lines = read_file(file) if file is not None else ({}, {})
    tree, variables = overlay(tree, environ)
    origins = Origins(str(file) if file is not None else NO_FILE, lines, variables)
    return Loaded(check(tree, origins), origins, tree)


def check(tree: Tree, origins: Origins) -> Settings:
    """The tree as settings; an ExceptionGroup with one Trouble per error where it is wrong."""
    try:
        return Settings.model_validate(tree)
    except ValidationError as problem:
        found = troubles(problem, tree, origins, reader())
        # "from None": the original error may hold a secret
        raise ExceptionGroup(f"{len(found)} errors in the settings", found) from None


def reader() -> Reader:
    """What can be set."""
    return Reader(Settings.model_json_schema())


def show(loaded: Loaded) -> Iterator[Shown]:
    """Every effective setting, in the order in which they are declared."""
    known = reader()
    for path, value in _leaves((), loaded.settings.model_dump(mode="json", exclude_none=False), known):
        origin = loaded.origins.of(path) if _is_set(path, loaded.tree) else DEFAULT
        yield Shown(path, value, origin, known.meaning(path))


def _is_set(path: Path, tree: object) -> bool:
    """Whether somebody has set that value: a section that stands in a file sets nothing but what it holds.

    >>> _is_set(("engine", "budget"), {"engine": {"storm": 1}}), _is_set(("keys", "secret"), {"keys": {"secret": {}}})
    (False, True)
    """
    for name in path:
        if not isinstance(tree, dict):  # a whole value, a list among them
            return True
        if name not in tree:
            return False
        tree = tree[name]
    return True


def _leaves(path: Path, value: object, known: Reader) -> Iterator[tuple[Path, object]]:
    if path and known.is_secret(path):
        yield path, _stars(value)
    elif isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from _leaves((*path, str(name)), inner, known)
    elif isinstance(value, list) and any(isinstance(inner, dict) for inner in value):
        for position, inner in enumerate(value):
            yield from _leaves((*path, str(position)), inner, known)
    else:
        yield path, value


def _stars(value: object) -> object:
    if not isinstance(value, dict):
        return None
    places = [f"{kind} {place}" for kind, place in value.items() if place is not None]
    return f"{STARS} ({places[0]})" if places else STARS

"""Turns what pydantic found into messages that say what is wrong, where, and how to mend it, and never a secret."""

from __future__ import annotations

import difflib
from typing import Any, Final

from pydantic import ValidationError

from monitor.config.place import DEFAULT, Origins, Path, dotted
from monitor.config.schema import Reader
from monitor.config.trouble import Trouble

_SHOWN: Final = 40  # characters of a wrong value that a message repeats
# only where the value had to be a number or one word of a list can it be repeated without fear
_HARMLESS: Final = frozenset({"literal_error", "enum", "int_parsing", "float_parsing", "bool_parsing"})


def troubles(problem: ValidationError, tree: object, origins: Origins, reader: Reader) -> list[Trouble]:
    """One Trouble per error, in the order of the settings."""
    found = []
    errors = problem.errors(include_url=False)
    inside = {error["loc"][:-1] for error in errors}
    for error in errors:
        if error["type"] == "too_short" and error["loc"] in inside:
            continue  # too short only because a wrong entry does not count
        path, kind = _path(error["loc"], tree, missing=error["type"] == "missing")
        found.append(_trouble(error, path, kind, origins, reader))
    return list({str(trouble): trouble for trouble in found}.values())


def _path(location: tuple[int | str, ...], tree: object, *, missing: bool) -> tuple[Path, str]:
    """The location without the tags that pydantic puts in for the branches of a choice, and the last such tag."""
    path: list[str] = []
    kind = ""
    for depth, part in enumerate(location):
        last = depth == len(location) - 1
        known = part in tree if isinstance(tree, dict) else isinstance(tree, list) and isinstance(part, int)
        if known:
            tree = tree[part]  # type: ignore[index]  # a mapping or a list, by the line before
        if known or (last and missing):
            path.append(str(part))
        else:
            kind = str(part)
    return tuple(path), kind


def _trouble(error: Any, path: Path, kind: str, origins: Origins, reader: Reader) -> Trouble:
    name = dotted(path)
    where = f"{_origin(path, origins)}: {name}"
    if error["type"] in {"extra_forbidden", "unexpected_keyword_argument"}:
        return Trouble(what=f"{name} is not a setting", where=where, mend=_nearest(path, reader))
    if error["type"] == "missing":
        return Trouble(what=f"{name} is missing", where=where, mend=f"add it: {reader.meaning(path)}")
    if error["type"] == "union_tag_not_found":
        return Trouble(what=f"{name}.type is missing", where=where, mend=f"add type: {_kinds(path, reader)}")
    if error["type"] == "union_tag_invalid":
        what = f"{name}.type is {str(error['ctx']['tag'])[:_SHOWN]}, which is no kind"
        return Trouble(what=what, where=where, mend=f"give {error['ctx']['expected_tags']}")
    what = f"{name}{_shown(error, path, reader)}: {_message(error)}"
    return Trouble(what=what, where=where, mend=_mend(path, kind, reader))


def _kinds(path: Path, reader: Reader) -> str:
    kinds = [setting.kind for setting in reader.settings() if setting.path[0] == path[0] and setting.path[-1] == "type"]
    return " or ".join(kinds)


def _mend(path: Path, kind: str, reader: Reader) -> str:
    setting = reader.setting(path, kind)
    if setting is None:
        return reader.meaning(path) or "write what the message asks for"
    if setting.kind == "secret":
        return f'give {{file = "/path"}} or {{env = "NAME"}}. {setting.meaning}'
    article = "" if setting.kind.startswith("`") else "a "
    delete = "" if setting.required or setting.default is None else f", or delete it to get {setting.default}"
    return f"give {article}{setting.kind}{delete}. {setting.meaning}"


def _origin(path: Path, origins: Origins) -> str:
    origin = origins.of(path)
    return origins.name if origin == DEFAULT else origin


def _message(error: Any) -> str:
    """What pydantic says, in our words."""
    text = str(error["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, ")
    return text.replace("Input should be", "it should be").replace("Input should", "it should")


def _shown(error: Any, path: Path, reader: Reader) -> str:
    value = error["input"]
    if reader.is_secret(path):
        return ""
    if isinstance(value, bool | int | float) or (isinstance(value, str) and error["type"] in _HARMLESS):
        return f" is {str(value)[:_SHOWN]}"
    return ""


def _nearest(path: Path, reader: Reader) -> str:
    known = reader.names(path[:-1])
    near = difflib.get_close_matches(path[-1], known, n=1, cutoff=0.6)
    if near:
        return f"did you mean {dotted((*path[:-1], near[0]))}?"
    if not known:
        return "delete it"
    return f"delete it; {dotted(path[:-1])} has {', '.join(sorted(known))}"

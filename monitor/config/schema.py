"""What can be set, read off the JSON Schema of the settings: names, types, defaults and meanings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from monitor.config.place import Path

Schema = Mapping[str, Any]

ANY_NAME: Final = "NAME"  # stands in a path for the names that the operator chooses, such as those of models


@dataclass(frozen=True, slots=True)
class Setting:
    """One thing that can be set. `kind` says in words what it takes, `default` is None where it has to be given or
    where nothing is the default, and `required` tells the two apart."""

    path: Path
    kind: str
    default: object
    required: bool
    meaning: str


class Reader:
    """Walks one JSON Schema."""

    def __init__(self, schema: Schema) -> None:
        self._root = schema
        self._definitions: Schema = schema.get("$defs", {})

    def settings(self) -> Iterator[Setting]:
        """Every setting, in the order in which they are declared."""
        yield from self._below((), self._root)

    def setting(self, path: Path, kind: str = "") -> Setting | None:
        """The setting at that path; None where there is none. `kind` tells apart sections of several kinds."""
        allowed = {ANY_NAME, f"{ANY_NAME} ({kind})"}
        for setting in self.settings():
            if len(setting.path) == len(path) and all(
                known == name or known in allowed for known, name in zip(setting.path, path, strict=True)
            ):
                return setting
        return None

    def sections(self) -> Iterator[tuple[Path, str]]:
        """Every section that has settings of its own, and its meaning."""
        for path in dict.fromkeys(setting.path[:-1] for setting in self.settings()):
            yield path, self.meaning(path)

    def names(self, path: Path) -> list[str]:
        """The names that are known in the section at that path."""
        return [name for node in self._at(path) for name in node.get("properties", {})]

    def meaning(self, path: Path) -> str:
        """What the setting or section at that path is for; empty where it does not say."""
        kind = path[-1].removeprefix(f"{ANY_NAME} (").removesuffix(")") if path else ""
        path = tuple(name.partition(" (")[0] if name.startswith(ANY_NAME) else name for name in path)
        for branch in self._at(path):
            if kind and _tag(branch) == kind:
                return self._text(branch)
        for length in range(len(path), 0, -1):
            for node in self._at(path[:length], follow=False):
                if text := self._text(node):
                    return text
        return ""

    def is_secret(self, path: Path) -> bool:
        """Whether the path lies at or inside a secret."""
        return any(
            node.get("title") == "Secret" for length in range(1, len(path) + 1) for node in self._at(path[:length])
        )

    def _below(self, path: Path, node: Schema) -> Iterator[Setting]:
        for branch in self._branches(node):
            required = set(branch.get("required", ()))
            for name, child in branch.get("properties", {}).items():
                yield from self._one((*path, name), child, name in required)

    def _one(self, path: Path, node: Schema, required: bool) -> Iterator[Setting]:
        sections = [b for b in self._branches(node) if "properties" in b and b.get("title") != "Secret"]
        table = next((values for b in self._branches(node) if (values := _table(b)) is not None), None)
        if sections:
            yield from (setting for section in sections for setting in self._below(path, section))
        elif kinds := [b for b in self._branches(table) if "properties" in b] if table is not None else []:
            for kind in kinds:
                yield from self._below((*path, ANY_NAME if len(kinds) == 1 else f"{ANY_NAME} ({_tag(kind)})"), kind)
        else:
            default = node.get("default")
            yield Setting(path, self._kind(node), default, required, self._text(node))

    def _branches(self, node: Schema) -> list[Schema]:
        """The node itself, or what it refers to or offers a choice of; without null."""
        if "$ref" in node:
            return self._branches(self._definitions[node["$ref"].rpartition("/")[2]])
        for choice in ("anyOf", "oneOf", "allOf"):
            if choice in node:
                return [inner for option in node[choice] for inner in self._branches(option)]
        return [] if node.get("type") == "null" else [node]

    def _at(self, path: Path, *, follow: bool = True) -> list[Schema]:
        nodes: list[Schema] = [self._root]
        for name in path:
            nodes = [child for node in nodes for branch in self._branches(node) for child in _children(branch, name)]
        return [branch for node in nodes for branch in self._branches(node)] if follow else nodes

    def _text(self, node: Schema) -> str:
        if "description" in node:
            return " ".join(str(node["description"]).split())
        texts = [" ".join(str(b["description"]).split()) for b in self._branches(node) if "description" in b]
        return texts[0] if len(texts) == 1 else ""

    def _kind(self, node: Schema) -> str:
        kinds = dict.fromkeys(_kind_of(branch, self) for branch in self._branches(node))
        return " or ".join(kinds)


def _tag(branch: Schema) -> str:
    """What tells this branch from the others: the only value that its `type` can have; empty where it has no type."""
    return str(branch.get("properties", {}).get("type", {}).get("const", ""))


def _table(branch: Schema) -> Schema | None:
    """What the values are like where names are the operator's choice; None where they are not."""
    values = next(iter(branch.get("patternProperties", {}).values()), branch.get("additionalProperties"))
    return values if isinstance(values, Mapping) else None


def _children(branch: Schema, name: str) -> list[Schema]:
    if name in branch.get("properties", {}):
        return [branch["properties"][name]]
    if (values := _table(branch)) is not None:
        return [values]
    if name.isdigit() and "items" in branch:
        return [branch["items"]]
    return []


def _kind_of(branch: Schema, reader: Reader) -> str:
    if branch.get("title") == "Secret":
        return "secret"
    if "enum" in branch or "const" in branch:
        return " or ".join(f"`{value}`" for value in branch.get("enum", [branch.get("const")]))
    match branch.get("type"):
        case "array":
            return f"list of {reader._kind(branch.get('items', {})) or 'anything'}"
        case "object":
            values = _table(branch)
            return "table" if values is None else f"table of {reader._kind(values)}"
        case "integer" | "number" as kind:
            return _bounded("whole number" if kind == "integer" else "number", branch)
        case "boolean":
            return "`true` or `false`"
        case "string":
            return {"path": "path", "uri": "URL"}.get(str(branch.get("format")), "text")
        case _:
            return "anything"


def _bounded(kind: str, branch: Schema) -> str:
    words = {
        "minimum": "from {}",
        "exclusiveMinimum": "above {}",
        "maximum": "to {}",
        "exclusiveMaximum": "below {}",
    }
    return " ".join([kind, *(text.format(branch[key]) for key, text in words.items() if key in branch)])

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

    def setting(self, path: Path) -> Setting | None:
        """The setting at that path; None where there is none."""
        for setting in self.settings():
            if len(setting.path) == len(path) and all(
                known in (ANY_NAME, name) for known, name in zip(setting.path, path, strict=True)
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
        table = next((b["additionalProperties"] for b in self._branches(node) if _is_table(b)), None)
        if sections:
            yield from (setting for section in sections for setting in self._below(path, section))
        elif table is not None and any("properties" in b for b in self._branches(table)):
            yield from self._below((*path, ANY_NAME), table)
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


def _is_table(branch: Schema) -> bool:
    return isinstance(branch.get("additionalProperties"), Mapping)


def _children(branch: Schema, name: str) -> list[Schema]:
    if name in branch.get("properties", {}):
        return [branch["properties"][name]]
    if _is_table(branch):
        return [branch["additionalProperties"]]
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
            values = branch.get("additionalProperties")
            return f"table of {reader._kind(values)}" if isinstance(values, Mapping) else "table"
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

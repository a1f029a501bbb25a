"""Places in a tree of settings: the path of a value, how people write it, and the line or variable it came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

Path = tuple[str, ...]  # names and list positions from the root: ("sinks", "webhook", "url")
Tree = dict[str, object]

DEFAULT: Final = "default"


def dotted(path: Path) -> str:
    """The path as people write it.

    >>> dotted(("sinks", "webhook", "url"))
    'sinks.webhook.url'
    """
    return ".".join(path) if path else "the settings"


@dataclass(frozen=True, slots=True)
class Origins:
    """Where the values of a tree were set: `lines` in the file `name`, `variables` of the environment."""

    name: str
    lines: Mapping[Path, int]
    variables: Mapping[Path, str]

    def of(self, path: Path) -> str:
        """`PROBEWATCH__A__B`, `probewatch.toml:12`, or `default` where nobody has set the value or what holds it."""
        for end in range(len(path), 0, -1):
            if (variable := self.variables.get(path[:end])) is not None:
                return variable
            if (line := self.lines.get(path[:end])) is not None:
                return f"{self.name}:{line}"
        return DEFAULT

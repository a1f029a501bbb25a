"""The settings page of the manual, made from the settings themselves."""

from __future__ import annotations

from typing import Final

import orjson

from monitor.config.load import reader
from monitor.config.place import dotted
from monitor.config.schema import Setting

_HEAD: Final = """\
# Settings

Made by `probewatch config page`; do not edit.

Settings stand in one file, `probewatch.toml` or YAML, given with `--config`. Each can be overridden by a variable of
the environment: `PROBEWATCH__SECTION__KEY`, lists and tables as JSON. Everything is checked at start, and all errors
are told at once. Secrets never stand in the settings: `{ file = "/path" }` or `{ env = "NAME" }` says where they are
kept. `probewatch config show` prints every value in force, where it was set, and what it means.
"""

_TABLE: Final = "| setting | takes | default | meaning |\n|---|---|---|---|\n"


def settings_page() -> str:
    """The page, in Markdown."""
    known = reader()
    settings = list(known.settings())
    parts = [_HEAD]
    for path, meaning in known.sections():
        parts.append(
            f"\n## `{dotted(path)}`\n\n{meaning}\n\n| setting | takes | default | meaning |\n|---|---|---|---|\n"
        )
        parts.extend(_row(setting) for setting in settings if setting.path[:-1] == path)
    return "".join(parts)


def _row(setting: Setting) -> str:
    default = "must be given" if setting.required else _written(setting.default)
    cells = [f"`{setting.path[-1]}`", setting.kind, default, setting.meaning]
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |\n"


def _written(default: object) -> str:
    return "none" if default is None else f"`{orjson.dumps(default).decode()}`"

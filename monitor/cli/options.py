"""What several commands share: the options --config and --json, loaded settings, JSON and files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from monitor.config.trouble import Trouble

if TYPE_CHECKING:
    from monitor.config.load import Loaded

config_file: Final = click.option(
    "--config",
    type=click.Path(path_type=Path),
    envvar="PROBEWATCH_CONFIG",
    help="Settings, TOML or YAML; PROBEWATCH__SECTION__KEY in the environment overrides them.",
)

as_json: Final = click.option("--json", is_flag=True, help="JSON for machines, one object per line.")


def loaded(config: Path | None) -> Loaded:
    """The settings of the file and the environment; Trouble, or a group of them, where they are wrong."""
    from monitor.config.load import load

    return load(config, os.environ)


def write_json(value: object, *, indent: bool = False, err: bool = False) -> None:
    """One JSON document on standard output (or standard error), with a line break after it."""
    import orjson

    click.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2 if indent else 0), err=err)


def write_text(path: Path, text: str) -> None:
    """A page or a report as a file; Trouble where it cannot be written."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as problem:
        mend = "give a path that you may write, in a folder that is there"
        raise Trouble(what=f"cannot be written: {problem.strerror}", where=str(path), mend=mend) from problem

"""What several commands share: the options --config and --json, loaded settings, lines of JSON, a progress bar."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from monitor.config.load import Loaded
    from monitor.sources.protocol import Progress

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


@contextmanager
def progress_bar() -> Iterator[Callable[[Progress], None]]:
    """A bar on a terminal, and nothing where nobody looks."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda done: bar.update(task, completed=done.read, total=done.total)


def plain(text: str) -> str:
    """Text that comes from records or from people, without what could steer a terminal."""
    return "".join(char if char.isprintable() else "?" for char in text)

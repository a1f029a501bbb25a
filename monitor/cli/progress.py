"""How far a command has come and how long it will take: a bar on a terminal, and nothing where nobody looks."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import ProgressColumn

    from monitor.sources.protocol import Progress


@contextmanager
def bytes_read() -> Iterator[Callable[[Progress], None]]:
    """To be called with how much of a log was read."""
    if not sys.stderr.isatty():
        yield lambda done: None
        return
    from rich.progress import BarColumn, DownloadColumn, TimeRemainingColumn

    with _bar(BarColumn(), DownloadColumn(), TimeRemainingColumn()) as show:
        yield lambda done: show(done.read, done.total)


@contextmanager
def steps(what: str) -> Iterator[Callable[[int, int], None]]:
    """To be called with the steps done and those in all."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

    with _bar(TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()) as show:
        yield show


@contextmanager
def _bar(*columns: ProgressColumn) -> Iterator[Callable[[int, int | None], None]]:
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)

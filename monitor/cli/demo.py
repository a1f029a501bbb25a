"""`probewatch demo`: a recorded attack day, end to end, with nothing to install beside the package."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, BinaryIO, Final

import click

if TYPE_CHECKING:
    from monitor.record.keys import Keys
    from monitor.sources.protocol import Progress

_STEPS: Final = 4  # lines that tell of the progress where there is no terminal


@click.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("probewatch-demo"),
    show_default=True,
    help="Folder for the findings, the page, the key and the log; it is made if it is not there.",
)
def command(out: Path) -> None:
    """Show a recorded attack day, end to end.

    The days that come with the package go through the decoder and the engine of the daemon. Who was really behind each
    client is looked up afterwards, to say what honest clients got and who was missed.

    Example: probewatch demo --out probewatch-demo
    """
    from monitor.console.cases import account, cases
    from monitor.console.page import page
    from monitor.console.play import kit, play, ready
    from monitor.console.recordings import labels, recording
    from monitor.console.story import introduction, pointers, story

    day, keys = recording(), keys_in(out)
    _say(introduction(day.sensitive))
    with _stage("loading kernels (compiling them takes a minute, once)"):
        ready(day, keys)
    with _progress() as show, _written(out / "findings.ndjson") as alerts:
        played = play(day, keys, alerts, show)
    found, who = cases(played.findings), labels(day, keys)
    held = account(found, who)
    with _written(out / "report.html") as file:
        file.write(page(played, found, held, who).encode())
    _say(story(played, found, held, who))
    for name, content in kit(day, out.resolve()):
        with _written(out / name) as file:
            file.write(content)
    _say(pointers(out, found, who))


def keys_in(out: Path) -> Keys:
    """The key of the folder, made on first use. Trouble where the folder cannot be written."""
    from monitor.record.keys import create_key_file, load_keys

    path = out / "key.toml"
    return load_keys(path) if path.exists() else create_key_file(path)


@contextmanager
def _written(path: Path) -> Iterator[BinaryIO]:
    """The file, opened anew; Trouble where it cannot be written."""
    from monitor.config.trouble import Trouble

    try:
        with path.open("wb") as file:
            yield file
    except OSError as problem:
        mend = "choose a folder with --out that you may write, on a disk with room"
        raise Trouble(what=f"cannot be written: {problem.strerror}", where=str(path), mend=mend) from problem


def _say(lines: Iterator[str]) -> None:
    for line in lines:
        click.echo(line)


@contextmanager
def _stage(name: str) -> Iterator[None]:
    """Says what takes time, and then how long it took; a turning sign on a terminal."""
    begun = perf_counter()
    if sys.stderr.isatty():
        from rich.console import Console

        with Console(stderr=True).status(f"{name} ..."):
            yield
    else:
        click.echo(f"{name} ...", err=True)
        yield
    click.echo(f"{name}: {perf_counter() - begun:.1f} s", err=True)


@contextmanager
def _progress() -> Iterator[Callable[[Progress], None]]:
    """A bar on a terminal, and a line now and then elsewhere."""
    if not sys.stderr.isatty():
        yield _Lines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("playing the recording"), BarColumn(), TimeElapsedColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda done: bar.update(task, completed=done.read, total=done.total)


class _Lines:
    """A line at each quarter of the way."""

    def __init__(self) -> None:
        self._told = 0

    def __call__(self, done: Progress) -> None:
        """Tells of a quarter once it is reached."""
        quarter = 0 if not done.total else _STEPS * done.read // done.total
        if quarter > self._told:
            self._told = quarter
            click.echo(f"playing the recording: {100 * quarter // _STEPS}%", err=True)

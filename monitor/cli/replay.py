"""`probewatch replay`: recorded logs through the same engine as the daemon's, at full speed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, BinaryIO

import click

from monitor.cli.options import as_json, config_file, loaded, write_json

if TYPE_CHECKING:
    from monitor.alerts.finding import Finding
    from monitor.runtime.replay import Tally
    from monitor.sources.protocol import Progress


@click.command()
@click.argument("logs", nargs=-1, required=True, type=click.Path(path_type=Path, allow_dash=True), metavar="LOG...")
@click.option(
    "--alerts", type=click.File("wb"), help="Write every revision of every finding here, one a line; - is stdout."
)
@config_file
@as_json
def command(logs: Sequence[Path], alerts: BinaryIO | None, config: Path | None, json: bool) -> None:
    """Put recorded logs through the same engine, at full speed.

    A LOG is a file of records, one a line, also compressed with gzip or zstd; a folder of such files; or - for
    standard input. Each file counts as one partition. The same logs, settings and key give the same alerts.

    Example: probewatch replay monday.ndjson.zst --alerts alerts.ndjson
    """
    from monitor.formats.native import encode
    from monitor.runtime.keys import OPEN_KEYS, keys_or_open
    from monitor.runtime.replay import Tally, replay

    settings = loaded(config).settings
    keys = keys_or_open(settings.keys)
    if keys is OPEN_KEYS:
        click.echo("no key is given: pseudonyms come from a key that everybody knows, and protect nobody", err=True)
    tally, latest, begun = Tally(), dict[str, "Finding"](), perf_counter()
    with _progress() as show:
        for finding in replay(logs, settings, keys, tally, show):
            latest[finding.finding] = finding
            if alerts is not None:
                alerts.write(encode(finding) + b"\n")
    if alerts is not None:
        alerts.flush()
    _summary(tally, list(latest.values()), perf_counter() - begun, json=json, listed=alerts is None)


@contextmanager
def _progress() -> Iterator[Callable[[Progress], None]]:
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


def _summary(tally: Tally, found: Sequence[Finding], seconds: float, *, json: bool, listed: bool) -> None:
    if json:
        numbers = {
            "records": tally.records,
            "queries": tally.queries,
            "rejected": dict(sorted(tally.rejected.items())),
            "findings": len(found),
            "revisions": tally.findings,
            "learning": sorted(tally.learning),
            "seconds": round(seconds, 3),
        }
        write_json(numbers, err=not listed)
        return
    if listed:
        from monitor.cli.alerts import write_list

        write_list(found)
    rejected = ", ".join(f"{count} {reason}" for reason, count in sorted(tally.rejected.items()))
    click.echo(
        f"{tally.records:,} records, {tally.queries:,} queries, {len(found):,} findings in {seconds:.1f} s"
        f" ({tally.queries / max(seconds, 1e-9):,.0f} queries a second)",
        err=True,
    )
    if rejected:
        click.echo(f"rejected: {rejected}", err=True)
    if tally.learning:
        click.echo(f"still learning: {len(tally.learning)} models, of which findings can be missing", err=True)

"""`probewatch replay`: recorded logs through the same engine as the daemon's, at full speed."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import click

from monitor.cli.options import as_json, config_file, loaded, write_json
from monitor.cli.progress import bytes_read

if TYPE_CHECKING:
    from monitor.alerts.finding import Finding
    from monitor.runtime.replay import Tally


@click.command()
@click.argument("logs", nargs=-1, required=True, type=click.Path(path_type=Path, allow_dash=True), metavar="LOG...")
@click.option(
    "--alerts",
    type=click.Path(allow_dash=True),
    help="Write every revision of every finding here, one a line; - is stdout.",
)
@config_file
@as_json
def command(logs: Sequence[Path], alerts: str | None, config: Path | None, json: bool) -> None:
    """Put recorded logs through the same engine, at full speed.

    A LOG is a file of records, one a line, also compressed with gzip or zstd; a folder of such files; or - for
    standard input. Each file counts as one partition. The same logs, settings and key give the same alerts.

    Example: probewatch replay monday.ndjson.zst --alerts alerts.ndjson
    """
    from monitor.cli.alerts import write_list
    from monitor.formats.native import encode
    from monitor.runtime.keys import OPEN_KEYS, keys_or_open
    from monitor.runtime.replay import Tally, replay

    settings = loaded(config).settings
    keys = keys_or_open(settings.keys)
    if keys is OPEN_KEYS:
        click.echo("no key is given: pseudonyms come from a key that everybody knows, and protect nobody", err=True)
    tally, latest, begun = Tally(), dict[str, "Finding"](), perf_counter()
    with bytes_read() as show, ExitStack() as stack:
        file = None if alerts is None else stack.enter_context(click.open_file(alerts, "wb"))
        for finding in replay(logs, settings, keys, tally, show):
            latest[finding.finding] = finding
            if file is not None:
                file.write(encode(finding) + b"\n")
    seconds = perf_counter() - begun
    if json:
        write_json(_numbers(tally, len(latest), seconds), err=alerts == "-")
        return
    if alerts is None:
        write_list(list(latest.values()))
    _tell(tally, len(latest), seconds)


def _numbers(tally: Tally, findings: int, seconds: float) -> dict[str, object]:
    return {
        "records": tally.records,
        "queries": tally.queries,
        "rejected": dict(sorted(tally.rejected.items())),
        "findings": findings,
        "revisions": tally.findings,
        "learning": sorted(tally.learning),
        "seconds": round(seconds, 3),
    }


def _tell(tally: Tally, findings: int, seconds: float) -> None:
    """The summary for people, beside what machines read."""
    rate = tally.queries / seconds if seconds else 0.0
    click.echo(
        f"{tally.records:,} records, {tally.queries:,} queries, {findings:,} findings"
        f" in {seconds:.1f} s ({rate:,.0f} queries a second)",
        err=True,
    )
    if tally.rejected:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in sorted(tally.rejected.items()))
        click.echo(f"rejected: {reasons}", err=True)
    if tally.learning:
        click.echo(f"still learning: {len(tally.learning)} models; findings about them can be missing", err=True)

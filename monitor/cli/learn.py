"""`probewatch learn`: what recorded traffic teaches, for models that begin."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from monitor.cli.options import as_json, config_file, loaded, write_json
from monitor.cli.progress import bytes_read


@click.command()
@click.argument("logs", nargs=-1, required=True, type=click.Path(path_type=Path, allow_dash=True), metavar="LOG...")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The file that runtime.learnt names.")
@config_file
@as_json
def command(logs: Sequence[Path], out: Path, config: Path | None, json: bool) -> None:
    """Learn from recorded traffic, so that a new start does not begin from nothing.

    A LOG is what `replay` takes; give them in the order of their time. The file holds scales, profiles, usual values
    and floors for each model and shape of input, and nothing of any client. It works with the key that made it and no
    other, so that the settings must hold the one of the daemon. Whoever looks like an attack teaches nothing.

    Example: probewatch learn last-week/ --config probewatch.toml --out learnt.probewatch
    """
    from monitor.engine.view import FIRST_LESSON
    from monitor.runtime.keys import keys_of
    from monitor.runtime.learnt import save
    from monitor.runtime.lesson import hear
    from monitor.runtime.replay import Tally
    from monitor.runtime.status import lines

    settings = loaded(config).settings
    keys, tally = keys_of(settings.keys), Tally()
    with bytes_read() as show:
        engine = hear(logs, settings, keys, tally, show)
    arrays = engine.lesson()
    standings = [one.tree() for one in engine.standings()]
    save(out, arrays, keys, standings)
    if json:
        write_json(
            {
                "file": str(out),
                "records": tally.records,
                "queries": tally.queries,
                "findings": tally.findings,
                "rejected": dict(sorted(tally.rejected.items())),
                "standings": standings,
            }
        )
        return
    for standing in (standing for standing in standings if standing["queries"] >= FIRST_LESSON):
        for line in lines(standing):
            click.echo(line)
    few = sorted({standing["model"] for standing in standings if standing["queries"] < FIRST_LESSON})
    if few:
        click.echo(f"left out, with fewer than {FIRST_LESSON} queries: {len(few)} models")
    click.echo(f"{tally.records:,} records, {tally.queries:,} queries; {tally.findings:,} findings taught nothing")
    if tally.rejected:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in sorted(tally.rejected.items()))
        click.echo(f"rejected: {reasons}")
    click.echo(f"written to {out}")

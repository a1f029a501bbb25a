"""`probewatch status`: whether all is well, how far learning has come, and what that means."""

from __future__ import annotations

from pathlib import Path

import click

from monitor.alerts.words import plain
from monitor.cli.options import as_json, config_file, loaded, write_json


@click.command()
@config_file
@click.option("--detail", is_flag=True, help="What each model still learns, and which detectors wait for what.")
@as_json
def command(config: Path | None, detail: bool, json: bool) -> None:
    """Say whether all is well in one screen, and what is still learning.

    First the daemon, its outbox, findings and silences; then, per model, what is still learning and what that means, in
    a line or, with --detail, for each detector. The latter is read off the newest snapshots, whether the daemon runs or
    not; they are half a minute old at most while it does.

    Example: probewatch status --config probewatch.toml
    """
    from dataclasses import asdict

    from monitor.runtime.overview import overview, summary
    from monitor.runtime.paths import snapshots_path
    from monitor.runtime.status import line_of, lines, told

    settings = loaded(config).settings
    partition, found, seen = "", False, overview(settings)
    if seen is not None and json:
        write_json(seen)
    elif seen is not None:
        click.echo("\n".join(map(plain, summary(seen))) + "\n")
    for one in told(settings):
        found = True
        if json:
            write_json(asdict(one))
            continue
        if one.partition != partition:
            partition = one.partition
            click.echo(f"partition {partition}, as of {one.written}")
        for line in lines(one.standing) if detail else [line_of(one.standing)]:
            click.echo(f"  {line}")
    if not found and not json:
        click.echo(f"no model is known yet: there is no snapshot in {snapshots_path(settings)}")

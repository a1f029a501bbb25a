"""`probewatch status`: how far learning has come, and what that means."""

from __future__ import annotations

from pathlib import Path

import click

from monitor.cli.options import as_json, config_file, loaded, write_json


@click.command()
@config_file
@as_json
def command(config: Path | None, json: bool) -> None:
    """Say what is still learning, and what that means.

    Per model and detector. Reads the newest snapshots in the state folder, whether the daemon runs or not; they are
    half a minute old at most while it does.

    Example: probewatch status --config probewatch.toml
    """
    from dataclasses import asdict

    from monitor.runtime.paths import snapshots_path
    from monitor.runtime.status import lines, told

    settings = loaded(config).settings
    partition, found = "", False
    for one in told(settings):
        found = True
        if json:
            write_json(asdict(one))
            continue
        if one.partition != partition:
            partition = one.partition
            click.echo(f"partition {partition}, as of {one.written}")
        for line in lines(one.standing):
            click.echo(f"  {line}")
    if not found and not json:
        click.echo(f"no model is known yet: there is no snapshot in {snapshots_path(settings)}")

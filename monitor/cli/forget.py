"""`probewatch forget`: erases a client from everything that is kept."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from monitor.cli.options import as_json, config_file, loaded, write_json


@click.command()
@config_file
@click.option(
    "--sort",
    type=click.Choice(["client", "address"]),
    default="client",
    show_default=True,
    help="What the names are.",
)
@click.argument("client")
@as_json
@click.pass_context
def command(context: click.Context, config: Path | None, sort: str, client: str, json: bool) -> None:
    """Erase a client from state, snapshots and outbox.

    Stop the daemon first, and all that share its snapshots; each of them has an outbox of its own, so run it on each
    host. CLIENT is the name as it stands in the logs; - reads names
    from standard input, one a line, so that they do not stand in the list of processes. Afterwards all files are
    searched for the pseudonym; exit code 1 where something is left, or
    could not be looked into. What sinks have got already is not ours to erase:
    the pseudonym by which to do that is what `probewatch pseudonym` prints.

    Example: echo key-123 | probewatch forget --config probewatch.toml -
    """
    from dataclasses import asdict

    from monitor.runtime.forgetting import forget
    from monitor.runtime.keys import keys_of

    settings = loaded(config).settings
    names = [line.rstrip("\r\n") for line in sys.stdin] if client == "-" else [client]
    done = forget(settings, keys_of(settings.keys), sort, [name for name in names if name])
    if json:
        write_json(asdict(done))
    else:
        alerts = f"{done.deleted} alerts deleted, {done.changed} changed, {done.letters} dead letters deleted"
        click.echo(f"{done.partitions} partitions written anew, {alerts}")
        click.echo(f"{done.files} files with {done.bytes:,} bytes searched, found in {len(done.left)}")
        for file in done.left:
            click.echo(f"left in {file}", err=True)
        for partition in done.unread:
            click.echo(f"not erased: the state of {partition} cannot be read with these keys", err=True)
        if done.sealed:
            click.echo(f"not searched: {done.sealed} dead letters that `outbox.letters_key` does not open", err=True)
    context.exit(0 if done.complete else 1)

"""`probewatch pseudonym`: names in, pseudonyms out, and a line in the audit log."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

import click

from monitor.cli.options import as_json, config_file, loaded, write_json


@click.command()
@config_file
@click.option(
    "--sort",
    type=click.Choice(["client", "group", "address"]),
    default="client",
    show_default=True,
    help="What the names are: the same text is another pseudonym for each.",
)
@click.option("--audit", type=click.Path(path_type=Path), help="Audit log; default: audit.log in the state folder.")
@click.argument("names", type=click.File("r"), default="-")
@as_json
def command(config: Path | None, sort: str, audit: Path | None, names: TextIO, json: bool) -> None:
    """Turn names into the pseudonyms that alerts carry.

    One name a line. Who asked, when and for how many names goes into the audit log; the names do not.

    Example: echo key-123 | probewatch pseudonym --config probewatch.toml
    """
    from monitor.record.pseudonyms import Pseudonyms, text
    from monitor.runtime.audit import append
    from monitor.runtime.keys import keys_of
    from monitor.runtime.paths import audit_path

    settings = loaded(config).settings
    keys = keys_of(settings.keys)
    lines = [line.rstrip("\r\n") for line in names]
    asked = [line for line in lines if line]
    # before the first pseudonym is told, so that nobody learns one without leaving a trace
    append(audit or audit_path(settings), datetime.now(UTC), f"pseudonym {sort}", len(asked), keys.epoch)
    make = getattr(Pseudonyms(keys.pseudonyms, keys.epoch), sort)
    for name in asked:
        pseudonym = text(make(name))
        if json:
            write_json({"pseudonym": pseudonym, "key_epoch": keys.epoch})
        else:
            click.echo(pseudonym)

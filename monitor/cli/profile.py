"""`probewatch profile`: a name for a new kind of traffic, as lines for the settings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import BinaryIO

import click

from monitor.cli.alerts import from_file, revisions_of
from monitor.cli.options import config_file
from monitor.config.trouble import Trouble


@click.command()
@config_file
@from_file
@click.argument("finding")
@click.option("--name", required=True, help="What you call this kind of traffic.")
def command(config: Path | None, file: BinaryIO | None, finding: str, name: str) -> None:
    """Name a new kind of traffic: the lines to add to the settings.

    FINDING is the beginning of the id of a finding of the novelty tier. Where its kind is in the settings, it raises no
    further findings of that tier; evidence of attacks is looked at as before.

    Example: probewatch profile 5d41402a --name "nightly batch" --file alerts.ndjson
    """
    last = revisions_of(finding, config, file)[-1]
    kind = last.labels.get("kind")
    if kind is None:
        mend = "name a finding of the novelty tier; `probewatch alerts list --family novelty` shows them"
        raise Trouble(what="that finding is not about a kind of traffic", where=last.finding, mend=mend)
    click.echo(f"[engine.known.{quoted(last.model)}.profiles]\n{quoted(name)} = {quoted(kind)}")


def quoted(text: str) -> str:
    """A basic string of TOML, on one line and without what could steer a terminal.

    >>> quoted('the "big" job\\x7f')
    '"the \\\\"big\\\\" job\\\\U0000007f"'
    """
    plain = json.dumps(text, ensure_ascii=False)
    return "".join(char if char.isprintable() else f"\\U{ord(char):08x}" for char in plain)

"""`probewatch key`: what is needed when the key is exchanged."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from monitor.cli.options import as_json, config_file, loaded, write_json


@click.group()
def command() -> None:
    """Prepare another key of pseudonyms.

    Example: probewatch key sketches --config probewatch.toml --to /etc/probewatch/sketches.key
    """


@command.command()
@config_file
@click.option("--to", type=click.Path(path_type=Path), required=True, help="A new file; only its owner can read it.")
@as_json
def pseudonyms(config: Path | None, to: Path, json: bool) -> None:
    """Write the key of pseudonyms to a file, for a gateway that has to know clients again.

    Whoever has it can test guesses of names. Nobody gets from it to the secret, or to the key of sketches.

    Example: probewatch key pseudonyms --config probewatch.toml --to /etc/gateway/pseudonyms.key
    """
    _export(config, to, "pseudonyms", json)


@command.command()
@config_file
@click.option("--to", type=click.Path(path_type=Path), required=True, help="A new file; only its owner can read it.")
@as_json
def sketches(config: Path | None, to: Path, json: bool) -> None:
    """Write the key of sketches to a file, for `keys.sketches`.

    Do this before the secret is exchanged: with it, inputs can still be compared with earlier ones. Nobody gets from it
    to the secret, or to the key of pseudonyms.

    Example: probewatch key sketches --config probewatch.toml --to /etc/probewatch/sketches.key
    """
    _export(config, to, "sketches", json)


def _export(config: Path | None, to: Path, use: str, json: bool) -> None:
    """Write the key of one use to a new file, behind a line in the audit log."""
    import os
    from base64 import b64encode

    from monitor.config.trouble import Trouble
    from monitor.runtime.audit import append
    from monitor.runtime.keys import keys_of
    from monitor.runtime.paths import audit_path

    settings = loaded(config).settings
    keys = keys_of(settings.keys)
    append(audit_path(settings), datetime.now(UTC), "key use", 1, keys.epoch, {"by": f"key {use}"})
    try:
        with os.fdopen(os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(b64encode(getattr(keys, use)) + b"\n")
    except OSError as problem:
        mend = "choose a path that is free and that you may write"
        raise Trouble(what=f"the key cannot be written: {problem.strerror}", where=str(to), mend=mend) from None
    if json:
        write_json({"file": str(to), "key_epoch": keys.epoch})

"""`probewatch reload`: has a running daemon read its settings anew."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any, Final

import click

from monitor.cli.options import as_json, config_file, loaded, write_json
from monitor.config.trouble import Trouble

_LOOK: Final = 0.2  # seconds between two looks for its answer


@click.command()
@config_file
@click.option("--wait", type=click.FloatRange(1, 600), default=60.0, show_default=True, help="Seconds for its answer.")
@as_json
@click.pass_context
def command(context: click.Context, config: Path | None, wait: float, json: bool) -> None:
    """Have the running daemon read its settings anew, as SIGHUP does.

    The file is read here first: one that is wrong is refused, and the daemon not disturbed. What can not change while
    it runs is named, and waits for the next start. No state is lost. Exit code 0: the settings are in force, 2:
    refused, and nothing has changed.

    Example: probewatch reload --config /etc/probewatch/probewatch.toml
    """
    import orjson

    from monitor.runtime.audit import last
    from monitor.runtime.paths import audit_path
    from monitor.runtime.reload import ACTION, outcome_path
    from monitor.runtime.running import found

    settings = loaded(config).settings
    running, log = found(settings), audit_path(settings)
    before = last(log, ACTION)
    os.kill(running.pid, signal.SIGHUP)
    end = time.monotonic() + wait
    while last(log, ACTION) == before:
        if time.monotonic() > end:
            mend = "look at its log: a long turn of the loop, or it has just ended"
            raise Trouble(what=f"no answer in {wait:.0f} seconds", where=f"process {running.pid}", mend=mend)
        time.sleep(_LOOK)
    outcome = orjson.loads(outcome_path(settings).read_bytes())
    _tell(outcome, json=json)
    context.exit(2 if outcome["refused"] else 0)


def _tell(outcome: dict[str, Any], *, json: bool) -> None:
    if json:
        write_json(outcome)
        return
    for trouble in outcome["refused"]:
        click.echo(str(Trouble(**trouble)) + "\n", err=True)
    if outcome["refused"]:
        click.echo("refused: nothing has changed", err=True)
        return
    click.echo(f"in force: {', '.join(outcome['taken']) or 'nothing has changed'}")
    if outcome["waits"]:
        click.echo(f"waits for the next start: {', '.join(outcome['waits'])}")

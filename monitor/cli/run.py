"""`probewatch run`: the daemon."""

from __future__ import annotations

import logging
from pathlib import Path

import click

from monitor.cli.options import config_file, loaded


@click.command()
@config_file
@click.pass_context
def command(context: click.Context, config: Path | None) -> None:
    """Watch the logs of the settings until told to stop.

    SIGTERM and SIGINT end it in order: what was read is judged, alerts and state are saved, offsets are committed. A
    kill loses nothing either; the next start takes a little longer. SIGHUP has it read its settings anew. Exit code 0:
    ended in order, 1: a part broke and the process should be started anew, 2: something has to be mended first.

    Example: probewatch run --config /etc/probewatch/probewatch.toml
    """
    from monitor.config.trouble import Trouble
    from monitor.runtime.daemon import run
    from monitor.runtime.hardening import harden
    from monitor.runtime.logs import log_crashes, start_log

    harden()
    settings = loaded(config).settings
    start_log(settings.log)
    log_crashes()
    try:
        in_order = run(settings, lambda: loaded(config).settings)
    except Trouble as trouble:  # the log has been started: machines read it
        logging.getLogger("monitor").critical(trouble.what, extra={"where": trouble.where, "mend": trouble.mend})
        context.exit(2)
    context.exit(0 if in_order else 1)

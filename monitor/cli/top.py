"""`probewatch top`: a running daemon at a glance, live."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import click

from monitor.cli.options import as_json, config_file, loaded, write_json


@click.command()
@config_file
@click.option("--once", is_flag=True, help="Print one screen and end; so without a terminal.")
@click.option("--every", type=click.FloatRange(0.5, 60), default=2.0, show_default=True, help="Seconds between two.")
@as_json
def command(config: Path | None, once: bool, every: float, json: bool) -> None:
    """A running daemon at a glance: rate, lag, clients, findings, who is close to one.

    Ctrl-C ends it. The evidence of a client is the share that has gathered of what a finding needs, on the scale of
    orders of magnitude. --json prints the pages, once or with every new one on a line of its own.

    Example: probewatch top --once --json --config probewatch.toml
    """
    from rich.console import Console
    from rich.live import Live

    from monitor.console.top import screen
    from monitor.runtime.running import page

    settings = loaded(config).settings

    def pages() -> tuple[Any, Any]:
        return page(settings, "/live"), page(settings, "/silences")

    live, quiet = pages()
    if live.get("closest") is None:  # nobody has looked for a while: they are asked for us from now on
        time.sleep(2 * every if once or not sys.stdout.isatty() else 0)
        live, quiet = pages()
    if once or not sys.stdout.isatty():
        if json:
            write_json({**live, **quiet})
        else:
            Console().print(screen(live, quiet))
        return
    try:
        if json:
            while True:
                write_json({**live, **quiet})
                time.sleep(every)
                live, quiet = pages()
        with Live(screen(live, quiet), screen=True, auto_refresh=False) as shown:
            while True:
                shown.update(screen(*pages()), refresh=True)
                time.sleep(every)
    except KeyboardInterrupt:
        return

"""`probewatch explain`: why a finding was made."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import click

from monitor.cli.alerts import from_file, revisions_of
from monitor.cli.options import as_json, config_file, loaded, write_json, write_text
from monitor.cli.progress import bytes_read


@click.command()
@click.argument("finding")
@from_file
@click.option(
    "--log",
    "logs",
    multiple=True,
    type=click.Path(path_type=Path),
    help="The log of the finding, where the settings do not read it.",
)
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), help="Write the explanation as a page, too.")
@config_file
@as_json
@click.pass_context
def command(
    context: click.Context,
    finding: str,
    file: BinaryIO | None,
    logs: Sequence[Path],
    html: Path | None,
    config: Path | None,
    json: bool,
) -> None:
    """Explain a finding: make it again from its log, and show what was seen.

    FINDING is the beginning of its id, in the outbox or in a file. The log is the topic or the files of the settings,
    from the first record that is there, or --log; without it the finding speaks for itself, and what is missing is
    said. Settings, key and version have to be those that made it. Exit code 0: explained, and the same bit for bit
    where there was a log; 1: the log gives something else; 2: something has to be mended first.

    Example: probewatch explain 5d41402a --file alerts.ndjson --log monday.ndjson.zst --html explained.html
    """
    from monitor.console.explained.explaining import explained
    from monitor.console.explained.page import page
    from monitor.console.explained.text import lines, tree
    from monitor.runtime.keys import keys_or_open

    stored = revisions_of(finding, config, file)
    settings = loaded(config).settings
    with bytes_read() as show:
        told = explained(stored, settings, keys_or_open(settings.keys), logs, show)
    if html is not None:
        write_text(html, page(told))
    if json:
        write_json(tree(told))
    else:
        click.echo("\n".join(lines(told)))
    context.exit(1 if told.compared.verdict in ("differs", "absent") else 0)

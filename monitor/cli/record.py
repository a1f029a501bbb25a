"""`probewatch record`: what a record of a query looks like."""

from __future__ import annotations

import click

from monitor.cli.options import write_json


@click.group()
def command() -> None:
    """What a record of a query looks like.

    Example: probewatch record schema > record.schema.json
    """


@command.command()
def schema() -> None:
    """JSON Schema of a record.

    Example: probewatch record schema > record.schema.json
    """
    from monitor.record.schema import record_schema

    write_json(record_schema(), indent=True)


@command.command()
def page() -> None:
    """The page of the manual about records, in Markdown.

    Example: probewatch record page > record.md
    """
    from monitor.record.schema import record_page

    click.echo(record_page(), nl=False)

"""`probewatch config`: the settings in force, and what can be set."""

from __future__ import annotations

from pathlib import Path

import click

from monitor.cli.options import as_json, config_file, loaded, write_json


@click.group()
def command() -> None:
    """Show the settings in force, or what can be set.

    Example: probewatch config show --config probewatch.toml
    """


@command.command()
@config_file
@as_json
def show(config: Path | None, json: bool) -> None:
    """Every setting in force: value, where it was set, meaning. Secrets print as stars.

    Example: probewatch config show --config probewatch.toml
    """
    from monitor.config.load import show as effective
    from monitor.config.place import dotted

    rows = list(effective(loaded(config)))
    if json:
        for row in rows:
            write_json({"setting": dotted(row.path), "value": row.value, "origin": row.origin, "meaning": row.meaning})
        return
    for row in rows:
        click.echo(f"{click.style(dotted(row.path), bold=True)} = {_written(row.value)}  ({row.origin})")
        click.echo(f"    {row.meaning}")


@command.command()
def schema() -> None:
    """JSON Schema of the settings file, for editors.

    Example: probewatch config schema > probewatch.schema.json
    """
    from monitor.config.settings import Settings

    write_json(Settings.model_json_schema(), indent=True)


@command.command()
def page() -> None:
    """The settings page of the manual, in Markdown.

    Example: probewatch config page > settings.md
    """
    from monitor.config.page import settings_page

    click.echo(settings_page(), nl=False)


def _written(value: object) -> str:
    import orjson

    return "none" if value is None else value if isinstance(value, str) else orjson.dumps(value).decode()

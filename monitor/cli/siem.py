"""`probewatch siem`: what alerts need in Elasticsearch and Kibana."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from monitor.cli.options import as_json, config_file, loaded, write_json
from monitor.config.trouble import Trouble

if TYPE_CHECKING:
    from monitor.config.settings import Settings
    from monitor.config.sinks import ElasticsearchSettings


@click.group()
def command() -> None:
    """Prepare Elasticsearch and Kibana for alerts.

    Example: probewatch siem install --config probewatch.toml --dry-run
    """


@command.command()
@config_file
@click.option("--sink", help="Which sink of the settings; needed where several are Elasticsearch.")
@click.option(
    "--days",
    type=click.FloatRange(min=0, min_open=True),
    default=180.0,
    show_default=True,
    help="Days for which alerts are kept.",
)
@click.option("--dry-run", is_flag=True, help="Print the requests, in the form of Kibana's console, and send nothing.")
@click.option("--yes", is_flag=True, help="Send without asking.")
@click.option("--api-key", is_flag=True, help="Make an API key that may only write alerts, and print it once.")
@click.option("--lookup-key", is_flag=True, help="Make the key that looks alerts up, and print it once.")
@as_json
def install(
    config: Path | None,
    sink: str | None,
    days: float,
    dry_run: bool,
    yes: bool,
    api_key: bool,
    lookup_key: bool,
    json: bool,
) -> None:
    """Install the ingest pipeline, index template, roles and data stream of alerts.

    Safe to run again: what is there and the same is left alone, what somebody else has made under the same name is
    not overwritten.

    Example: probewatch siem install --config probewatch.toml --yes
    """
    from monitor.sinks import siem
    from monitor.sinks.client import connect

    own = chosen(loaded(config).settings, sink)
    wanted = siem.requests(own.namespace, days)
    wanted += [siem.api_key_request()] * api_key + [siem.lookup_key_request(ids_alone=True)] * lookup_key
    if dry_run:
        for request in wanted:
            click.echo("\n".join(siem.console(request)) + "\n")
        return
    if not yes:
        _ask([f"{request.method} {request.path}" for request in wanted], own.hosts)
    client = connect(own)
    try:
        for done in siem.install(client, own.namespace, days):
            if json:
                write_json({"what": done.request.what, "path": done.request.path, "result": done.result})
            else:
                click.echo(f"{done.result:10} {done.request.what}  {done.request.path}")
        if api_key:
            click.echo(siem.make_api_key(client))
        if lookup_key:
            key, ids_alone = siem.make_lookup_key(client)
            click.echo(key)
            if not ids_alone:
                click.echo("this licence knows no security of fields: the look-up key can read alerts", err=True)
    finally:
        client.close()


def _ask(wanted: list[str], hosts: tuple[str, ...]) -> None:
    if not sys.stdin.isatty():
        raise Trouble(
            what="nobody is there to be asked", where="probewatch siem install", mend="give --dry-run or --yes"
        )
    click.echo("\n".join(wanted))
    click.confirm(f"Send these to {', '.join(hosts)}?", abort=True)


def chosen(settings: Settings, name: str | None) -> ElasticsearchSettings:
    """The Elasticsearch sink of that name, or the only one; Trouble where that is none."""
    from monitor.config.sinks import ElasticsearchSettings

    found = {key: one for key, one in settings.sinks.items() if isinstance(one, ElasticsearchSettings)}
    if name is None and len(found) == 1:
        return next(iter(found.values()))
    if name is not None and name in found:
        return found[name]
    what = f"no sink of Elasticsearch is called {name}" if name else f"{len(found)} sinks are of Elasticsearch"
    mend = f"give --sink {' or '.join(found)}" if found else 'write [sinks.NAME] with type = "elasticsearch"'
    raise Trouble(what=what, where="sinks", mend=mend)

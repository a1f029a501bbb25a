"""`probewatch feedback`: verdicts on findings, given here or fetched from Kibana."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from monitor.alerts.words import plain
from monitor.cli.options import as_json, config_file, loaded, write_json

if TYPE_CHECKING:
    from monitor.alerts.opinions import Word

_WORDS = ("true", "false", "benign", "duplicate")


class Verdicts(click.Group):
    """A group in which anything but the name of a command is a finding: `feedback FINDING VERDICT`."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is meant, and what is left for it."""
        known = not args or args[0] in self.commands or args[0].startswith("-")
        return super().resolve_command(ctx, args if known else ["give", *args])


@click.group(cls=Verdicts)
def command() -> None:
    """Say what became of a finding: true, false, benign or duplicate.

    Example: probewatch feedback 5d41402a false --reason "fairness audit of the credit team"
    """


@command.command()
@config_file
@click.argument("finding")
@click.argument("verdict", type=click.Choice(_WORDS))
@click.option("--reason", required=True, help="Why, in a sentence, without anybody's name.")
@click.option("--author", help="Who says so; default: the user of this process.")
@as_json
def give(config: Path | None, finding: str, verdict: Word, reason: str, author: str | None, json: bool) -> None:
    """Say what became of a finding. FINDING is the beginning of its id; `give` may be left out.

    true: an attack. false: no attack, the tests were wrong. benign: it does what the finding says, and may. duplicate:
    another finding tells it. The latest verdict counts, and no threshold moves by it: `feedback report` says what
    verdicts make of each test.

    Example: probewatch feedback give 5d41402a true --reason "key revoked, case 4711"
    """
    from monitor.runtime.audit import user
    from monitor.runtime.operator import noted, now, opened, opinion, reasoned
    from monitor.sinks.history import History
    from monitor.sinks.opinions import Opinions

    settings, why = loaded(config).settings, reasoned(reason)
    with opened(settings) as database:
        last = History(database).revisions(finding)[-1]
        made = opinion(last, verdict, why, author or user(), "command", now())
        noted(settings, "feedback", 1, "", {"finding": last.finding, "verdict": verdict})
        new = Opinions(database).add([made])
    if json:
        write_json(asdict(made) | {"new": bool(new)})
    else:
        click.echo(f"{last.finding[:12]}  {verdict}" + ("" if new else ", as before"))


@command.command("list")
@config_file
@click.option("--finding", help="Only of this finding; the beginning of its id.")
@as_json
def list_command(config: Path | None, finding: str | None, json: bool) -> None:
    """Every verdict, in the order in which they came.

    Example: probewatch feedback list --config probewatch.toml
    """
    from monitor.formats.native import moment
    from monitor.runtime.operator import opened
    from monitor.sinks.opinions import Opinions

    with opened(loaded(config).settings) as database:
        found = [one for one in Opinions(database).all() if one.finding.startswith(finding or "")]
    for one in found:
        if json:
            write_json(asdict(one) | {"at": moment(one.at)})
        else:
            said = f"{one.finding[:12]}  {one.word:9}  {moment(one.at)[:16]}Z  {one.family}  {one.author}: {one.reason}"
            click.echo(plain(said))


@command.command()
@config_file
@as_json
def report(config: Path | None, json: bool) -> None:
    """How the findings that each test led were judged, beside those that nobody has judged.

    Example: probewatch feedback report --config probewatch.toml
    """
    from monitor.alerts.opinions import by_test
    from monitor.runtime.operator import opened
    from monitor.sinks.opinions import Opinions

    with opened(loaded(config).settings) as database:
        found = by_test(Opinions(database).all())
    for one in found:
        if json:
            write_json(asdict(one) | {"right": one.right})
            continue
        counts = ", ".join(f"{count} {word}" for word, count in one.counts.items() if count)
        right = "" if one.right is None else f"; right in {one.right:.0%} of those judged"
        click.echo(f"{one.test or one.family}: {counts}{right}")


@command.command()
@config_file
@click.option("--sink", help="Which Elasticsearch sink of the settings; needed where there are several.")
@click.option("--index", help="Where Kibana keeps its alerts; default: .alerts-security.alerts-*.")
@click.option("--api-key", type=click.Path(path_type=Path), help="A file with a key that may read them.")
@as_json
def pull(config: Path | None, sink: str | None, index: str | None, api_key: Path | None, json: bool) -> None:
    """Fetch verdicts from Kibana: reasons for closing alerts, and their tags.

    Run it from time to time, from cron, say; what is known already changes nothing. Findings that this outbox does not
    know are counted and passed over: each host of a group asks for its own.

    Example: probewatch feedback pull --config probewatch.toml --api-key /etc/probewatch/reader
    """
    from monitor.cli.siem import chosen
    from monitor.config.secret import Secret
    from monitor.runtime.feedback import fetch
    from monitor.sinks.client import connect
    from monitor.sinks.workflow import ALERTS, Tally

    settings = loaded(config).settings
    own = chosen(settings, sink)
    if api_key is not None:
        own = own.model_copy(update={"api_key": Secret(file=api_key), "basic": None})
    client, tally = connect(own), Tally()
    try:
        new, known, strange = fetch(settings, client, index or ALERTS, tally)
    finally:
        client.close()
    tree = {"alerts": tally.alerts, "new": new, "known": known, "strange": strange, "silent": dict(tally.silent)}
    if json:
        write_json(tree)
        return
    click.echo(
        f"{tally.alerts} alerts in Kibana: {new} new verdicts, {known} known before, {strange} of other outboxes"
    )
    if tally.silent:
        waiting = ", ".join(f"{count} {status}" for status, count in sorted(tally.silent.items()))
        click.echo(f"without a verdict: {waiting}", err=True)

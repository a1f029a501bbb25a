"""`probewatch profile`: kinds of traffic, which of them have a name, and giving them one."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import click

from monitor.alerts.words import plain
from monitor.cli.alerts import from_file, revisions_of
from monitor.cli.options import as_json, config_file, loaded, write_json
from monitor.config.trouble import Trouble

if TYPE_CHECKING:
    from monitor.alerts.finding import Finding
    from monitor.alerts.silences import Named
    from monitor.config.settings import Settings

_SHOWN: Final = 5  # members and numbers of a kind that people are shown
_SETTINGS: Final = "the settings"  # who has named a kind that they name
_MOST: Final = 10_000  # findings that are looked through


@dataclass(slots=True)
class _Kind:
    """A kind of traffic of one model, with the findings about it, the newest first, and its name if it has one."""

    model: str
    code: str
    named: Named | None = None
    findings: list[Finding] = field(default_factory=list)

    def tree(self) -> dict[str, Any]:
        from monitor.formats.native import moment

        members = sorted({member for one in self.findings for member in one.members})
        tree: dict[str, Any] = {"model": self.model, "kind": self.code, "name": None}
        if self.named is not None:
            made = None if self.named.author == _SETTINGS else moment(self.named.made)
            tree |= {"name": self.named.name, "author": self.named.author, "reason": self.named.reason, "named": made}
        if self.findings:
            looks = self.findings[0].evidence[0].contributions if self.findings[0].evidence else ()
            tree |= {
                "since": moment(min(one.started for one in self.findings)),
                "last": moment(max(one.updated_at for one in self.findings)),
                "clients": max(int(one.labels.get("clients", len(one.members))) for one in self.findings),
                "members": members,
                "looks": {one.feature: {"value": one.value, "usual": one.usual} for one in looks},
                "findings": [one.finding for one in self.findings],
            }
        return tree


@click.group()
def command() -> None:
    """Kinds of traffic that the engine has met: list them, give them names.

    Example: probewatch profile list --config probewatch.toml
    """


@command.command("list")
@config_file
@click.option("--model", help="Only of this model.")
@as_json
def list_command(config: Path | None, model: str | None, json: bool) -> None:
    """What each kind looks like, who belongs to it, since when, and whether it has a name.

    From the findings of the novelty tier in the outbox, silenced ones included, and the names that were given.

    Example: probewatch profile list --model credit
    """
    found = [one for one in _kinds(loaded(config).settings) if model in (None, one.model)]
    for one in found:
        if json:
            write_json(one.tree())
        else:
            _write(one.tree())
    if not found and not json:
        click.echo("no new kind of traffic is known, and none has a name", err=True)


@command.command()
@config_file
@click.argument("finding")
@click.argument("name")
@click.option("--reason", required=True, help="What this traffic is, in a sentence, without anybody's name.")
@click.option("--author", help="Who says so; default: the user of this process.")
@as_json
def name(config: Path | None, finding: str, name: str, reason: str, author: str | None, json: bool) -> None:
    """Give the kind of traffic of a finding a NAME: no sink gets its novelty findings any more.

    FINDING is the beginning of the id of a finding of the novelty tier. A running daemon knows at once. Such findings
    stay in the outbox; evidence of attacks by clients of that kind is told as before.

    Example: probewatch profile name 5d41402a "nightly batch" --reason "scores all customers at 02:00"
    """
    from monitor.alerts.silences import Named
    from monitor.runtime.audit import user
    from monitor.runtime.operator import noted, now, opened, reasoned
    from monitor.sinks.silencing import Silencing

    settings, why = loaded(config).settings, reasoned(reason)
    last = revisions_of(finding, config, None)[-1]
    made = Named(last.model, reasoned(name), _code(last), author or user(), now(), why)
    with opened(settings) as database:
        noted(settings, "profile named", 1, "", {"finding": last.finding})
        Silencing(database).name(made)
    if json:
        write_json(asdict(made))
        return
    click.echo(f"{plain(made.name)}: novelty findings of this kind of traffic at {plain(made.model)} go to no sink")


@command.command()
@config_file
@click.argument("name")
@click.option("--model", required=True, help="The model, as the records have it.")
@as_json
def forget(config: Path | None, name: str, model: str, json: bool) -> None:
    """Forget the NAME of a kind of traffic: its next finding goes to the sinks again.

    Example: probewatch profile forget "nightly batch" --model credit
    """
    from monitor.runtime.operator import noted, opened
    from monitor.sinks.silencing import Silencing

    settings = loaded(config).settings
    with opened(settings) as database:
        noted(settings, "profile forgotten", 1, "", {})
        done = Silencing(database).unname(model, name)
    if not done:
        mend = "`probewatch profile list` shows names and models; one of the settings has to leave the settings"
        raise Trouble(what="no kind of that model has that name", where=plain(name), mend=mend)
    if json:
        write_json({"model": model, "name": name, "forgotten": done})
        return
    click.echo(f"{plain(name)}: forgotten")


@command.command()
@config_file
@from_file
@click.argument("finding")
@click.option("--name", required=True, help="What you call this kind of traffic.")
def settings(config: Path | None, file: BinaryIO | None, finding: str, name: str) -> None:
    """Print the lines of settings that name a kind for good, on every host.

    Named there, it raises no novelty finding at all, and findings about its clients carry the name.

    Example: probewatch profile settings 5d41402a --name "nightly batch" --file alerts.ndjson
    """
    last = revisions_of(finding, config, file)[-1]
    click.echo(f"[engine.known.{quoted(last.model)}.profiles]\n{quoted(name)} = {quoted(_code(last))}")


def _code(last: Finding) -> str:
    kind = last.labels.get("kind")
    if kind is None:
        mend = "name a finding of the novelty tier; `probewatch alerts list --family novelty` shows them"
        raise Trouble(what="that finding is not about a kind of traffic", where=last.finding, mend=mend)
    return kind


def _kinds(settings: Settings) -> Iterator[_Kind]:
    """Kinds of the outbox and names, by model, those that were heard last first."""
    from monitor.alerts.silences import near
    from monitor.runtime.operator import opened
    from monitor.sinks.history import History
    from monitor.sinks.silencing import Silencing

    with opened(settings) as database:
        names, found = Silencing(database).rules().kinds, History(database).latest(family="novelty", limit=_MOST)
    names = (*names, *_of_settings(settings))
    kinds: dict[tuple[str, str], _Kind] = {}
    for one in found:
        code = one.labels.get("kind")
        if code is not None:
            named = near(names, one.model, code)
            key = (one.model, code if named is None else named.code)
            kinds.setdefault(key, _Kind(*key, named)).findings.append(one)
    for named in names:
        kinds.setdefault((named.model, named.code), _Kind(named.model, named.code, named))
    yield from sorted(kinds.values(), key=lambda kind: kind.model)


def _of_settings(settings: Settings) -> Iterator[Named]:
    """The names that the settings give, which raise no findings at all."""
    from monitor.alerts.silences import Named

    for model, known in settings.engine.known.items():
        for name, code in known.profiles.items():
            yield Named(model, name, code, _SETTINGS, 0, "engine.known")


def _write(tree: dict[str, Any]) -> None:
    called = f"{tree['name']} ({tree['author']}: {tree['reason']})" if tree["name"] else "no name"
    click.echo(f"{plain(tree['model'])}  {plain(called)}")
    if "since" not in tree:
        click.echo("    no finding about it is left in the outbox")
        return
    others = f", and {tree['clients'] - _SHOWN} more" if tree["clients"] > _SHOWN else ""
    click.echo(f"    since {tree['since'][:19]}Z, last heard {tree['last'][:19]}Z, {tree['clients']} clients")
    click.echo(f"    members {', '.join(tree['members'][:_SHOWN])}{others}")
    for feature, told in list(tree["looks"].items())[:_SHOWN]:
        usual = "not known" if told["usual"] is None else f"{told['usual']:.4g}"
        click.echo(f"    {feature} = {told['value']:.4g}, usual {usual}")
    click.echo(f"    findings {', '.join(one[:12] for one in tree['findings'][:_SHOWN])}")


def quoted(text: str) -> str:
    """A basic string of TOML, on one line and without what could steer a terminal.

    >>> quoted('the "big" job\\x7f')
    '"the \\\\"big\\\\" job\\\\U0000007f"'
    """
    written = jsonlib.dumps(text, ensure_ascii=False)
    return "".join(char if char.isprintable() else f"\\U{ord(char):08x}" for char in written)

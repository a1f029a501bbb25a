"""`probewatch alerts`: the alerts of the outbox, or of a file in the native form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

import click

from monitor.alerts.words import plain
from monitor.cli.options import as_json, config_file, loaded, write_json
from monitor.config.trouble import Trouble

if TYPE_CHECKING:
    from monitor.alerts.finding import Finding, Status
    from monitor.alerts.opinions import Opinion
    from monitor.sinks.history import History

from_file: Final = click.option(
    "--file", type=click.File("rb"), help="Alerts in the native form, one a line, instead of the outbox; - is stdin."
)
_EVIDENCE: Final = 5  # lines of evidence that people are shown


@dataclass(frozen=True, slots=True)
class Said:
    """What stands beside findings: the latest verdict of each, by its id, and what has kept back revisions, by the id
    of the alert."""

    verdicts: Mapping[str, Opinion] = field(default_factory=dict)
    kept: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, config: Path | None, found: Sequence[Finding]) -> Said:
        """All that the outbox has of these."""
        from monitor.alerts.opinions import latest
        from monitor.runtime.operator import opened
        from monitor.sinks.opinions import Opinions
        from monitor.sinks.silencing import Silencing

        with opened(loaded(config).settings) as database:
            return cls(latest(Opinions(database).all()), Silencing(database).reasons(found))

    def tree(self, finding: Finding) -> dict[str, object]:
        """Both, for machines; nothing where there is nothing."""
        verdict, kept = self.verdicts.get(finding.finding), self.kept.get(finding.id)
        told: dict[str, object] = {} if verdict is None else {"verdict": asdict(verdict)}
        return told if kept is None else told | {"silenced": kept}


@click.group()
def command() -> None:
    """Look at alerts in the outbox or in a file.

    Example: probewatch alerts list --config probewatch.toml --status open
    """


@command.command("list")
@config_file
@from_file
@click.option("--model", help="Only of this model.")
@click.option("--family", help="Only of this attack family.")
@click.option("--status", type=click.Choice(["open", "updated", "closed"]), help="Only those that stand like this.")
@click.option("--silenced", is_flag=True, help="Those that were kept back from the sinks, and only those.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=100, show_default=True, help="The newest so many.")
@as_json
def list_command(
    config: Path | None,
    file: BinaryIO | None,
    model: str | None,
    family: str | None,
    status: Status | None,
    silenced: bool,
    limit: int,
    json: bool,
) -> None:
    """The latest revision of each finding, the newest first, with its verdict if it has one.

    Example: probewatch alerts list --file alerts.ndjson --family extraction
    """
    if file is None:
        found = _history(config).latest(model=model, family=family, status=status, silenced=silenced, limit=limit)
        write_list(found, json=json, said=Said.of(config, found))
        return
    wanted = {"model": model, "family": family, "status": status}
    latest = {finding.finding: finding for finding in sorted(read_alerts(file), key=lambda one: one.revision)}
    fits = [one for one in latest.values() if all(v in (None, getattr(one, k)) for k, v in wanted.items())]
    write_list(sorted(fits, key=lambda one: one.updated_at, reverse=True)[:limit], json=json)


@command.command()
@config_file
@from_file
@click.argument("alert")
@as_json
def show(config: Path | None, file: BinaryIO | None, alert: str, json: bool) -> None:
    """All revisions of one finding, and the evidence of the last. ALERT is the beginning of its id.

    Example: probewatch alerts show 5d41402a --file alerts.ndjson
    """
    revisions = revisions_of(alert, config, file)
    said = Said() if file is not None else Said.of(config, revisions)
    if json:
        write_list(revisions, json=True, said=said)
    else:
        _write_finding(revisions, said)


def revisions_of(alert: str, config: Path | None, file: BinaryIO | None) -> Sequence[Finding]:
    """All revisions of the finding whose id begins like that, of the outbox or of a file. Trouble where it is not
    exactly one."""
    if file is None:
        return _history(config).revisions(alert)
    start = alert.partition("-")[0]
    revisions = sorted(
        (one for one in read_alerts(file) if one.finding.startswith(start)), key=lambda one: (one.finding, one.revision)
    )
    names = {one.finding for one in revisions}
    if len(names) != 1:
        what = f"{len(names)} findings begin like that" if names else "no finding begins like that"
        raise Trouble(what=what, where=alert, mend="`probewatch alerts list` shows the ids; give more of one")
    return revisions


def _history(config: Path | None) -> History:
    from monitor.runtime.paths import outbox_path
    from monitor.sinks.database import Database
    from monitor.sinks.history import History

    path = outbox_path(loaded(config).settings)
    if not path.exists():
        raise Trouble(
            what="there is no outbox", where=str(path), mend="start `probewatch run`, or name a file with --file"
        )
    return History(Database(path))


def read_alerts(file: BinaryIO) -> Iterator[Finding]:
    """The findings of a file in the native form; Trouble with the line where one is none."""
    from monitor.formats.native import parse

    for number, line in enumerate(file, start=1):
        if line.strip():
            yield parse(line, f"{file.name}:{number}")


def write_list(found: Sequence[Finding], *, json: bool = False, said: Said | None = None) -> None:
    """One line for each finding, for people or for machines."""
    from monitor.formats.native import moment, render

    beside = Said() if said is None else said
    if json:
        for finding in found:
            write_json(render(finding) | beside.tree(finding))
        return
    for finding in found:
        verdict = beside.verdicts.get(finding.finding)
        judged = "" if verdict is None else f"  {verdict.word}"
        several = finding.labels.get("clients", str(len(finding.members)))
        who = finding.client or (finding.members[0] if several == "1" else f"{several} clients")
        if not finding.model:  # about the log, and about nobody
            who = f"{finding.lineage.topic}-{finding.lineage.partition}"
        click.echo(
            f"{finding.finding[:12]}  {finding.status:7}  {finding.severity:8}  {finding.risk:3.0f}  "
            f"{moment(finding.updated_at)[:19]}Z  {finding.family}  {plain(finding.model)}  {who}{judged}"
        )


def _write_finding(revisions: Sequence[Finding], said: Said) -> None:
    from monitor.formats.briefing import brief
    from monitor.formats.native import moment
    from monitor.formats.texts import cleaned

    last = cleaned(revisions[-1])
    told = brief(last)
    click.echo(f"{click.style(plain(last.title), bold=True)}\n{plain(last.reason)}\n")
    who = last.client or ", ".join(last.members)
    rows = (
        ("finding", last.finding),
        ("model", plain(last.model)),
        ("client", who),
        ("severity", f"{last.severity}, risk {last.risk:.0f}, e-value {last.evalue:.3g} against {last.budget:.3g}"),
        *((("nearest", plain(told.profile)),) if told.profile else ()),
        ("exposure", told.exposure),
        *(("timeline", line) for line in told.timeline),
        ("respond", told.response),
        ("doubt", f"A false alarm if: {told.false_alarm} {told.look}"),
        *(("check", line) for line in told.checks[1:]),
        ("log", told.lineage),
    )
    for name, value in rows:
        click.echo(f"{name:9} {value}")
    for evidence in sorted(last.evidence, key=lambda one: -one.evalue)[:_EVIDENCE]:
        click.echo(
            f"evidence  {evidence.detector}/{evidence.test} {evidence.strength:.2f}, e-value {evidence.evalue:.3g}"
        )
        for part in evidence.contributions:
            usual = "not known" if part.usual is None else f"{part.usual:.4g}"
            click.echo(f"          {part.feature} = {part.value:.4g}, usual {usual}")
    for one in revisions:
        kept = f", kept back by {said.kept[one.id]}" if one.id in said.kept else ""
        click.echo(f"revision  {one.revision} {one.status} {moment(one.updated_at)} {one.severity}{plain(kept)}")
        if one.change:
            click.echo(f"          {plain(one.change)}")
    verdict = said.verdicts.get(last.finding)
    if verdict is not None:
        click.echo(plain(f"verdict   {verdict.word}, {moment(verdict.at)}, {verdict.author}: {verdict.reason}"))

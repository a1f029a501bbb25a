"""`probewatch silence`: keeps findings back for a while, on purpose and on record."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from monitor.alerts.words import plain
from monitor.cli.options import as_json, config_file, loaded, write_json
from monitor.cli.times import length, moment
from monitor.config.trouble import Trouble

if TYPE_CHECKING:
    from monitor.alerts.silences import Matchers, Silence
    from monitor.config.settings import Settings
    from monitor.sinks.silencing import Silencing

_NAMED: Final = 5  # findings that a silence names
_LONGEST: Final = 366 * 86_400_000_000  # microseconds; what is always so belongs into the settings


@click.group()
def command() -> None:
    """Keep findings back for a while: planned tests, audits, what is known already.

    Example: probewatch silence list --config probewatch.toml
    """


@command.command()
@config_file
@click.option("--client", help="A client's name as it stands in the logs; - reads it from standard input.")
@click.option("--group", help="A group's name as it stands in the logs.")
@click.option("--pseudonym", help="A client as an alert shows it.")
@click.option("--finding", help="The client or clients of this finding; the beginning of its id.")
@click.option("--campaign", help="A finding about several clients, and whatever its members do.")
@click.option("--family", help="An attack family.")
@click.option("--model", help="A model, as the records have it.")
@click.option("--reason", required=True, help="Why, in a sentence, without anybody's name.")
@click.option("--author", help="Who wishes it; default: the user of this process.")
@click.option("--start", callback=moment, help="From when on; default: now.")
@click.option("--end", callback=moment, help="Until when.")
@click.option("--for", "length", callback=length, help="For how long, such as 4h or 7d, instead of --end.")
@as_json
def add(config: Path | None, reason: str, author: str | None, json: bool, **given: Any) -> None:
    """Keep back findings that fit everything that is given, from --start until --end.

    Findings are made all the same and stay in the outbox (`alerts list --silenced`); no sink gets them. Times are those
    of the records. A running daemon knows at once; each host of a group has an outbox of its own. Raw names become
    pseudonyms before they are kept.

    Example: probewatch silence add --model credit --family attribute-inference --for 4h --reason "fairness audit"
    """
    from monitor.alerts.silences import Silence
    from monitor.runtime.audit import user
    from monitor.runtime.operator import noted, now, opened, reasoned
    from monitor.runtime.quiet import page
    from monitor.sinks.silencing import Silencing

    settings, why = loaded(config).settings, reasoned(reason)
    start, end = _window(now(), given["start"], given["end"], given["length"])
    epoch, matchers = _matchers(settings, given)
    who, name = reasoned(author) if author else user(), secrets.token_hex(4)
    made = Silence(name, matchers, start, end, why, who, now(), epoch)
    with opened(settings, make=True) as database:
        silencing = Silencing(database)
        about = {"silence": made.id, "by": sorted(matchers.given), "start": start, "end": end}
        noted(settings, "silence added", 1, epoch, about)
        silencing.add(made)
        would = _would(made, settings, silencing)
        if json:
            write_json(page(made, made.state(now()), silencing) | asdict(would))
            return
    click.echo(f"{made.id}  {_line(made)}")
    click.echo(f"fits {would.fits:,} of the {would.known:,} findings of the outbox, its time aside", err=True)
    if made.state(now()) == "over":
        click.echo("\n".join(_past(made, would)), err=True)


@command.command("list")
@config_file
@click.option("--all", "every", is_flag=True, help="Also those that are over.")
@as_json
def list_command(config: Path | None, every: bool, json: bool) -> None:
    """Silences that count or will, with what each has kept back.

    Example: probewatch silence list --all --config probewatch.toml
    """
    from monitor.runtime.operator import now, opened
    from monitor.runtime.quiet import page
    from monitor.sinks.silencing import Silencing

    with opened(loaded(config).settings, make=True) as database:
        silencing = Silencing(database)
        for one in silencing.silences():
            if not every and one.state(now()) == "over":
                continue
            if json:
                write_json(page(one, one.state(now()), silencing))
            else:
                click.echo(f"{one.id}  {_line(one, silencing)}")


@command.command()
@config_file
@click.option("--deliver", is_flag=True, help="Give what it has kept back to the sinks, the latest of each finding.")
@click.argument("silence")
@as_json
def expire(config: Path | None, deliver: bool, silence: str, json: bool) -> None:
    """End a silence now. SILENCE is the beginning of its id.

    Example: probewatch silence expire 3fa2 --deliver
    """
    from monitor.runtime.operator import noted, now, opened
    from monitor.runtime.quiet import page
    from monitor.sinks.silencing import Silencing

    settings = loaded(config).settings
    with opened(settings) as database:
        silencing = Silencing(database)
        found = silencing.find(silence)
        if deliver and not settings.sinks:
            mend = "name settings with sinks, or expire it without --deliver: the findings stay in the outbox"
            raise Trouble(what="there is no sink to give them to", where="sinks", mend=mend)
        noted(settings, "silence expired", 1, found.key_epoch, {"silence": found.id, "delivered": deliver})
        ended, kept = silencing.expire(found, now()), silencing.kept(f"silence:{found.id}")
        named = silencing.findings(f"silence:{found.id}")
        given = silencing.release(f"silence:{found.id}", list(settings.sinks)) if deliver else 0
        if json:
            write_json(page(ended, "over", silencing) | {"delivered": given, "kept_back": named})
            return
    click.echo(f"{ended.id}  over: from {_span(ended)} it has kept back {kept.findings} findings{_listed(named)}")
    if deliver:
        click.echo(f"{given} of them go to the sinks now")


@command.command()
@config_file
@click.argument("finding")
@as_json
def why(config: Path | None, finding: str, json: bool) -> None:
    """Say what keeps a finding back, or why nothing does. FINDING is the beginning of its id.

    Example: probewatch silence why 5d41402a --config probewatch.toml
    """
    from monitor.runtime.operator import opened
    from monitor.sinks.history import History
    from monitor.sinks.silencing import Silencing

    with opened(loaded(config).settings) as database:
        silencing, last = Silencing(database), History(database).revisions(finding)[-1]
        rules, kept = silencing.rules(), silencing.reasons([last]).get(last.id)
    misses = {one.id: one.misses(last) for one in rules.silences}
    if json:
        tree = {"alert": last.id, "kept_back": kept, "next": rules.why(last), "misses": misses}
        write_json(tree)
        return
    click.echo(f"{last.id}  " + (f"kept back by {kept}" if kept else "went to the sinks"))
    click.echo(f"its next revision: {'kept back by ' + named if (named := rules.why(last)) else 'goes to the sinks'}")
    for one in rules.silences:
        if misses[one.id]:
            click.echo(f"{one.id}  does not fit: {', '.join(misses[one.id])}")


def _window(now: int, start: int | None, end: int | None, lasts: int | None) -> tuple[int, int]:
    begins = now if start is None else start
    if (end is None) == (lasts is None):
        raise Trouble(what="a silence needs one end", where="--end, --for", mend="give one of the two: --for 4h, say")
    ends = end if end is not None else begins + (lasts or 0)
    if not begins < ends <= begins + _LONGEST:
        what = "it ends before it begins" if ends <= begins else "it lasts longer than a year"
        raise Trouble(what=what, where="--start, --end", mend="give an end that is after the start, within a year")
    return begins, ends


def _matchers(settings: Settings, given: dict[str, Any]) -> tuple[str, Matchers]:
    """The epoch of the key that was needed, if any, and the matchers with pseudonyms in the place of names."""
    from detectors.taxonomy import FAMILIES
    from monitor.alerts.silences import Matchers

    if sum(given[name] is not None for name in ("client", "pseudonym", "finding")) > 1:
        mend = "give one of --client, --pseudonym and --finding"
        raise Trouble(what="a silence is about one client", where="probewatch silence add", mend=mend)
    if given["family"] not in (None, *FAMILIES):
        raise Trouble(what="no such family", where="--family", mend=f"there is {', '.join(FAMILIES)}")
    epoch, who = _pseudonyms(settings, given)
    who |= _of_findings(settings, given)
    found = Matchers(**{"family": given["family"], "model": given["model"], **who})
    if not found.given:
        mend = "say of whom or what: --client, --group, --family, --model, --campaign, --finding"
        raise Trouble(what="that would keep back everything", where="probewatch silence add", mend=mend)
    return epoch, found


def _pseudonyms(settings: Settings, given: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    from monitor.record.pseudonyms import read, text
    from monitor.runtime.keys import keys_of

    epoch, who = "", dict[str, Any]()
    if given["pseudonym"] is not None:
        try:
            who["client"] = text(read(given["pseudonym"]))
        except ValueError as problem:
            mend = "copy it from an alert, or give the name with --client"
            raise Trouble(what=str(problem), where="--pseudonym", mend=mend) from None
    for sort in ("client", "group"):
        name = sys.stdin.readline().rstrip("\r\n") if given[sort] == "-" else given[sort]
        if name:
            keys = keys_of(settings.keys)
            epoch, who[sort] = keys.epoch, text(getattr(keys.names, sort)(name))
    return epoch, who


def _of_findings(settings: Settings, given: dict[str, Any]) -> dict[str, Any]:
    """What the findings that are named bring with them: their client, or a campaign and its members."""
    from monitor.runtime.operator import opened
    from monitor.sinks.history import History

    name = given["finding"] or given["campaign"]
    if name is None:
        return {}
    with opened(settings) as database:
        last = History(database).revisions(name)[-1]
    if last.members:
        new = {"family": last.family} if last.tier == "novelty" else {}  # attacks of its members are told all the same
        return {"campaign": last.finding, "members": last.members} | new
    if given["campaign"]:
        mend = "name a finding with members, or its client with --finding"
        raise Trouble(what="that finding is about one client", where="--campaign", mend=mend)
    return {"client": last.client}


@dataclass(frozen=True, slots=True)
class _Would:
    """What a silence has to do with the findings of the outbox: how many fit, its time aside, how many of those lie in
    its time and are kept back or went to sinks before it was made, and how many there are."""

    fits: int
    kept_back: int
    told: int
    known: int


def _would(silence: Silence, settings: Settings, silencing: Silencing) -> _Would:
    from monitor.runtime.operator import opened
    from monitor.sinks.history import History

    with opened(settings) as database:
        known = History(database).latest(limit=10_000)
    within = [one for one in known if not silence.misses(one)]
    kept = len(silencing.reasons(within))
    fits = sum(not list(silence.matchers.misses(one)) for one in known)
    return _Would(fits, kept, len(within) - kept, len(known))


def _past(made: Silence, would: _Would) -> Iterator[str]:
    """What a silence does whose time is over when it is made."""
    yield f"its time is over: it is about records from {_span(made)}"
    yield "and keeps back findings of that time that are made from now on, where a log is read late or again"
    if would.told or would.kept_back:
        kept = f"; {would.kept_back:,} are kept back by something else" if would.kept_back else ""
        yield f"of that time, {would.told:,} went to the sinks before it was made, and stay there{kept}"


def _span(one: Silence) -> str:
    from monitor.formats.native import moment as written

    return f"{written(one.start)[:16]}Z to {written(one.end)[:16]}Z"


def _listed(findings: Sequence[str]) -> str:
    """The first few of them."""
    more = f" and {len(findings) - _NAMED} more" if len(findings) > _NAMED else ""
    return f": {', '.join(one[:12] for one in findings[:_NAMED])}{more}" if findings else ""


def _line(one: Silence, silencing: Silencing | None = None) -> str:
    from monitor.runtime.operator import now

    asked = " ".join(f"{name}={value}" for name, value in one.matchers.given.items())
    kept = "" if silencing is None else f"  kept back {silencing.kept(f'silence:{one.id}').findings}"
    return plain(f"{one.state(now()):7}  {_span(one)}  {asked}  {one.author}: {one.reason}{kept}")

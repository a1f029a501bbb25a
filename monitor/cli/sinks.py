"""`probewatch sinks`: where alerts go, and whether they would arrive."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from detectors.taxonomy import FAMILIES
from monitor.alerts.finding import RANKS
from monitor.cli.options import as_json, config_file, loaded, write_json
from monitor.config.trouble import Trouble

if TYPE_CHECKING:
    from monitor.config.settings import Settings
    from monitor.config.sinks import SinkSettings
    from monitor.sinks.outbox import Outbox

_WORDS: Final = {"retry": "not delivered, and worth another attempt", "refused": "refused", "hold": "not delivered"}


@click.group()
def command() -> None:
    """Look at the sinks of the settings, and send a test through one.

    Example: probewatch sinks test soc --config probewatch.toml
    """


@command.command("list")
@config_file
@as_json
def list_command(config: Path | None, json: bool) -> None:
    """Every sink: what it gets, what it may be told, and what waits for it.

    Example: probewatch sinks list --config probewatch.toml
    """
    settings = loaded(config).settings
    with _outbox(settings) as outbox:
        for name, section in settings.sinks.items():
            row = _row(name, section) | ({} if outbox is None else _state(name, outbox))
            if json:
                write_json(row)
            else:
                click.echo("  ".join(_said(row)))


@command.command()
@config_file
@click.argument("name")
@click.option("--family", type=click.Choice(sorted(FAMILIES)), default="inversion", show_default=True, help="Of which.")
@click.option(
    "--severity", type=click.Choice(RANKS), default="low", show_default=True, help="How severe it says it is."
)
@as_json
@click.pass_context
def test(context: click.Context, config: Path | None, name: str, family: str, severity: Any, json: bool) -> None:
    """Send one finding that says it is a test through the sink NAME, and read it back where that can be done.

    The route is not asked, so that the way itself is tried; what may not be told is withheld. Alertmanager and
    PagerDuty are told its end at once. Exit code 0: it has arrived; 1: it has not, and the reason is told; 2: it
    cannot be tried.

    Example: probewatch sinks test soc --family extraction --config probewatch.toml
    """
    from monitor.sinks.build import build_policies, build_sinks
    from monitor.sinks.trial import OPENS, sample, try_out

    section = _section(loaded(config).settings, name)
    [sink] = build_sinks({name: section})
    try:
        policy = build_policies({name: section})[name]
        trial = try_out(sink, policy, sample(family, severity, time.time()), close=section.type in OPENS)
    finally:
        sink.close()
    arrived = trial.outcome.verdict == "delivered"
    reason = "" if arrived else trial.outcome.reason
    if json:
        told = {"verdict": trial.outcome.verdict, "reason": reason, "read_back": trial.read_back}
        row = {"sink": name, "type": section.type, "id": trial.id, "closed": trial.closed} | told
        write_json(row, err=section.type == "stdout")
    else:
        said = [_WORDS.get(trial.outcome.verdict, "delivered") + (f": {reason}" if reason else ""), trial.read_back]
        said.append("closed again" if trial.closed else "")
        click.echo("; ".join([f"{name}: test finding {trial.id}", *filter(None, said)]), err=section.type == "stdout")
    context.exit(0 if arrived else 1)


def _section(settings: Settings, name: str) -> SinkSettings:
    if name not in settings.sinks:
        there = f"there are {', '.join(settings.sinks)}" if settings.sinks else "write [sinks.NAME] with a `type`"
        raise Trouble(what="there is no sink of that name", where="sinks", mend=there)
    return settings.sinks[name]


def _row(name: str, section: SinkSettings) -> dict[str, Any]:
    """What the settings say of a sink, without any address."""
    route = section.route.model_dump(mode="json", exclude_defaults=True)
    row: dict[str, Any] = {"name": name, "type": section.type, "route": route or "everything"}
    row["tell"] = list(section.tell)
    if section.repeat_minutes:
        row["repeat_minutes"] = section.repeat_minutes
    if section.per_minute is not None:
        row |= {"per_minute": section.per_minute, "over": section.over}
    return row


def _said(row: dict[str, Any]) -> Iterator[str]:
    """The same for people."""
    route = row["route"]
    yield from (f"{row['name']:12}", f"{row['type']:13}")
    yield route if isinstance(route, str) else "; ".join(f"{key} {_listed(value)}" for key, value in route.items())
    yield f"tells {_listed(row['tell']) or 'no part that can be withheld'}"
    if "repeat_minutes" in row:
        yield f"again after {row['repeat_minutes']:g} minutes"
    if "per_minute" in row:
        yield f"{row['per_minute']} a minute, {row['over']}s more"
    if "waiting" in row:
        yield f"{row['waiting']} wait"
    if "held" in row:
        yield f"held: {row['held']}"


def _listed(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _state(name: str, outbox: Outbox) -> dict[str, Any]:
    held = outbox.held(name)
    return {"waiting": outbox.waiting(name)} | ({} if held is None else {"held": held[1]})


@contextmanager
def _outbox(settings: Settings) -> Iterator[Outbox | None]:
    """The outbox of a daemon that has run here; None where there is none."""
    from monitor.runtime.paths import outbox_path
    from monitor.sinks.outbox import Outbox

    path = outbox_path(settings)
    if not path.exists():
        yield None
        return
    with closing(Outbox(path, list(settings.sinks), settings.outbox)) as outbox:
        yield outbox

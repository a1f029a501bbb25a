"""`probewatch dead-letters`: what could not be read or delivered, and giving refused alerts back to their sinks."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from monitor.cli.options import as_json, config_file, loaded, write_json
from monitor.config.trouble import Trouble

if TYPE_CHECKING:
    from monitor.config.settings import Settings
    from monitor.sinks.deadletters import DeadLetter
    from monitor.sinks.outbox import Outbox

_SHOWN: Final = ("topic", "partition", "offset", "size", "sink", "alert")


@click.group()
def command() -> None:
    """Look at what could not be read or delivered.

    Example: probewatch dead-letters list --config probewatch.toml
    """


@command.command("list")
@config_file
@click.option("--kind", type=click.Choice(["record", "alert"]), help="Only records that could not be read, or alerts.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=100, show_default=True, help="The newest so many.")
@as_json
def list_command(config: Path | None, kind: str | None, limit: int, json: bool) -> None:
    """The newest dead letters first: where each lay, and why it could not be used.

    Example: probewatch dead-letters list --kind record --limit 5
    """
    with closing(_outbox(loaded(config).settings)) as outbox:
        letters = outbox.dead_letters("record" if kind == "record" else "alert" if kind else None, limit=limit)
    for letter in letters:
        if json:
            write_json(asdict(letter))
        else:
            click.echo(_line(letter))


@command.command()
@config_file
@click.argument("number", type=int)
def show(config: Path | None, number: int) -> None:
    """The bytes of one record that could not be read, on standard output; a line in the audit log says that you asked.

    Only where `outbox.letters_key` was set when it came.

    Example: probewatch dead-letters show 17 > record.bin
    """
    from monitor.runtime.audit import append
    from monitor.runtime.paths import audit_path

    settings = loaded(config).settings
    with closing(_outbox(settings)) as outbox:
        append(audit_path(settings), datetime.now(UTC), "dead-letter", 1, "")
        content = outbox.letters.content(number)
    click.echo(content, nl=False)


@command.command()
@config_file
@click.option("--sink", help="Only those of this sink.")
@click.argument("numbers", type=int, nargs=-1)
@as_json
def replay(config: Path | None, sink: str | None, numbers: tuple[int, ...], json: bool) -> None:
    """Give refused alerts back to their sinks: all, those of one sink, or those with these NUMBERS.

    Example: probewatch dead-letters replay --sink search
    """
    with closing(_outbox(loaded(config).settings)) as outbox:
        count = outbox.letters.replay(sink, numbers or None)
    if json:
        write_json({"waiting": count})
    else:
        click.echo(f"{count} alerts wait for their sinks again")


def _outbox(settings: Settings) -> Outbox:
    from monitor.runtime.paths import outbox_path
    from monitor.sinks.outbox import Outbox

    path = outbox_path(settings)
    if not path.exists():
        raise Trouble(
            what="there is no outbox", where=str(path), mend="name the settings of a daemon that has run here"
        )
    return Outbox(path, list(settings.sinks), settings.outbox)


def _line(letter: DeadLetter) -> str:
    at = datetime.fromtimestamp(letter.at, UTC).isoformat(timespec="seconds")
    tree = asdict(letter)
    place = " ".join(f"{key} {tree[key]}" for key in _SHOWN if tree[key] is not None)
    said = (f"{letter.number:>6}", at, letter.reason, letter.detail, place, "bytes kept" if letter.kept else "")
    return "  ".join(part for part in said if part)

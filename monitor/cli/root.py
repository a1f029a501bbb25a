"""`probewatch`: the commands, each imported when it is asked for, and how errors reach people."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from types import MappingProxyType
from typing import Any, Final

import click

from monitor.config.trouble import Trouble, leaves

# our matrices are small: threads for them wait busily beside the one that works, and cost more than they save
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# name -> module in this package that holds `command`, and the line of the overview; importing them all just to list
# them would cost a second
COMMANDS: Final = MappingProxyType(
    {
        "run": ("run", "Watch the logs of the settings until told to stop."),
        "reload": ("reload", "Have the running daemon read its settings anew, as SIGHUP does."),
        "replay": ("replay", "Put recorded logs through the same engine, at full speed."),
        "learn": ("learn", "Learn from recorded traffic, so that a new start does not begin from nothing."),
        "top": ("top", "A running daemon at a glance: rate, lag, clients, findings, who is close to one."),
        "tap": ("tap", "Sampled records as the engine sees them: measures of sketches, no input and no name."),
        "status": ("status", "Say whether all is well in one screen, and what is still learning."),
        "check": ("check", "Check settings, keys, connections, and what each detector can see."),
        "alerts": ("alerts", "Look at alerts in the outbox or in a file."),
        "sinks": ("sinks", "Look at the sinks of the settings, and send a test through one."),
        "explain": ("explain", "Explain a finding: make it again from its log, and show what was seen."),
        "dead-letters": ("deadletters", "Look at what could not be read or delivered."),
        "feedback": ("feedback", "Say what became of a finding: true, false, benign or duplicate."),
        "silence": ("silence", "Keep findings back for a while: planned tests, audits, what is known already."),
        "profile": ("profile", "Kinds of traffic that the engine has met: list them, give them names."),
        "compare": ("compare", "Say what the shadow finds that is not in force, and the other way round."),
        "detectors": ("detectors", "List the detectors, or explain one."),
        "config": ("config", "Show the settings in force, or what can be set."),
        "fingerprint": ("fingerprint", "Make fingerprints of the records that a model was trained on."),
        "pseudonym": ("pseudonym", "Turn names into the pseudonyms that alerts carry."),
        "forget": ("forget", "Erase a client from state, snapshots and outbox."),
        "key": ("key", "Prepare another key of pseudonyms."),
        "audit": ("audit", "Check that nobody has changed the audit log."),
        "record": ("record", "What a record of a query looks like."),
        "siem": ("siem", "Prepare Elasticsearch or OpenSearch, and their dashboards, for alerts."),
        "test": ("test", "Run scenario files: traffic in, expected findings out."),
        "tune": ("tune", "Tune budgets on recorded traffic, and see what each change gives to an attacker."),
        "drill": ("drill", "Send a drill: marked, harmless records with the traces of an attack."),
        "completion": ("completion", "Print what a shell has to read to complete commands, options and choices."),
        "man": ("man", "Print the manual page, for man(1)."),
        "demo": ("demo", "Show a recorded attack day, end to end."),
    }
)


class Commands(click.Group):
    """Commands that are imported when they are asked for. A Trouble is printed without a traceback, exit code 2."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of the overview."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now; None where the name is not known."""
        if cmd_name not in COMMANDS:
            return None
        command = import_module(f"monitor.cli.{COMMANDS[cmd_name][0]}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The overview, from the table alone."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command; what a person can mend is printed on standard error."""
        if os.environ.get("NO_COLOR"):  # https://no-color.org
            ctx.color = False
        found: list[Trouble] = []
        try:
            return super().invoke(ctx)
        except* Trouble as group:
            found = list(leaves(group))
        for trouble in found:
            click.echo(f"{trouble}\n", err=True)
        return ctx.exit(2)


def _version() -> str:
    try:
        return version("probewatch")
    except PackageNotFoundError:
        return "not installed"


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version=_version(), prog_name="probewatch")
def root() -> None:
    """Watches the query logs of deployed models and names the clients that are probing them.

    Example: probewatch replay queries.ndjson --alerts -
    """


main: Callable[[], None] = root

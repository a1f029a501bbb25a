"""`probewatch man`: the manual page, made from the commands themselves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import click

EXITS: Final = {
    0: "done, or ended in order",
    1: "not as it should be: `run` lost a part and wants to be started anew; `audit verify` found a line that was"
    " changed; `forget` left something; a question was answered with no",
    2: "something has to be mended first: what, where and how is said on standard error; or a command was not"
    " understood",
    70: "`run`: a turn of the loop hung; start it anew",
}
VARIABLES: Final = {
    "PROBEWATCH_CONFIG": "the file of settings, where --config is not given",
    "PROBEWATCH__SECTION__KEY": "a setting, over the one in the file",
    "PROBEWATCH_KEY, PROBEWATCH_KEY_FILE": "the key behind pseudonyms and sketches, where the settings name none",
    "NO_COLOR": "set to anything but nothing: no colours and no bold, on terminals either",
}


@click.command()
def command() -> None:
    """Print the manual page, for man(1).

    Example: probewatch man > probewatch.1
    """
    from monitor.cli.root import root

    click.echo("\n".join(page(root)))


def page(root: click.Group) -> Iterator[str]:
    """The lines of the page, in the macros of man(7). It has no date, so that it changes with the commands alone."""
    yield from ('.TH PROBEWATCH 1 "" "probewatch" "User Commands"', ".ad l", ".SH NAME")
    yield "probewatch \\- names the clients that are probing deployed models"
    yield from (".SH SYNOPSIS", ".B probewatch", ".I COMMAND", "[\\fIOPTIONS\\fR] [\\fIARGUMENTS\\fR]")
    yield from (".SH DESCRIPTION", *_text(root.help or ""), ".SH COMMANDS")
    with click.Context(root, info_name="probewatch") as context:
        for name in root.list_commands(context):
            found = root.get_command(context, name)
            if found is not None:
                yield from _command(name, found)
    yield ".SH EXIT STATUS"
    for code, meaning in EXITS.items():
        yield from (".TP", f".B {code}", *_text(meaning))
    yield ".SH ENVIRONMENT"
    for name, meaning in VARIABLES.items():
        yield from (".TP", f".B {escaped(name)}", *_text(meaning))


def _command(name: str, found: click.Command) -> Iterator[str]:
    """A command with its options, and those below it."""
    if isinstance(found, click.Group):
        yield from (f".SS {escaped(name)}", *_text(found.help or ""))
        for inner, child in found.commands.items():
            yield from _command(f"{name} {inner}", child)
        return
    with click.Context(found, info_name=name) as context:
        usage = " ".join(piece for piece in found.collect_usage_pieces(context))
        yield from (f".SS {escaped(f'{name} {usage}')}", *_text(found.help or ""))
        for parameter in found.params:
            record = parameter.get_help_record(context)
            if record is not None:
                yield from (".TP", f".B {escaped(record[0])}", *_text(record[1]))


def _text(text: str) -> Iterator[str]:
    """Paragraphs; an example stands for itself."""
    for number, part in enumerate(text.split("\n\n")):
        plain = " ".join(part.split())
        if plain.startswith("Example: "):
            yield from (".PP", "Example:", ".PP", ".nf", f"    {escaped(plain.removeprefix('Example: '))}", ".fi")
        elif plain:
            yield from ((".PP", escaped(plain)) if number else (escaped(plain),))


def escaped(text: str) -> str:
    """Text that no macro reads anything into.

    >>> escaped(".it's --json"), escaped("a\\\\b")
    ("\\\\&.it's \\\\-\\\\-json", 'a\\\\eb')
    """
    plain = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{plain}" if plain.startswith((".", "'")) else plain

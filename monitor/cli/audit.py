"""`probewatch audit`: whether the audit log is as it was written."""

from __future__ import annotations

from pathlib import Path

import click

from monitor.cli.options import as_json, config_file, loaded, write_json


@click.group()
def command() -> None:
    """Check that nobody has changed the audit log.

    Example: probewatch audit verify --config probewatch.toml
    """


@command.command()
@config_file
@click.option("--file", type=click.Path(path_type=Path), help="The log; default: audit.log in the state folder.")
@click.option("--head", help="A head that was noted earlier, NUMBER:DIGEST: the log has to contain it.")
@as_json
@click.pass_context
def verify(context: click.Context, config: Path | None, file: Path | None, head: str | None, json: bool) -> None:
    """Follow the chain of the audit log: a line that was changed, removed or put elsewhere is found.

    Exit code 0: it is whole, 1: it is not. Note the head that is printed where nobody who can write the log can write
    as well, and give it next time: then a log whose end was cut off, or that was made anew, is found, too.

    Example: probewatch audit verify --config probewatch.toml
    """
    from monitor.config.trouble import Trouble
    from monitor.runtime import audit
    from monitor.runtime.paths import audit_path

    path = audit_path(loaded(config).settings) if file is None else file
    try:
        expected = None if head is None else audit.Head.read(head)
    except ValueError as problem:
        raise Trouble(what=str(problem), where="--head", mend="copy it from an earlier `audit verify`") from None
    found, broken = audit.verify(path, expected)
    if json:
        wrong = None if broken is None else {"line": broken.line, "what": broken.what}
        write_json({"whole": broken is None, "lines": found.lines, "head": str(found), "broken": wrong})
    elif broken is None:
        click.echo(f"{path}: whole, {found.lines} lines\nhead {found}")
    else:
        click.echo(f"{path}:{broken.line}: {broken.what}\nwhole up to line {found.lines}", err=True)
    context.exit(0 if broken is None else 1)

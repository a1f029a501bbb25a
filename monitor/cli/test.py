"""`probewatch test`: scenario files, traffic in and expected findings out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from monitor.cli.options import as_json, config_file, write_json, write_text
from monitor.config.trouble import Trouble


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="SCENARIO...")
@click.option("--junit", type=click.Path(path_type=Path, dir_okay=False), help="Write the results as JUnit XML, too.")
@click.option("--only", metavar="TEXT", help="Run the tests whose name contains this.")
@config_file
@as_json
@click.pass_context
def command(
    context: click.Context, files: Sequence[Path], junit: Path | None, only: str | None, config: Path | None, json: bool
) -> None:
    """Run scenario files: traffic in, expected findings out.

    A SCENARIO is a YAML or TOML file, or a folder of them (scenarios*.yaml, *.toml). Its traffic is recorded logs,
    records that stand in it, and drills; it says which client has to be named, as what, how severely and how soon, or
    that nobody may be. Exit code 0: all hold, 1: one does not, 2: something has to be mended first.

    Example: probewatch test scenarios.yaml --junit results.xml
    """
    from monitor.console.scenarios import report
    from monitor.console.scenarios.form import scenarios
    from monitor.console.scenarios.running import run

    chosen = [one for file in _files(files) for one in scenarios(file, config)]
    chosen = [one for one in chosen if only is None or only in one.test.name]
    if not chosen:
        raise Trouble(what="no test has such a name", where="--only", mend="leave it out, or give a part of a name")
    results = []
    for one in chosen:
        results.append(run(one))
        if json:
            write_json(report.tree(results[-1]))
        else:
            click.echo("\n".join(report.lines(results[-1])))
    if not json:
        click.echo(report.summary(results))
    if junit is not None:
        write_text(junit, report.junit(results))
    context.exit(1 if any(one.missed for one in results) else 0)


def _files(given: Sequence[Path]) -> list[Path]:
    """The scenario files; those of a folder, and of the folders in it, in the order of their names."""
    found: list[Path] = []
    for path in given:
        inside = [path]
        if path.is_dir():
            inside = sorted(file for end in ("yaml", "yml", "toml") for file in path.rglob(f"scenarios*.{end}"))
        if not inside:
            mend = "give the file, or name files scenarios.yaml or scenarios-OF-SOMETHING.yaml"
            raise Trouble(what="there is no scenario file in the folder", where=str(path), mend=mend)
        found += inside
    return found

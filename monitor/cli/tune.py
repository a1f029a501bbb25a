"""`probewatch tune`: which settings fit recorded traffic, and what each change gives to an attacker."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from monitor.cli.options import as_json, config_file, loaded, write_json, write_text
from monitor.cli.progress import bytes_read, steps
from monitor.config.trouble import Trouble

if TYPE_CHECKING:
    from monitor.console.tuning.tuned import Tuned


@click.command()
@click.argument("logs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="LOG...")
@click.option("--labels", type=click.Path(path_type=Path), help="Who attacks: a JSON object of raw names and families.")
@click.option("--drills", type=click.IntRange(0, 50), help="Drills of each family; default: 2, with --labels 0.")
@click.option("--grid", multiple=True, metavar="NAME=V,V", help="Try all combinations of these values instead.")
@click.option("--accept", type=click.FloatRange(0, min_open=True), help="False named findings; default: the budget.")
@click.option("--accept-novelty", type=click.FloatRange(0, min_open=True), help="The same for the novelty tier.")
@click.option("--jobs", type=click.IntRange(1, 256), help="Processes; default: one for each core.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("probewatch-tuning"),
    show_default=True,
    help="Where results are kept, so that an interrupted run goes on.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Another number lays the drills elsewhere.")
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), help="Write the report as a page, too.")
@click.option("--apply", is_flag=True, help="Write the recommended settings into --config, keeping its comments.")
@click.option("--loosen", is_flag=True, help="With --apply: also where an attacker gains by it.")
@config_file
@as_json
def command(
    logs: Sequence[Path],
    labels: Path | None,
    drills: int | None,
    grid: Sequence[str],
    accept: float | None,
    accept_novelty: float | None,
    jobs: int | None,
    folder: Path,
    seed: int,
    html: Path | None,
    apply: bool,
    loosen: bool,
    config: Path | None,
    json: bool,
) -> None:
    """Tune budgets on recorded traffic, and see what each change gives to an attacker.

    A LOG is a file or a folder, as for `replay`. It is replayed under many settings, with drills laid among it where
    nobody has labelled it: findings per 1,000 clients a day, attackers named and how soon, what the budget promised and
    what came, day by day. Nothing is written without --apply, and nothing that helps an attacker without --loosen.

    Example: probewatch tune last-week/ --config probewatch.toml --html tuning.html
    """
    from monitor.console.tuning import text
    from monitor.console.tuning.keeping import Kept
    from monitor.console.tuning.page import page
    from monitor.console.tuning.plan import read_grid
    from monitor.console.tuning.traffic import read_labels, traffic
    from monitor.console.tuning.tuned import Wish, tree, tune
    from monitor.runtime.keys import keys_or_open

    settings, wanted = loaded(config).settings, read_grid(grid)
    if apply:
        _check(config)
    keys = keys_or_open(settings.keys)
    known = {} if labels is None else read_labels(labels, keys)
    each = drills if drills is not None else 2 if labels is None else 0
    with bytes_read() as show:
        found = traffic(logs, settings, keys, known, each, seed, show)
    wish = Wish(wanted, accept or settings.engine.budget, accept_novelty or settings.engine.novelty_budget)
    with steps("replaying") as told:
        tuned = tune(found, settings, keys, wish, Kept(folder), jobs or os.cpu_count() or 1, told)
    if html is not None:
        write_text(html, page(tuned))
    if json:
        write_json(tree(tuned))
    else:
        click.echo("\n".join(text.lines(tuned)))
    if tuned.lines and config is not None:
        _edit(tuned, config, apply=apply, loosen=loosen, json=json)


def _check(config: Path | None) -> None:
    """Before an hour of work: whether its result could be written."""
    from monitor.console.tuning.applying import read

    if config is None:
        mend = "name the file with --config"
        raise Trouble(what="there is no settings file to write into", where="--apply", mend=mend)
    read(config)


def _edit(tuned: Tuned, config: Path, *, apply: bool, loosen: bool, json: bool) -> None:
    """Shows the difference, and writes it where that is wished."""
    from monitor.console.tuning import applying

    if config.suffix != ".toml":
        return
    before = applying.read(config)
    after = applying.edited(before, tuned.changes, str(config))
    if not json:
        click.echo("\n" + "\n".join(applying.difference(before, after, str(config))))
    if not apply:
        return
    if tuned.loosens and not loosen:
        mend = "give --loosen if that is worth it to you"
        raise Trouble(what="an attacker gains by these settings; nothing was written", where=str(config), mend=mend)
    applying.write(config, after)
    click.echo(f"written to {config}", err=json)

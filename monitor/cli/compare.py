"""`probewatch compare`: what would change if the shadow were in force."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from monitor.cli.alerts import read_alerts, write_list
from monitor.cli.options import as_json, config_file, loaded, write_json
from monitor.config.trouble import Trouble

if TYPE_CHECKING:
    from monitor.alerts.finding import Finding
    from monitor.alerts.opinions import Opinion
    from monitor.config.settings import Settings


@click.command()
@config_file
@click.option("--live", type=click.File("rb"), help="Findings in the native form, instead of those of the outbox.")
@click.option("--other", type=click.File("rb"), help="Findings to compare with, instead of those of the shadow.")
@as_json
def command(config: Path | None, live: BinaryIO | None, other: BinaryIO | None, json: bool) -> None:
    """Say what the shadow finds that is not in force, and the other way round.

    Findings are the same where model, family and client (or members, or kind of traffic) are. Compared is what was
    raised since the shadow began; it learns for itself, and says less while it does.

    Example: probewatch compare --live monday.ndjson --other monday-new.ndjson
    """
    from monitor.runtime.comparing import compared

    settings = loaded(config).settings
    since, beside = (0, list(read_alerts(other))) if other is not None else _shadow(settings)
    known, verdicts = (list(read_alerts(live)), {}) if live is not None else _outbox(settings, since)
    found = compared(known, beside, since)
    tree = found.tree(verdicts)
    if json:
        names = {
            "gone_findings": [one.finding for one in found.gone],
            "new_findings": [one.finding for one in found.new],
        }
        write_json(tree | names)
        return
    click.echo(f"{tree['both']} findings in both, {tree['graver']} of them graver, {tree['milder']} milder,", nl=False)
    click.echo(f" {tree['sooner']} sooner, {tree['later']} later")
    for name, of, about in (("new", found.new, "only in the shadow"), ("gone", found.gone, "only in force")):
        tests = ", ".join(f"{count} {test}" for test, count in tree[f"{name}_by_test"].items())
        click.echo(f"\n{len(of)} {about}" + (f": {tests}" if tests else ""))
        write_list(of)
    if tree["gone_judged"]:
        said = ", ".join(f"{count} {word}" for word, count in tree["gone_judged"].items())
        click.echo(f"\nof those only in force people have called {said}")


def _shadow(settings: Settings) -> tuple[int, list[Finding]]:
    from monitor.runtime.shadow import About, shadow_folder, told

    place = shadow_folder(settings)
    about = About.read(place)
    if about is None:
        mend = "write [shadow] into the settings, start the daemon anew, and let it read for a while"
        raise Trouble(what="nothing has run in the shadow here", where=str(place), mend=mend)
    return about.since, list(told(place))


def _outbox(settings: Settings, since: int) -> tuple[list[Finding], dict[str, Opinion]]:
    from monitor.alerts.opinions import latest
    from monitor.runtime.operator import opened
    from monitor.sinks.history import History
    from monitor.sinks.opinions import Opinions

    with opened(settings) as database:
        return History(database).latest(since=since, limit=1_000_000), latest(Opinions(database).all())

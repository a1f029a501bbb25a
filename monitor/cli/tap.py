"""`probewatch tap`: a sample of records as the engine sees them."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import click

from monitor.alerts.words import plain
from monitor.cli.options import as_json, config_file, loaded, write_json


@click.command()
@config_file
@click.option("--records", type=click.IntRange(1, 1_000), default=20, show_default=True, help="How many, at most.")
@click.option("--seconds", type=click.FloatRange(0.1, 30), default=5.0, show_default=True, help="How long to wait.")
@click.option("--model", help="Only of this model.")
@as_json
def command(config: Path | None, records: int, seconds: float, model: str | None, json: bool) -> None:
    """Sampled records as the engine sees them: measures of sketches, no input and no name.

    Of what goes by from now on, a few records of each batch. A line in the audit log says that you looked, as
    pseudonyms are shown.

    Example: probewatch tap --records 5 --model credit --json
    """
    from monitor.runtime.operator import noted
    from monitor.runtime.running import found, page

    settings = loaded(config).settings
    found(settings)
    noted(settings, "tap", records, "", {})
    asked = {"records": records, "seconds": seconds} | ({} if model is None else {"model": model})
    rows = page(settings, f"/tap?{urlencode(asked)}", timeout=seconds + 10)
    for row in rows:
        if json:
            write_json(row)
        else:
            click.echo(plain(_line(row)))
    if not rows:
        click.echo(f"no record went by in {seconds:g} seconds", err=True)


def _line(row: dict[str, Any]) -> str:
    told = {name: f"{value:g}" if isinstance(value, float) else str(value) for name, value in row["input"].items()}
    given = {f"output.{name}": f"{value:g}" for name, value in row["output"].items() if name != "labelled"}
    parts = " ".join(f"{name}={value}" for name, value in (told | given).items())
    place = f"{row['partition']}:{row['offset']}"
    wished = f" asks {','.join(row['request'])}" if row["request"] else ""
    return f"{row['time'][:19]}Z  {place}  {row['model']}  {row.get('client', '-')}  {parts}{wished}"

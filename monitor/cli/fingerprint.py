"""`probewatch fingerprint`: training data in, a keyed filter of its records out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from monitor.cli.options import as_json, config_file, loaded, write_json
from monitor.cli.progress import bytes_read

if TYPE_CHECKING:
    from detectors.sketch.fingerprints import Fingerprints
    from monitor.runtime.training import Gathered


@click.command()
@click.argument("training", type=click.Path(path_type=Path), metavar="TRAINING")
@click.option("--model", required=True, help="The model's name, as the records have it.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Write the fingerprints here.")
@click.option("--text", multiple=True, metavar="COLUMN", help="Of a CSV file: texts, though they look like numbers.")
@click.option("--without", multiple=True, metavar="COLUMN", help="Of a CSV file: what the model is never sent.")
@click.option("--vector", is_flag=True, help="Of a CSV file: rows are sent as vectors, in this order.")
@click.option("--array", metavar="NAME", help="Of an npz file: the array with the records, if there are several.")
@config_file
@as_json
def command(
    training: Path,
    model: str,
    out: Path,
    text: tuple[str, ...],
    without: tuple[str, ...],
    vector: bool,
    array: str | None,
    config: Path | None,
    json: bool,
) -> None:
    """Make fingerprints of the records that a model was trained on.

    TRAINING is a table (.csv), records or inputs in JSON, one a line (.ndjson), or an array (.npz). The file that comes
    out holds bits that only the key can read, and no value. Name it in the settings: engine.known.MODEL.fingerprints.

    Example: probewatch fingerprint train.csv --model credit --without outcome --out credit.fingerprints
    """
    from monitor.record.limits import Limits
    from monitor.runtime.fingerprints import digest_of, write
    from monitor.runtime.keys import OPEN_KEYS, keys_or_open, sketches_name
    from monitor.runtime.training import Wish, gather

    settings = loaded(config).settings
    keys = keys_or_open(settings.keys)
    if keys is OPEN_KEYS:
        click.echo("no key is given: the fingerprints come from a key that everybody knows", err=True)
    wish = Wish(text=frozenset(text), without=frozenset(without), vector=vector, array=array)
    with bytes_read() as show:
        found = gather(training, model, keys, Limits.of(settings.records), wish, show)
    made = found.collection.finished()
    content = made.packed(keys.sketches, sketches_name(keys), model)
    write(out, content)
    if json:
        write_json(_numbers(made, found, len(content), digest_of(content)))
    else:
        _tell(made, found, len(content), out, model)


def _numbers(made: Fingerprints, found: Gathered, size: int, digest: str) -> dict[str, object]:
    return {
        "records": made.records,
        "hashes": made.hashes,
        "bytes": size,
        "by_chance": round(made.by_chance, 6),
        "other_models": found.others,
        "columns": found.columns,
        "digest": digest,
    }


def _tell(made: Fingerprints, found: Gathered, size: int, out: Path, model: str) -> None:
    click.echo(f"{made.records:,} training records, {made.hashes:,} hashes, {size:,} bytes in {out}")
    click.echo(f"found by chance: {made.by_chance:.3%} of other records")
    if found.others:
        click.echo(f"passed over: {found.others:,} records of other models")
    for kind in dict.fromkeys(found.columns.values()):
        names = [name for name, of in found.columns.items() if of == kind]
        click.echo(f"{kind}: {', '.join(names)}")
    click.echo(f"\n[engine.known.{_quoted(model)}]\nfingerprints = {_quoted(str(out), always=True)}")


def _quoted(text: str, *, always: bool = False) -> str:
    """A key or string of TOML."""
    bare = text.isascii() and text.replace("-", "").replace("_", "").isalnum()
    return text if bare and not always else '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

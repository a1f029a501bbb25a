"""`probewatch check`: whether everything that the daemon needs is there, and what each detector can see."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from monitor.alerts.words import plain
from monitor.cli.options import as_json, config_file, loaded, write_json

if TYPE_CHECKING:
    from detectors.sketch.queries import Queries
    from monitor.config.settings import Settings
    from monitor.record.raw import RawBatch
    from monitor.runtime.checks import Checked
    from monitor.runtime.sight import Blindness, Sight
    from monitor.runtime.soundness import Sample

_MARKS: Final = {"good": "ok", "doubtful": "hm", "bad": "!!"}
_SAMPLE: Final = 20_000  # records of a sample that are looked at


@click.command()
@config_file
@click.option("--offline", is_flag=True, help="Connect to nothing.")
@click.option(
    "--sample",
    type=click.Path(path_type=Path, allow_dash=True),
    help="A log to look into: what its records carry, and which detectors are blind on them.",
)
@as_json
@click.pass_context
def command(context: click.Context, config: Path | None, offline: bool, sample: Path | None, json: bool) -> None:
    """Check settings, keys, connections, and what each detector can see.

    Records are looked into, too: those of --sample, or, without --offline, the newest of the source itself. Whether a
    client's records stand in one partition, whether clocks agree, which columns single people out, what answers
    disclose, and what is missing for a detector, each with what to do about it. No group is joined, no value is told.

    Exit code 0: all is well, or doubtful only; 2: something has to be mended.

    Example: probewatch check --config probewatch.toml --sample monday.ndjson
    """
    from monitor.runtime.checks import check

    settings = loaded(config).settings
    bad = False
    for one in chain(check(settings, connect=not offline), () if offline else _privileges(settings)):
        bad = bad or one.verdict == "bad"
        _tell(one, json=json)
    if not json:
        _write_kinds()
    if not bad or sample is not None:
        _write_sight(settings, sample, connect=not offline and not bad, json=json)
    context.exit(2 if bad else 0)


def _privileges(settings: Settings) -> Iterator[Checked]:
    from monitor.config.sinks import ElasticsearchSettings
    from monitor.config.trouble import Trouble
    from monitor.runtime.privileges import privileges

    for name, sink in settings.sinks.items():
        if isinstance(sink, ElasticsearchSettings):
            try:
                yield from privileges(name, sink)
            except Trouble:  # a secret that cannot be read, which was told before
                continue


def _tell(one: Checked, *, json: bool) -> None:
    if json:
        write_json(asdict(one))
    else:
        _write(one)


def _write(one: Checked) -> None:
    click.echo(f"{_MARKS[one.verdict]}  {one.name}: {one.text}")
    if one.verdict != "good":
        click.echo(f"    where: {one.where}\n    mend:  {one.mend}")


def _write_kinds() -> None:
    """Which kinds of input each detector can see."""
    from detectors.scoring.sight import counts_callers
    from detectors.sketch.queries import KINDS
    from monitor.runtime.engines import detector_classes

    click.echo(f"\n{'detector':14}" + "".join(f"{name:8}" for name in KINDS.values()))
    for detector in detector_classes().values():
        every = counts_callers(detector)
        cells = "".join(f"{'sees' if every or kind in detector.kinds else 'blind':8}" for kind in KINDS)
        click.echo(f"{detector.name:14}{cells}")


def _write_sight(settings: Settings, sample: Path | None, *, connect: bool, json: bool) -> None:
    """What records carry, by model, which tests are blind on them, and what they say of the log."""
    from detectors.scoring.sight import OF_TRAINING
    from monitor.runtime.engines import detector_classes
    from monitor.runtime.sight import PARTS, blindness, kind_name, look
    from monitor.runtime.soundness import Sample

    sound, detectors = Sample(), list(detector_classes().values())
    sampled = list(_sampled(settings, sample, sound, connect=connect))
    for sight in look(sampled):
        known = settings.engine.known.get(sight.model)
        fingerprinted = known is not None and known.fingerprints is not None
        told = blindness(detectors, sight, frozenset() if fingerprinted else OF_TRAINING)
        if json:
            shares = {part: round(sight.share(part), 4) for part in PARTS}
            row = {"model": sight.model, "kind": kind_name(sight.kind), "queries": sight.queries, "told": shares}
            write_json(row | {"ciphertext": sight.veiled} | asdict(told))
        else:
            _write_one(sight, told)
    _write_recognised(settings, sampled, json=json)
    if sampled and not json:
        click.echo("")
    for one in sound.findings(settings):
        _tell(one, json=json)


def _write_one(sight: Sight, told: Blindness) -> None:
    from monitor.runtime.sight import EXAMPLES, PARTS, kind_name

    click.echo(f"\nmodel {plain(sight.model)}, {kind_name(sight.kind)} inputs, {sight.queries:,} queries")
    if sight.veiled:
        click.echo("    inputs look like ciphertext: none comes again, and each is random to the last byte")
    click.echo(f"    blind: {', '.join(told.blind) or 'none'}")
    for name, tests in told.partly.items():
        click.echo(f"    partly blind: {name} ({', '.join(tests)})")
    click.echo(f"    sees: {', '.join(told.sees) or 'none'}")
    for part in sight.missing:
        click.echo(f"    {part} in {sight.share(part):.0%} of them: {PARTS[part]} cannot be seen")
        click.echo(f"        log it as {EXAMPLES[part]}")


def _write_recognised(settings: Settings, sampled: list[Queries], *, json: bool) -> None:
    """What training fingerprints make of a sample, by model."""
    from monitor.config.trouble import Trouble
    from monitor.runtime.fingerprints import load_all
    from monitor.runtime.keys import keys_or_open
    from monitor.runtime.recognition import recognise

    try:
        known = load_all(settings.engine, keys_or_open(settings.keys))
    except* Trouble:
        known = {}  # said before, one by one
    for one in recognise(sampled, known):
        if json:
            write_json({"fingerprints": asdict(one)})
            continue
        click.echo(f"\nfingerprints of {one.model}: {one.queries:,} queries")
        click.echo(f"    {one.shaped:,} of a shape that the training data has, {one.trained:,} are training records")
        if one.queries and not one.nearly:
            click.echo("    none is, not even but for a column: is the training data written as the service logs it?")


def _sampled(settings: Settings, sample: Path | None, sound: Sample, *, connect: bool) -> Iterator[Queries]:
    from monitor.record.decode import Decoder
    from monitor.runtime.keys import keys_or_open

    decoder, read = Decoder(keys_or_open(settings.keys)), 0
    for batch in _batches(settings, sample, connect=connect):
        queries = decoder.decode(batch).queries
        sound.take(batch, queries)
        yield queries
        read += len(batch)
        if read >= _SAMPLE:
            return


def _batches(settings: Settings, sample: Path | None, *, connect: bool) -> Iterator[RawBatch]:
    """Records of the sample, or the newest ones of the source."""
    from monitor.runtime.replay import Tally, batches

    if sample is not None:
        yield from batches([sample], Tally())
    elif settings.source.kafka is not None and connect:
        from monitor.sources.sampling import newest

        yield from newest(settings.source.kafka, _SAMPLE)

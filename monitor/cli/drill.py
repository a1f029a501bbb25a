"""`probewatch drill`: marked, harmless records with the traces of an attack, to see its finding arrive."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from monitor.cli.options import as_json, config_file, loaded, write_json
from monitor.cli.progress import steps
from monitor.config.trouble import Trouble

if TYPE_CHECKING:
    from monitor.config.settings import Settings
    from monitor.config.sources import KafkaSettings
    from monitor.console.drills.templates import Template
    from monitor.record.keys import Keys

_LOOKED_AT: Final = 20_000  # records of a log from which a drill is made


@click.command()
@click.argument("family")
@click.option("--to", metavar="TOPIC|FILE", help="Where the records go; what has a / or ends in .ndjson is a file.")
@click.option(
    "--like",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A log of the model's queries, for which the drill is made; without it a model that nobody has is asked.",
)
@click.option("--model", help="Which model of that log.")
@click.option("--client", default="probewatch-drill/1", show_default=True, help="Name of the account that is played.")
@click.option("--queries", type=click.IntRange(1, 100_000), help="So many at most; default: what the family takes.")
@click.option("--rate", type=click.FloatRange(0.1, 200), default=20.0, show_default=True, help="Records a second.")
@click.option("--seed", type=int, default=1, show_default=True, help="Another number gives other inputs.")
@click.option("--brokers", multiple=True, metavar="HOST:PORT", help="Kafka, where the settings name none.")
@config_file
@as_json
def command(
    family: str,
    to: str | None,
    like: Sequence[Path],
    model: str | None,
    client: str,
    queries: int | None,
    rate: float,
    seed: int,
    brokers: Sequence[str],
    config: Path | None,
    json: bool,
) -> None:
    """Send a drill: marked, harmless records with the traces of an attack.

    FAMILY is that of the finding to be seen: inversion, attribute-inference, property-inference, membership-inference,
    extraction, evasion, backdoor-probing, llm-leakage, cost, access, campaign or novelty. No model is asked: answers
    come from a stand-in. Every record carries the software `probewatch-drill`, and a group that follows from the key:
    a monitor with the same key says of the finding that it is a test, and dashboards leave it out. Nothing is sent
    without --to.

    Example: probewatch drill llm-leakage --to drill.ndjson
    """
    from monitor.console.drills import delivery
    from monitor.console.drills.families import FAMILIES
    from monitor.console.drills.making import drilled
    from monitor.runtime.keys import keys_or_open

    _check(family, to)
    assert to is not None
    settings = loaded(config).settings
    keys = keys_or_open(settings.keys)
    target = None if delivery.is_file(to) else _kafka(settings, to, brokers)
    known = _known(settings, keys, like)
    now = time.time_ns() // 1000
    asked = drilled(family, known, client, now, model=model, most=queries or 0, rate=rate, seed=seed)
    made = delivery.signed(asked, keys)
    records = delivery.moved(made, now + int(len(made) / rate * delivery.SECOND) if target else now)
    who = delivery.marked(records, keys)
    if target is not None:
        with steps(f"sending to {to}") as show:
            delivery.send(records, target, rate, show)
    elif to == "-":
        click.echo(b"\n".join(record.payload for record in records))
    else:
        delivery.write(records, Path(to))
    if json:
        told = {"family": family, "records": len(records), "to": to, "needs": FAMILIES[family].needs}
        write_json(told | {"clients": who.clients, "group": who.group, "key_epoch": who.key_epoch}, err=to == "-")
        return
    click.echo(f"{len(records):,} records to {to}: {FAMILIES[family].does}", err=True)
    if FAMILIES[family].needs:
        click.echo(f"it is found where {FAMILIES[family].needs}", err=True)
    click.echo(f"client {', '.join(who.clients)}\ngroup  {who.group}\nkey    {who.key_epoch}", err=True)


def _check(family: str, to: str | None) -> None:
    import difflib

    from monitor.console.drills.families import FAMILIES

    if family not in FAMILIES:
        near = difflib.get_close_matches(family, FAMILIES, n=1)
        mend = f"did you mean {near[0]}?" if near else f"there is {', '.join(FAMILIES)}"
        raise Trouble(what="no family is called that", where="probewatch drill FAMILY", mend=mend)
    if to is None:
        mend = "name a staging topic or a new file with --to; never the topic of real queries"
        raise Trouble(what="a drill goes nowhere by itself", where="probewatch drill", mend=mend)


def _kafka(settings: Settings, topic: str, brokers: Sequence[str]) -> KafkaSettings:
    """The brokers of the settings, or those of the command line, and the topic."""
    from pydantic import ValidationError

    from monitor.config.sources import KafkaSettings

    known = settings.source.kafka
    if known is None and not brokers:
        mend = "give --config with source.kafka, or --brokers; or a file, such as --to drill.ndjson"
        raise Trouble(what="it is not known which Kafka has that topic", where=f"--to {topic}", mend=mend)
    try:
        if known is None:
            return KafkaSettings(brokers=tuple(brokers), topics=(topic,))
        changed = {"topics": (topic,), **({"brokers": tuple(brokers)} if brokers else {})}
        return KafkaSettings.model_validate(known.model_dump() | changed)
    except ValidationError as problem:
        first = problem.errors(include_url=False, include_input=False)[0]
        mend = "brokers are HOST:PORT, topics letters, digits, points, dashes and underscores"
        raise Trouble(what=str(first["msg"]), where="--to or --brokers", mend=mend) from None


def _known(settings: Settings, keys: Keys, like: Sequence[Path]) -> dict[str, Template]:
    """The models of the logs, as they are to be drilled."""
    from monitor.console.drills.templates import templates
    from monitor.record.decode import Decoder
    from monitor.runtime.replay import Tally
    from monitor.runtime.weaving import told

    if not like:
        return {}
    sensitive = {name: model.sensitive_columns for name, model in settings.engine.known.items()}
    records = islice(told(like, Decoder(keys), Tally()), _LOOKED_AT)
    found = templates((record.payload for record in records), sensitive)
    if not found:
        mend = "give a log of queries with their inputs and answers, a dozen of a model at least; sketches do not do"
        raise Trouble(what="no model can be drilled from this log", where=str(like[0]), mend=mend)
    return found

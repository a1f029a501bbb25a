"""Puts a drill together: the family's stream on a model's template, marked, in the order of its times."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import orjson

from monitor.config.trouble import Trouble
from monitor.console.drills import pictures, tables, texts, volumes
from monitor.console.drills.families import DENSE, FAMILIES, ROWS, TEXT
from monitor.console.drills.service import Asked, Enough, Service
from monitor.console.drills.stock import stock
from monitor.console.drills.templates import Template
from monitor.record.drills import MARK
from monitor.runtime.weaving import Told

SECOND: Final = 1_000_000  # microseconds
ADDRESS: Final = "203.0.113.77"  # of a range that is kept for documentation
RATE: Final = 5.0  # queries a second
ORDINARY: Final = 40  # accounts that use a model which nobody has before it is attacked,
EACH: Final = 27  # and queries of each of them

Player = Callable[[Service], None]
_PLAYERS: Final[Mapping[str, Mapping[str, Player]]] = MappingProxyType(
    {
        "inversion": {DENSE: pictures.inversion},
        "attribute-inference": {ROWS: tables.attribute_inference},
        "property-inference": {DENSE: volumes.property_inference, ROWS: volumes.property_inference},
        "membership-inference": {DENSE: pictures.membership, ROWS: tables.membership},
        "extraction": {DENSE: pictures.extraction, ROWS: tables.extraction},
        "evasion": {DENSE: pictures.evasion, ROWS: tables.evasion},
        "backdoor-probing": {DENSE: pictures.backdoor, ROWS: tables.backdoor},
        "llm-leakage": {TEXT: texts.leakage},
        "cost": {DENSE: volumes.cost, ROWS: volumes.cost, TEXT: volumes.cost},
        "access": {DENSE: volumes.access, ROWS: volumes.access},
        "campaign": {DENSE: pictures.campaign, ROWS: tables.campaign},
        "novelty": {DENSE: pictures.novelty, ROWS: tables.novelty},
    }
)


def drilled(
    family: str,
    known: Mapping[str, Template],
    client: str,
    start: int,
    *,
    model: str | None = None,
    most: int = 0,
    rate: float = RATE,
    seed: int = 1,
) -> list[Told]:
    """The records of a drill on one of the known models, from event time `start` (microseconds) on.

    The same arguments give the same records. A campaign's accounts, and tried keys, are called `client` with a number
    behind it. Trouble where no model that is known (or the one named) can be drilled so."""
    chosen = template_for(family, known, model)
    service = Service(chosen, most or FAMILIES[family].queries, np.random.default_rng(seed))
    with suppress(Enough):
        _PLAYERS[family][chosen.kind](service)
    own = list(_marked(service.asked, chosen, client, start, rate))
    return own if chosen.model in known else _prelude(chosen, client, start, seed) + own


def _prelude(template: Template, client: str, start: int, seed: int) -> list[Told]:
    """Ordinary use of a model that nobody has, by marked accounts, in the hour before: what is usual has to be seen."""
    if template.kind == TEXT:
        return []
    asking = Service(template, ORDINARY * EACH, np.random.default_rng(seed))
    for _ in range(EACH):
        for account in range(ORDINARY):
            asking.account = account
            asking(asking.draw(1))
    rate = ORDINARY * EACH / 3_000
    return list(_marked(asking.asked, template, f"{client}-ordinary", start - 3_600 * SECOND, rate))


def template_for(family: str, known: Mapping[str, Template], model: str | None) -> Template:
    """The model to be drilled: the one named, else the known one with the most records of the preferred kind, else one
    that nobody has."""
    kinds = tuple(kind for kind in FAMILIES[family].kinds if kind in _PLAYERS[family])
    if model is not None and model not in known:
        mend = "give a log with --like in which at least a dozen queries of it were answered"
        raise Trouble(what="nothing is known of that model", where=f"model {model}", mend=mend)
    fitting = [one for one in known.values() if one.kind in kinds and model in (None, one.model)]
    if family == "attribute-inference":
        fitting = [one for one in fitting if one.sensitive]
        if not fitting:
            mend = "name one in engine.known.MODEL.sensitive_columns: without a mark a sweep is no finding"
            raise Trouble(what="no model has a sensitive column to be swept", where=f"drill {family}", mend=mend)
    if fitting:
        return min(fitting, key=lambda one: (kinds.index(one.kind), -len(one.inputs), one.model))
    if model is not None:
        what = f"{family} cannot be drilled on {known[model].kind} inputs"
        raise Trouble(what=what, where=f"model {model}", mend=f"name a model with inputs of kind {' or '.join(kinds)}")
    return stock(kinds[0])


def _marked(asked: Sequence[Asked], template: Template, client: str, start: int, rate: float) -> Iterator[Told]:
    several = len({one.account for one in asked}) > 1
    time = float(start)
    for number, one in enumerate(asked):
        if number:
            time += SECOND * (1 / rate if one.gap is None else one.gap)
        name = f"{client}-{one.account + 1}" if several else client
        model: dict[str, Any] = {"name": template.model}
        if one.version is not None:
            model["version"] = one.version
        record: dict[str, Any] = {
            "id": f"{MARK}-{number}",
            "time": int(time) // 1000,
            "client": {"id": name, "group": MARK, "address": ADDRESS, "user_agent": MARK},
            "model": model,
            "input": one.input,
            "status": one.status,
        }
        if one.output is not None:
            record["output"] = one.output
        if one.request is not None:
            record["request"] = one.request
        yield Told(int(time) // 1000 * 1000, orjson.dumps(record))

"""Runs scenarios: their traffic woven into one log, through the decoder and the engine of the daemon."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from time import perf_counter

import orjson

from detectors.sketch.fingerprints import Fingerprints
from monitor.alerts.finding import Finding
from monitor.config.trouble import Trouble
from monitor.console.drills.making import drilled
from monitor.console.drills.templates import templates
from monitor.console.scenarios.form import Part, Scenario
from monitor.console.scenarios.judging import Miss, Outcome, misses, outcomes
from monitor.console.scenarios.saying import unsaid
from monitor.record.decode import Decoder
from monitor.record.keys import Keys
from monitor.record.limits import Limits
from monitor.runtime.keys import keys_or_open
from monitor.runtime.replay import Tally, judged
from monitor.runtime.training import Wish, gather
from monitor.runtime.weaving import Told, told, woven

SECOND = 1_000_000  # microseconds
BEGIN = 1_772_442_000 * SECOND  # Monday, 2 March 2026, 09:00 UTC: where nothing says when


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one scenario. It held where nothing was missed."""

    scenario: Scenario
    missed: tuple[Miss, ...]
    found: tuple[Outcome, ...]
    queries: int
    seconds: float


def run(scenario: Scenario) -> Result:
    """Plays one scenario. Trouble where its traffic cannot be read."""
    keys, begun, tally = keys_or_open(scenario.settings.keys), perf_counter(), Tally()
    found = list[Outcome]() if not scenario.test.expect else outcomes(played(scenario, keys, tally))
    missed = misses(scenario.test, found, keys.names, tally.rejected.total())
    missed += unsaid(scenario)
    return Result(scenario, tuple(missed), tuple(found), tally.queries, perf_counter() - begun)


def played(scenario: Scenario, keys: Keys, tally: Tally) -> Iterator[Finding]:
    """The revisions of findings that a scenario's traffic brings about."""
    streams = traffic(scenario.traffic, keys, Limits.of(scenario.settings.records), scenario)
    known = None if not scenario.training else fingerprints(scenario, keys)
    yield from judged(woven(streams, "scenario"), scenario.settings, keys, tally, known)


def traffic(parts: Sequence[Part], keys: Keys, limits: Limits, scenario: Scenario) -> list[list[Told]]:
    """The records of each part. A drill is made for the traffic of the parts before it."""
    decoder, streams = Decoder(keys, limits), list[list[Told]]()
    for part in parts:
        last = max((record.time for stream in streams for record in stream), default=BEGIN - SECOND)
        start = last + SECOND if part.start is None else int(part.start.timestamp() * SECOND)
        if part.log is not None:
            streams.append(list(told([part.log], decoder, Tally())))
        elif part.drill is not None:
            before = (record.payload for stream in streams for record in stream)
            known = templates(before, _sensitive(scenario))
            streams.append(drilled(part.drill, known, part.client, start, model=part.model, most=part.queries))
        else:
            streams.append(_written(part, start))
    return streams


def _sensitive(scenario: Scenario) -> dict[str, tuple[str, ...]]:
    return {name: model.sensitive_columns for name, model in scenario.settings.engine.known.items()}


def _written(part: Part, start: int) -> list[Told]:
    """The records that stand in the scenario itself; those without a time come one after the other."""
    found = []
    for at, record in enumerate(part.records):
        time = start + int(at * part.every * SECOND)
        own = record.get("time")
        if own is None:
            record = {**record, "time": time // 1000}
        elif hasattr(own, "timestamp"):
            time = int(own.timestamp() * SECOND)
        found.append(Told(time, orjson.dumps(record, option=orjson.OPT_UTC_Z)))
    return found


def fingerprints(scenario: Scenario, keys: Keys) -> dict[str, Fingerprints]:
    """Those of the training records that the scenario names."""
    limits, made = Limits.of(scenario.settings.records), {}
    for model, path in scenario.training.items():
        if not path.exists():
            mend = "correct the path: it begins at the scenario file"
            raise Trouble(what="there is no such log of training records", where=str(path), mend=mend)
        made[model] = gather(path, model, keys, limits, Wish(), lambda _: None).collection.finished()
    return made


def span(seconds: float) -> str:
    """A duration for people.

    >>> span(75), span(2.25)
    ('0:01:15', '2.2 s')
    """
    return f"{seconds:.1f} s" if seconds < 60 else str(timedelta(seconds=round(seconds)))

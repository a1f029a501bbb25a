"""Plays a recording through the decoder and the engine of the product, and keeps what there is to tell about it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import BinaryIO, Final

from monitor.alerts.finding import Finding
from monitor.config.engine import EngineSettings, ModelSettings
from monitor.config.settings import Settings
from monitor.console.recordings import Recording
from monitor.formats.native import encode
from monitor.record.decode import Decoder
from monitor.record.keys import Keys
from monitor.runtime.engines import engine_maker
from monitor.runtime.replay import Tally, batches, replay
from monitor.runtime.warmup import warm_up
from monitor.sources.protocol import Progress

HOUR: Final = 3_600_000_000  # microseconds


@dataclass(frozen=True, slots=True)
class Traffic:
    """How much was asked: queries by hour since 1970, clients, queries by model. No label has a part in it."""

    hours: Mapping[int, int]
    clients: int
    models: Mapping[str, int]

    @property
    def start(self) -> int:
        """Event time in microseconds at which the first hour begins."""
        return min(self.hours, default=0) * HOUR

    @property
    def end(self) -> int:
        """Event time in microseconds at which the last hour ends."""
        return (max(self.hours, default=0) + 1) * HOUR


@dataclass(frozen=True, slots=True)
class Played:
    """What came out of a recording: the last revision of each finding in the order in which they opened."""

    recording: Recording
    traffic: Traffic
    findings: tuple[Finding, ...]
    tally: Tally
    seconds: float

    @property
    def rate(self) -> float:
        """Queries per second."""
        return self.tally.queries / self.seconds if self.seconds else 0.0


def settings_for(recording: Recording) -> Settings:
    """The default settings, and the sensitive columns that the operator of these models would have marked."""
    known = {model: ModelSettings(sensitive_columns=columns) for model, columns in recording.sensitive.items()}
    return Settings(engine=EngineSettings(known=known))


def kit(recording: Recording, folder: Path) -> Iterator[tuple[str, bytes]]:
    """Files by name, for `folder`, an absolute path: the logs, their labels, and settings under which the daemon reads
    the one and every other command makes the same findings again."""
    for path in (*recording.logs, *recording.labels):
        yield path.name, path.read_bytes()
    logs = ", ".join(json.dumps(str(folder / path.name)) for path in recording.logs)
    parts = [f"[source.files]\npaths = [{logs}]", f"[runtime]\nstate = {json.dumps(str(folder / 'state'))}"]
    parts += ["[health]\nport = 0"]
    for model, columns in recording.sensitive.items():
        parts.append(f"[engine.known.{json.dumps(model)}]\nsensitive_columns = {json.dumps(columns)}")
    yield "probewatch.toml", ("\n\n".join(parts) + "\n").encode()


def ready(recording: Recording, keys: Keys) -> None:
    """Compiles and loads every kernel, so that the time of the playing is the time of the playing."""
    warm_up(Decoder(keys), engine_maker(settings_for(recording), keys))


def play(recording: Recording, keys: Keys, alerts: BinaryIO, progress: Callable[[Progress], None]) -> Played:
    """Plays the recording as `probewatch replay` would, and writes each revision to `alerts` in the native form."""
    settings, tally, latest, begun = settings_for(recording), Tally(), dict[str, Finding](), perf_counter()
    for finding in replay(recording.logs, settings, keys, tally, progress):
        latest[finding.finding] = finding
        alerts.write(encode(finding) + b"\n")
    seconds = perf_counter() - begun
    return Played(recording, traffic(recording.logs, keys), tuple(latest.values()), tally, seconds)


def traffic(logs: Sequence[Path], keys: Keys) -> Traffic:
    """Counts what the logs hold: a second reading, which costs a tenth of the first."""
    decoder, hours, models, clients = Decoder(keys), Counter[int](), Counter[str](), set[bytes]()
    for batch in batches(logs, Tally()):
        queries = decoder.decode(batch).queries
        hours.update((queries.time // HOUR).tolist())
        models.update(queries.models[model] for model in queries.model.tolist())
        clients.update(queries.client)
    return Traffic(hours, len(clients), models)

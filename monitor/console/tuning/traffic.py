"""The operator's own traffic: who is in it, day by day, who is known to attack, and the drills laid among it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson

from detectors.taxonomy import FAMILIES as NAMED
from monitor.config.settings import Settings
from monitor.config.sources import STANDARD_INPUT
from monitor.config.trouble import Trouble
from monitor.console.drills.families import FAMILIES
from monitor.console.drills.making import drilled, template_for
from monitor.console.drills.templates import Template, templates
from monitor.record.decode import Decoder
from monitor.record.drills import MARK
from monitor.record.keys import Keys
from monitor.record.limits import Limits
from monitor.record.pseudonyms import text
from monitor.runtime.replay import Tally, batches
from monitor.runtime.weaving import Told
from monitor.sources.folders import partitions
from monitor.sources.protocol import Progress

DAY: Final = 86_400_000_000  # microseconds
SECOND: Final = 1_000_000
LOOKED_AT: Final = 1 << 26  # bytes of a log from which drills are made
CALLERS: Final = 4_096  # clients of a log that may come into question for a drill
ORDINARY: Final = 20  # queries that a client has sent, at least, if a drill is to be laid among them
MARGIN: Final = (0.35, 0.85)  # share of a log's time in which drills begin
PIECE: Final = 1 << 20
LEFT_OUT: Final = frozenset({"novelty"})  # what is new depends on a hundred clients, and shows by itself

Report = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Attacker:
    """Somebody who attacks: the family, and the times of the attack's queries where it is a drill (empty: only its
    label is known)."""

    family: str
    times: tuple[int, ...] = ()
    known: bool = False


@dataclass(frozen=True, slots=True)
class Log:
    """One file: when it begins and ends (microseconds), and the drills that are laid among its records."""

    path: Path
    first: int
    last: int
    drills: tuple[Told, ...] = ()


@dataclass(frozen=True)
class Traffic:
    """What is replayed. `days` counts clients by day since 1970; `attackers` are by pseudonym; `digest` names all
    of it, drills and labels included; `unfit` are families that no model of the logs can be drilled with."""

    logs: tuple[Log, ...]
    days: Mapping[int, int]
    queries: int
    attackers: Mapping[str, Attacker]
    digest: str
    unfit: tuple[str, ...] = ()

    @property
    def client_days(self) -> int:
        """Clients, each counted on every day on which it came."""
        return sum(self.days.values())


@dataclass(slots=True)
class _Survey:
    """What a first reading of one log tells."""

    sample: list[bytes] = field(default_factory=list)
    callers: dict[str, int] = field(default_factory=dict)
    bytes: int = 0
    first: int = 0
    last: int = 0


def traffic(
    paths: Sequence[Path],
    settings: Settings,
    keys: Keys,
    labels: Mapping[str, Attacker],
    drills: int,
    seed: int,
    report: Report,
) -> Traffic:
    """Reads the logs once, and lays `drills` drills of each family among them: by turns as a new account, and as one of
    the clients that are there. Trouble where a log cannot be read, or has no query."""
    files = _files(paths)
    decoder, days, queries = Decoder(keys, Limits.of(settings.records)), dict[int, set[bytes]](), 0
    surveys = []
    for file in files:
        survey, own = _survey(file, decoder, days, report)
        surveys.append(survey)
        queries += own
    if not queries:
        mend = "give the query log of your models; `probewatch check --sample LOG` looks into one"
        raise Trouble(what="there is no query in it", where=str(paths[0]), mend=mend)
    sensitive = {name: model.sensitive_columns for name, model in settings.engine.known.items()}
    models = [templates(survey.sample, sensitive) for survey in surveys] if drills else []
    laid = _Laying(keys, labels, seed)
    for turn in range(drills):
        for at, family in enumerate(name for name in FAMILIES if name not in LEFT_OUT):
            number = (at + turn) % len(files)
            laid.lay(number, family, surveys[number], models[number], taken=turn % 2 == 1)
    logs = tuple(
        Log(file, survey.first, survey.last, tuple(sorted(laid.records.get(at, ()), key=lambda one: one.time)))
        for at, (file, survey) in enumerate(zip(files, surveys, strict=True))
    )
    attackers = {**labels, **laid.attackers}
    counts = {day: len(clients) for day, clients in sorted(days.items())}
    return Traffic(logs, counts, queries, attackers, _digest(logs, attackers, keys), tuple(sorted(laid.unfit)))


def _files(paths: Sequence[Path]) -> list[Path]:
    if STANDARD_INPUT in paths:
        mend = "write it into a file"
        raise Trouble(what="tuning reads a log many times, and standard input comes once", where="LOG", mend=mend)
    return list(partitions(paths).values())


def _survey(file: Path, decoder: Decoder, days: dict[int, set[bytes]], report: Report) -> tuple[_Survey, int]:
    found, count = _Survey(), 0
    for batch in batches([file], Tally(), report):
        queries = decoder.decode(batch).queries
        count += len(queries)
        for day, client in zip((queries.time // DAY).tolist(), queries.client, strict=True):
            days.setdefault(day, set()).add(client)
        if len(queries):
            found.first = min(found.first or int(queries.time.min()), int(queries.time.min()))
            found.last = max(found.last, int(queries.time.max()))
        if found.bytes < LOOKED_AT:
            found.sample += batch.payloads
            found.bytes += sum(map(len, batch.payloads))
            for payload in batch.payloads:
                _note(payload, found.callers)
    return found, count


def _note(payload: bytes, callers: dict[str, int]) -> None:
    """Count a record of a client; raw names stay here, and in the drills that are made under them."""
    try:
        client = orjson.loads(payload)["client"]
        name = client["id"] if isinstance(client, dict) else client
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return
    if isinstance(name, str) and (name in callers or len(callers) < CALLERS):
        callers[name] = callers.get(name, 0) + 1


class _Laying:
    """Lays drills among logs."""

    def __init__(self, keys: Keys, labels: Mapping[str, Attacker], seed: int) -> None:
        self.records: dict[int, list[Told]] = {}
        self.attackers: dict[str, Attacker] = {}
        self.unfit: set[str] = set()
        self._names, self._labels, self._rng, self._made = keys.names, labels, np.random.default_rng(seed), 0

    def lay(self, log: int, family: str, survey: _Survey, models: Mapping[str, Template], *, taken: bool) -> None:
        """One drill of that family, if a model of the log can be drilled so; `taken`: by a client that is there."""
        client = self._client(survey) if taken else None
        self._made += 1
        begin = survey.first + int((survey.last - survey.first) * self._rng.uniform(*MARGIN))
        name = f"{MARK}/{family}/{self._made}" if client is None else client
        try:
            own = template_for(family, models, None)
        except Trouble:
            own = None
        if own is None or own.model not in models:  # a model of nobody's tells nothing of these
            self.unfit.add(family)
            return
        made = drilled(family, models, name, begin, model=own.model, seed=self._made)
        self.records.setdefault(log, []).extend(made)
        by_account: dict[str, list[int]] = {}
        for record in made:
            account = str(orjson.loads(record.payload)["client"]["id"])
            if "-ordinary-" not in account:
                by_account.setdefault(text(self._names.client(account)), []).append(record.time)
        for account, times in by_account.items():
            self.attackers[account] = Attacker(family, tuple(times), client is not None)

    def _client(self, survey: _Survey) -> str | None:
        """An ordinary client of the log, each at most once; None where there is none."""
        fitting = sorted(
            name
            for name, count in survey.callers.items()
            if count >= ORDINARY and text(self._names.client(name)) not in self._labels.keys() | self.attackers.keys()
        )
        return str(self._rng.choice(fitting)) if fitting else None


def read_labels(file: Path, keys: Keys) -> dict[str, Attacker]:
    """Who attacks, by pseudonym, from a JSON object of raw names: each has a family, `null` for an honest client, or an
    object with `family`. Trouble where it is something else; no name is repeated."""
    try:
        tree = orjson.loads(file.read_bytes())
        told = {str(name): _family(label) for name, label in tree.items()}
        return {text(keys.names.client(name)): Attacker(family) for name, family in told.items() if family is not None}
    except OSError as problem:
        mend = "give the path of a readable file"
        raise Trouble(what=f"the labels cannot be read: {problem.strerror}", where=str(file), mend=mend) from None
    except (orjson.JSONDecodeError, AttributeError, ValueError, TypeError):
        mend = 'write {"key-17": "extraction", "key-18": null}, with families of `probewatch detectors list`'
        raise Trouble(what="these are no labels", where=str(file), mend=mend) from None


def _family(label: Any) -> str | None:
    family = label.get("family") if isinstance(label, dict) else label
    if family is not None and family not in NAMED:
        raise ValueError("no family is called that")
    return None if family is None else str(family)


def _digest(logs: Sequence[Log], attackers: Mapping[str, Attacker], keys: Keys) -> str:
    """16 hexadecimal digits of the bytes of all logs and drills, the labels, and the name of the key."""
    found = blake2b(digest_size=8)
    for log in logs:
        for piece in _pieces(log.path):
            found.update(piece)
        for record in log.drills:
            found.update(record.payload)
    found.update(orjson.dumps(sorted((name, one.family) for name, one in attackers.items())))
    found.update(keys.epoch.encode())
    return found.hexdigest()


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            yield piece

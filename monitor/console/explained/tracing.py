"""Makes a finding again from its log, and notes what the engine saw of its clients, and of others, on the way."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import numpy as np

from detectors.contract import Floats, Reason
from detectors.scoring.evidence import DECADES, named_evidence
from detectors.scoring.tail import e_value
from detectors.sketch.queries import Queries
from monitor.alerts.finding import Finding
from monitor.config.settings import Settings
from monitor.engine.stream import ALL, Judged
from monitor.record.decode import Decoder
from monitor.record.keys import Keys
from monitor.record.limits import Limits
from monitor.record.pseudonyms import read
from monitor.record.raw import Partition, RawBatch
from monitor.runtime.engines import engine_maker
from monitor.runtime.forgetting import load as erasures
from monitor.runtime.judges import judges
from monitor.runtime.replay import Tally
from monitor.runtime.steady import SteadyEngine

QUERIES: Final = 2_000  # latest queries of the finding's clients that are kept
BLOCKS: Final = 2_000  # latest blocks of theirs
OTHERS: Final = 10_000  # other clients whose latest block is kept

Test = tuple[str, str]  # detector and test


@dataclass(frozen=True, slots=True)
class Seen:
    """One query: its number among those of its client, its place in the log, its event time in microseconds, the
    probability of its answer (NaN: not known), a number for the answer (-1: none), whether it was refused or failed,
    whether the very same input had come before, and which of the clients sent it (from 0)."""

    number: int
    offset: int
    time: int
    certainty: float
    label: int
    refused: bool
    repeated: bool
    client: int


@dataclass(frozen=True, slots=True)
class Block:
    """What the engine said after one block of the finding's clients. `stream` is 0 for all queries, 1 for those linked
    to each other, 2 for those unlike the model's, more for those of a group. By test: the strength of this block, the
    gathered strength, the e-value, and the floor that has to be reached."""

    queries: int
    time: int
    stream: int
    now: Mapping[Test, float]
    gathered: Mapping[Test, float]
    evalues: Mapping[Test, float]
    floors: Mapping[Test, float]
    features: Mapping[str, float]
    usual: Mapping[str, float]
    reasons: Mapping[Test, tuple[Reason, ...]]
    profile: str | None
    departures: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class Other:
    """The latest block of another client: how many blocks it had, and its features."""

    blocks: int
    features: Mapping[str, float]


@dataclass(slots=True)
class Trace:
    """What was seen. `revisions` are those of the finding as they were made again; `first` is where the log begins."""

    revisions: list[Finding] = field(default_factory=list)
    queries: deque[Seen] = field(default_factory=lambda: deque(maxlen=QUERIES))
    blocks: deque[Block] = field(default_factory=lambda: deque(maxlen=BLOCKS))
    others: dict[bytes, Other] = field(default_factory=dict)
    first: int | None = None
    records: int = 0
    config_hash: str = ""


class Tracer:
    """Listens to an engine for one finding."""

    def __init__(self, wanted: Finding) -> None:
        self.trace = Trace()
        self._wanted = wanted
        names = wanted.members if wanted.client is None else (wanted.client,)
        self._clients = {own: at for at, name in enumerate(names) if (own := _pseudonym(name))}
        self._counts: dict[bytes, int] = dict.fromkeys(self._clients, 0)
        self._labels: dict[int, int] = {}
        self._inputs: set[int] = set()
        self._times = np.zeros(0, np.int64)

    def look(self, queries: Queries) -> None:
        """Note the queries of the finding's clients."""
        self._times = queries.time
        if self._wanted.model not in queries.models:
            return
        model = queries.models.index(self._wanted.model)
        for at in np.flatnonzero(queries.model == model).tolist():
            client = queries.client[at]
            if client not in self._clients and queries.address[at] not in self._clients:
                continue
            self._counts[client] = self._counts.get(client, 0) + 1
            exact, label = int(queries.exact[at]), int(queries.label[at])
            number = self._labels.setdefault(label, len(self._labels)) if label else -1
            self.trace.queries.append(
                Seen(
                    number=self._counts[client],
                    offset=int(queries.offset[at]),
                    time=int(queries.time[at]),
                    certainty=float(queries.p1[at]),
                    label=number,
                    refused=int(queries.status[at]) >= 400,
                    repeated=exact in self._inputs,
                    client=self._clients.get(client, 0),
                )
            )
            if exact and len(self._inputs) < QUERIES:
                self._inputs.add(exact)

    def hear(self, model: str, judged: Judged) -> None:
        """Note blocks of the finding's clients, and the latest of everybody else."""
        if model != self._wanted.model:
            return
        scores: Floats | None = None
        evalues: Floats | None = None
        for row, client in enumerate(judged.clients):
            if self._concerns(judged, row):
                if scores is None or evalues is None:
                    scores, evalues = judged.bank.score(judged.blocks), _evalues(judged)
                time = int(self._times[judged.index[row]])
                self.trace.blocks.append(_block(judged, row, scores[row], evalues[row], time))
            elif judged.blocks.features["stream"][row] == ALL and not judged.members:
                self._note(client, judged, row)

    def _concerns(self, judged: Judged, row: int) -> bool:
        if judged.members:
            return self._wanted.client is None and any(member in self._clients for member in judged.members[row])
        return judged.clients[row] in self._clients

    def _note(self, client: bytes, judged: Judged, row: int) -> None:
        if client in self.trace.others or len(self.trace.others) < OTHERS:
            features = {name: float(column[row]) for name, column in judged.blocks.features.items()}
            counts = judged.blocks.counts
            self.trace.others[client] = Other(1 if counts is None else int(counts[row]), features)


def _pseudonym(name: str) -> bytes:
    """The bytes of a pseudonym; empty where a file of alerts has something else in its place."""
    try:
        return read(name)
    except ValueError:
        return b""


def _evalues(judged: Judged) -> Floats:
    """E-values (n, tests) as the court has them, but for the days that a client has been in view."""
    found, learnt = named_evidence(judged.running, judged.floors), judged.bank.learnt
    tests = judged.bank.asked(judged.blocks.kind)
    found[:, learnt] = e_value(np.minimum(tests * 10.0 ** (-DECADES * judged.running[:, learnt]), 1.0))
    return found


def _block(judged: Judged, row: int, scores: Floats, evalues: Floats, time: int) -> Block:
    tests = [(test.detector, test.name) for test in judged.bank.tests]
    profile = judged.bank.profile(judged.blocks, row)
    learnt = np.flatnonzero(judged.bank.learnt).tolist() if profile is not None else []
    departures = (judged.bank.reasons(judged.blocks, row, at) for at in learnt)
    asked = [at for at in range(len(tests)) if scores[at] > 0 or judged.running[row, at] > 0]
    return Block(
        queries=int(judged.heads[row]["count"]),
        time=time,
        stream=int(judged.blocks.features["stream"][row]),
        now={tests[at]: float(scores[at]) for at in asked},
        gathered={tests[at]: float(judged.running[row, at]) for at in asked},
        evalues={tests[at]: float(evalues[at]) for at in asked},
        floors={tests[at]: float(judged.floors[at]) for at in asked},
        features={name: float(column[row]) for name, column in judged.blocks.features.items()},
        usual=dict(judged.usual),
        reasons={tests[at]: judged.bank.reasons(judged.blocks, row, at) for at in asked},
        profile=profile,
        departures=max(departures, key=len, default=()),
    )


def traced(
    batches: Iterable[RawBatch], wanted: Sequence[Finding], settings: Settings, keys: Keys, tally: Tally
) -> Trace:
    """The log from its beginning until the last revision that is wanted has been made again, or the log ends.

    The partition is that of the finding's lineage, whatever its file is called now."""
    last = wanted[-1]
    place = Partition(last.lineage.topic, last.lineage.partition)
    # as the daemon: what was erased is not brought back
    decoder = Decoder(keys, Limits.of(settings.records), judges(settings.engine), erasures(settings, keys))
    engine = SteadyEngine(partial(engine_maker(settings, keys), place), decoder, Tracer(last))
    first: int | None = None
    records, revisions = 0, list[Finding]()
    for batch in batches:
        first = int(batch.offsets[0]) if first is None and len(batch) else first
        records += len(batch)
        tally.records += len(batch)
        made = [finding for finding in engine.feed(batch)[1] if finding.finding == last.finding]
        revisions += made
        if any(finding.revision >= last.revision for finding in made):
            break
    trace = engine.follower.trace
    trace.first, trace.records, trace.revisions = first, records, revisions
    return trace


def who(finding: Finding) -> str:
    """The client or the campaign, for people."""
    names = finding.members if finding.client is None else (finding.client,)
    return names[0] if len(names) == 1 else f"{len(names)} clients"

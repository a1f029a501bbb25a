"""Everything that is known from one partition: the engine that turns its queries into findings.

Pure: no I/O, no clock, no threads. The same queries under the same settings and keys give the same findings, byte for
byte, however they were cut into batches, and whether or not it was dumped and restored in between.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from itertools import chain
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detectors.features.renaming import Renaming, key_of
from detectors.scoring.nesting import inside, nested
from detectors.sketch.queries import Queries
from monitor.alerts.finding import Finding, Lineage
from monitor.config.engine import EngineSettings
from monitor.engine.bank import Bank
from monitor.engine.callers import Callers
from monitor.engine.clock import advance, ticks
from monitor.engine.closest import Close, closest
from monitor.engine.findings import UNKNOWN, Findings
from monitor.engine.flood import Flood
from monitor.engine.gap import gap
from monitor.engine.halfway import passed
from monitor.engine.kinds import Profiles
from monitor.engine.learning import Standing, standing
from monitor.engine.learnt import Learnt, names_of, pack
from monitor.engine.step import Shape, prepare, shapes
from monitor.engine.stream import NO_MARKS, Judged, Marks
from monitor.engine.succession import Succession
from monitor.engine.upgrades import upgraded
from monitor.engine.verdicts import Court, Verdict
from monitor.engine.view import View
from monitor.record.raw import Partition

LAYOUT: Final = 4  # of dumps; raised when what they mean changes
READ: Final = (3, LAYOUT)  # layouts from which a program of this one goes on (upgrades.py)
SHAPES: Final = 8  # shapes of input that are kept apart for one model

Listener = Callable[[str, Judged], None]


@dataclass(frozen=True, slots=True)
class Origin:
    """What made the findings, beside the log: it stands in their lineage. `former_epoch` names the key before, while
    the two overlap."""

    config_hash: str = ""
    key_epoch: str = ""
    former_epoch: str = ""


@dataclass(frozen=True, slots=True)
class EngineStats:
    """Counts of one partition's engine. `ignored` queries had no place in the ceilings; of the `evicted` clients some
    were `suspects_evicted`; `learning` names models of which some shape of input is still unknown."""

    queries: int
    ignored: int
    clients: int
    evicted: int
    suspects_evicted: int
    findings_open: int
    findings_dropped: int
    bytes: int
    models: int
    learning: tuple[str, ...]


class PartitionEngine:
    """One partition's state. `bank` may be shared between partitions; everything else is its own."""

    def __init__(
        self,
        partition: Partition,
        settings: EngineSettings,
        bank: Bank,
        origin: Origin | None = None,
        learnt: Learnt | None = None,
    ) -> None:
        self._settings, self._bank, self._learnt = settings, bank, Learnt() if learnt is None else learnt
        self._court = Court(bank, settings, Profiles.of(settings, bank))
        self._origin = Origin() if origin is None else origin
        self._lineage = lineage(partition, self._origin)
        self._findings = Findings(settings, self._court, self._lineage)
        self._callers, self._flood = Callers(self._court), Flood(settings.clients)
        self._views: dict[tuple[str, Shape], View] = {}
        self._shapes: Counter[str] = Counter()
        self._clock, self._queries, self._ignored = 0, 0, 0
        self._succession = Succession() if self._origin.former_epoch else None
        self._passed: dict[int, set[tuple[str, bytes]]] = {}  # of this batch: whose evidence is past half, by query
        self._listener: Listener | None = None

    def listen(self, listener: Listener) -> None:
        """Have `listener` hear every block as it is judged, with the name of its model: for explanations. It changes
        nothing, and stands in no dump."""
        self._listener = listener

    def feed(self, queries: Queries) -> list[Finding]:
        """The revisions that these queries bring about, in the order of the log."""
        if self._succession is None:
            return self._feed(queries)
        clocks = np.empty(len(queries), np.int64)
        advance(self._clock, queries.time, clocks)
        found: list[Finding] = []
        for part, renaming in self._succession.parts(queries, ticks(self._clock, clocks).tolist()):
            if renaming is not None:
                self.rename(renaming)
            found += self._feed(part)
        return found

    def rename(self, renaming: Renaming) -> None:
        """Give clients, groups and addresses other names, everywhere. Changes since marks from before tell nothing of
        it (`tells`)."""
        self._findings.rename(renaming)
        self._callers.rename(renaming)
        for view in self._views.values():
            view.rename(renaming)

    def forget(self, name: bytes) -> None:
        """Erase a client (or an address) from everything that is remembered. What was fitted from many clients, it
        among them, stays until the next fit."""
        self._findings.forget(name)
        self._callers.forget(name)
        for view in self._views.values():
            view.forget(name)
        if self._succession is not None:
            self._succession.forget(name)

    def known(self) -> set[bytes]:
        """The pseudonyms of all clients, groups and addresses that are remembered."""
        views = chain.from_iterable(view.known() for view in self._views.values())
        return {*self._findings.known(), *self._callers.known(), *views} - {UNKNOWN}

    def keys(self) -> set[int]:
        """The keys of all of them, and of those of whom the key alone is left somewhere."""
        alone = chain.from_iterable(view.keys().tolist() for view in self._views.values())
        return {*map(key_of, self.known()), *alone} - {0}

    def _feed(self, queries: Queries) -> list[Finding]:
        if not len(queries):
            return []
        clocks, before = np.empty(len(queries), np.int64), self._clock
        self._clock = advance(self._clock, queries.time, clocks)
        self._queries += len(queries)
        verdicts: dict[int, list[Verdict]] = {}
        self._passed = {}
        for verdict in chain(
            self._callers.feed(queries, clocks), self._verdicts(queries), self._flooded(queries, clocks)
        ):
            verdicts.setdefault(verdict.index, []).append(verdict)
        minutes = set(ticks(before, clocks).tolist())
        found: list[Finding] = []
        for index in sorted(minutes | verdicts.keys() | self._passed.keys()):
            for model, client in sorted(self._passed.get(index, ())):
                self._findings.halfway.take(model, client, int(clocks[index]))
            if index in minutes:
                found.extend(self._findings.tick(int(clocks[index])))
            for verdict in verdicts.get(index, ()):
                found.extend(self._findings.hear(verdict, int(clocks[index])))
        return found

    def missed(self, first: int, following: int, reason: str, now: int) -> Finding:
        """What is to be told of a stretch that nobody has read (`gap`). Changes nothing."""
        return gap(self._settings.tenant, self._lineage, self._clock, first, following, reason, now)

    def _verdicts(self, queries: Queries) -> Iterator[Verdict]:
        known, which = shapes(queries)
        pairs = queries.model.astype(np.int64) * len(known) + which
        _, first = np.unique(pairs, return_index=True)
        for at in np.sort(first):
            model, shape = queries.models[queries.model[at]], known[which[at]]
            index = np.flatnonzero(pairs == pairs[at])
            view = self._view(model, shape)
            if view is None:
                self._ignored += len(index)
                continue
            training = self._bank.training.get(model)
            for judged in view.feed(prepare(queries, index, shape, view.labels, view.versions, training)):
                for at, client in passed(judged):
                    self._passed.setdefault(at, set()).add((model, client))
                if self._listener is not None:
                    self._listener(model, judged)
                yield from self._court.verdicts(model, judged)

    def _flooded(self, queries: Queries, clocks: NDArray[np.int64]) -> Iterator[Verdict]:
        """What is claimed of those who made others leave; a generator, as the batch has to be walked before."""
        left = [one for view in self._views.values() for one in view.left()]
        yield from self._flood.feed(left, queries, clocks)

    def _view(self, model: str, shape: Shape) -> View | None:
        """The view of that model and shape; None where the ceilings leave no place for a new one."""
        view = self._views.get((model, shape))
        if view is not None:
            return view
        full = self._shapes[model] >= SHAPES or (
            model not in self._shapes and len(self._shapes) >= self._settings.models
        )
        if full:
            return None
        self._shapes[model] += 1
        view = View(model, shape, self._settings.clients, self._bank, self._settings.small_cell)
        if (model, shape) in self._learnt.views:
            view.begin(self._learnt.views[model, shape])
        self._views[model, shape] = view
        return view

    def stats(self) -> EngineStats:
        """Counts for metrics and for people."""
        views = list(self._views.values())
        return EngineStats(
            queries=self._queries,
            ignored=self._ignored,
            clients=sum(len(view.windows) for view in views),
            evicted=sum(view.windows.evicted for view in views),
            suspects_evicted=sum(view.windows.lost for view in views),
            findings_open=len(self._findings),
            findings_dropped=self._findings.dropped,
            bytes=sum(view.nbytes for view in views),
            models=len(self._shapes),
            learning=tuple(sorted({view.model for view in views if view.bank.learning})),
        )

    def standings(self) -> list[Standing]:
        """How far learning has come, of each model and shape of input."""
        return [standing(view) for view in self._views.values()]

    def closest(self, most: int) -> list[Close]:
        """The clients that are nearest to a finding, the nearest first."""
        return closest(self._views.values(), self._settings, most)

    def lesson(self) -> dict[str, NDArray[Any]]:
        """What was learnt of all models, for others to begin with (`unpack`); nothing of any client, and no finding."""
        return pack(list(self._views.values()), self._bank)

    def marks(self) -> Marks:
        """Where the engine stands now, for `changes`."""
        return {windows: mark for view in self._views.values() for windows, mark in view.marks().items()}

    def tells(self, marks: Marks) -> bool:
        """Whether `changes` can tell all that changed since the marks: not where clients have got other names."""
        return all(windows.renamed == mark.renamed for windows, mark in marks.items())

    def changes(self, marks: Marks) -> dict[str, NDArray[Any]]:
        """What changed since the marks, as arrays: `joined` to a dump of that time they are what `restore` needs.

        Windows of clients tell what is new; all else is small, and whole, and of a view without a query left out."""
        return self.dump(marks)

    def dump(self, marks: Marks = NO_MARKS) -> dict[str, NDArray[Any]]:
        """All state, as arrays: what `restore` needs. With marks, what `changes` says. They stay as they are while the
        engine goes on: a snapshot is written meanwhile."""
        views = [
            {"model": view.model, "kind": view.shape.kind, "width": view.shape.width, "columns": view.shape.columns}
            for view in self._views.values()
        ]
        head = {
            "layout": LAYOUT,
            "views": views,
            "tests": names_of(self._bank),
            "epoch": self._origin.key_epoch,
        }
        arrays: dict[str, NDArray[Any]] = {
            "head": np.frombuffer(json.dumps(head).encode(), np.uint8),
            "numbers": np.array([self._clock, self._queries, self._ignored], np.int64),
            **nested("findings", self._findings.dump()),
            **nested("callers", self._callers.dump()),
            **nested("flood", self._flood.dump()),
            **({} if self._succession is None else nested("succession", self._succession.dump())),
        }
        for at, view in enumerate(self._views.values()):
            mark = marks.get(view.windows)
            if mark is None or mark.queries != view.windows.queries:
                arrays |= nested(f"view{at}", view.dump(marks))
        return arrays

    @classmethod
    def restore(
        cls,
        partition: Partition,
        settings: EngineSettings,
        bank: Bank,
        arrays: Mapping[str, NDArray[Any]],
        origin: Origin | None = None,
        learnt: Learnt | None = None,
    ) -> PartitionEngine:
        """The engine that `dump` was asked of. ValueError with the reason where the arrays do not fit this program."""
        engine = cls(partition, settings, bank, origin, learnt)
        try:
            engine._load(arrays)
        except (KeyError, TypeError, IndexError) as problem:
            raise ValueError(f"the state is incomplete: {type(problem).__name__}") from problem
        return engine

    def _load(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        head = json.loads(arrays["head"].tobytes())
        if head["layout"] not in READ:
            raise ValueError(f"the state has layout {head['layout']}, this program reads {READ[0]} to {LAYOUT}")
        if head["tests"] != names_of(self._bank):
            raise ValueError("the state was made by another set of detectors")
        arrays = upgraded(head["layout"], arrays)
        self._clock, self._queries, self._ignored = (int(number) for number in arrays["numbers"])
        self._findings.load(inside("findings", arrays))
        self._callers.load(inside("callers", arrays))
        self._flood.load(inside("flood", arrays))
        for at, known in enumerate(head["views"]):
            view = self._view(known["model"], Shape(known["kind"], known["width"], tuple(known["columns"])))
            if view is None:
                raise ValueError("the state holds more models than the settings allow")
            view.load(inside(f"view{at}", arrays))
        self._succeed(head.get("epoch"), inside("succession", arrays))

    def _succeed(self, epoch: str | None, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Go on from a state whose pseudonyms a key of that epoch has made; None where the state is of a version that
        did not say so."""
        own, former = self._origin.key_epoch, self._origin.former_epoch
        if epoch is None and former:
            raise ValueError("the state is of a version that knew one key alone: run this one once before the exchange")
        if epoch not in (None, own, former):
            raise ValueError(f"the state was made with the key of epoch {epoch}, and the key is now that of {own}")
        if self._succession is None:
            return
        if epoch != own:
            self._succession = Succession(self.keys())
        elif arrays:
            self._succession = Succession.load(arrays)
        if self._succession.both:
            self._findings.under((former, own))


def lineage(partition: Partition, origin: Origin) -> Lineage:
    """The part of a finding's lineage that is the same for all of a partition."""
    try:
        program = version("probewatch")
    except PackageNotFoundError:
        program = "unknown"
    epochs = (origin.key_epoch,) if origin.key_epoch else ()
    return Lineage(partition.topic, partition.number, 0, 0, program, origin.config_hash, epochs)

"""One model's queries of one shape: windows, what has been learnt, and what the detectors say at each block."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detectors.contract import Blocks, Floats
from detectors.features import baseline as baselines
from detectors.features.layout import BLOCK, FIRST_BLOCK
from detectors.features.walk import FEATURES, Out, Steps, room, walk
from detectors.features.windows import Windows
from detectors.scoring import baselines as fitting
from detectors.scoring.nesting import inside, nested
from detectors.scoring.rates import population
from detectors.scoring.running import run
from detectors.scoring.samples import Samples
from detectors.scoring.tail import raised_floor
from detectors.scoring.teaching import LEARN_BELOW, TeachingRows, fold_of, scheduled
from monitor.engine.bank import Bank
from monitor.engine.step import LABELS, Names, Shape, Step

Arrays = Mapping[str, NDArray[Any]]

FIRST_REFIT: Final = 256  # queries of a model before anything is learnt; then at every doubling,
LONGEST: Final = 262_144  # and at the latest after so many more: a fit takes most of a second
FLOOR_CLIENTS: Final = 200  # clients from which floors may be raised: later crowds can not lift them (decision 0005)
FORGIVEN: Final = 0.01  # of those clients
VERSIONS: Final = 255
NEAR, SIZE, OUTPUT = (FEATURES.index(name) for name in ("near_raw", "size", "output"))
CHUNK: Final = 1_024  # queries that the kernel walks at once, which bounds its room


@dataclass(frozen=True, slots=True)
class Judged:
    """Blocks of one view in the order of the log; n rows.

    `index` (n,) is the query of the batch that ended the block; `heads` the client's header then; `classes` how many
    classes the client had seen, of `classes_known`; `running` (n, tests) what each test says together with the block
    before; `floors` (tests,) what each had to reach; `bank` the detectors that said it; `usual` the model's medians.
    """

    index: NDArray[np.int64]
    clients: list[bytes]
    groups: list[bytes]
    heads: Any
    classes: NDArray[np.int32]
    classes_known: NDArray[np.int64]
    blocks: Blocks
    running: Floats
    floors: Floats
    bank: Bank
    usual: Mapping[str, float]


class View:
    """State of one model and one shape of input. Everything in it follows from the queries fed, one by one."""

    def __init__(self, model: str, shape: Shape, most: int, bank: Bank) -> None:
        self.model, self.shape = model, shape
        self.bank = bank
        self.windows = Windows(shape.kind, len(shape.columns), most, len(bank))
        self.labels, self.versions = Names(LABELS), Names(VERSIONS)
        self._answers = 0  # the highest number of a label among the queries walked
        self.baseline = baselines.unknown(len(shape.columns))
        self.usual: dict[str, float] = {}
        self.floors = np.full(len(bank), 0.5)
        self.next_refit = FIRST_REFIT
        self._samples = Samples(self.windows.state.sketches.shape[2])
        self._rows = TeachingRows(len(FEATURES))
        self._room: Out = room(CHUNK)
        sensitive = bank.sensitive.get(model, {})
        self._sensitive = np.uint64(sum(1 << at for at, name in enumerate(shape.columns[:64]) if name in sensitive))

    @property
    def nbytes(self) -> int:
        """Bytes of the windows and of what teaches."""
        return self.windows.nbytes + self._samples.sketches.nbytes + self._rows.nbytes

    def feed(self, step: Step) -> Iterator[Judged]:
        """Walk a step's queries; what comes out depends on the queries alone, never on how they were cut into steps."""
        start = 0
        while start < len(step):
            stop = min(len(step), start + CHUNK, start + self.next_refit - self.windows.queries)
            judged = self._walk(step.part(start, stop))
            if len(judged.blocks):
                yield judged
            if self.windows.queries >= self.next_refit:
                self._refit()
            start = stop

    def _walk(self, step: Step) -> Judged:
        slots = self.windows.slots(step.clients, step.groups)
        shape, state, out = self.shape, self.windows.state, self._room
        steps = Steps(slots, step.events, step.exact, step.sketches, step.sizes, step.offsets, step.trained)
        ended = walk(shape.kind, shape.width, steps, state, self.baseline, self._sensitive, out)
        self._sample(step, out.teach[: len(step)])
        return self._judge(step, slots, ended)

    def _judge(self, step: Step, slots: NDArray[np.int32], ended: int) -> Judged:
        out = self._room
        at = out.ended[:ended]
        features, heads = out.features[:ended].copy(), out.heads[:ended].copy()
        clients = [step.clients[i] for i in at.tolist()]
        blocks = Blocks(
            self.shape.kind,
            {name: features[:, column] for column, name in enumerate(FEATURES)},
            heads["count"].copy(),
            keys_of(clients),
            heads["blocks"].astype(np.int64),
        )
        strengths, running = self.bank.score(blocks), np.zeros((ended, len(self.bank)))
        run(slots[at], heads["blocks"], strengths, self.windows.last, self.windows.peak, running)
        running[:, self.bank.learnt] = strengths[:, self.bank.learnt]  # calibrated block by block
        self._teach(blocks, features)
        return Judged(
            index=step.index[at],
            clients=clients,
            groups=[step.groups[i] for i in at.tolist()],
            heads=heads,
            classes=out.classes[:ended].copy(),
            classes_known=self._known(step)[at],
            blocks=blocks,
            running=running,
            floors=self.floors,
            bank=self.bank,
            usual=self.usual,
        )

    def _teach(self, blocks: Blocks, features: Floats) -> None:
        """Let scheduled blocks wait for the next refit, which chooses those of trusted clients."""
        counts, keys = blocks.counts, blocks.clients
        if counts is not None and keys is not None:
            at = scheduled(counts)
            self._rows.add(features[at], keys[at], counts[at])

    def _known(self, step: Step) -> NDArray[np.int64]:
        """How many classes of the model had been seen with each query, (n,): labels are numbered as they appear."""
        newest = np.maximum(step.events["label"], step.events["second"]).astype(np.int64)
        known = np.maximum.accumulate(np.append(self._answers, newest))[1:]
        self._answers = int(known[-1])
        return np.minimum(known, LABELS - 2)

    def _sample(self, step: Step, teach: NDArray[np.bool_]) -> None:
        at = np.flatnonzero(teach)
        if len(at):
            keys = keys_of([step.clients[i] for i in at.tolist()])
            self._samples.add(step.sketches[at], keys, step.events["label"][at])

    def _refit(self) -> None:
        """Learn from trusted clients, and publish what was learnt until the next refit."""
        names, peaks = self._suspicion()
        rows = np.flatnonzero(trusted(self._rows.clients, names, peaks))
        features = self._rows.features[rows]
        chosen = self._samples.chosen(lambda keys: trusted(keys, names, peaks))
        marks = self._samples.marks[chosen]
        samples = fitting.Lesson(self._samples.sketches[chosen], marks["label"], fold_of(marks["client"]))
        sized = fitting.peers(features[:, SIZE], features[:, OUTPUT], self.baseline)
        self.baseline = fitting.fit(self.shape.kind, self.shape.width, samples, features[:, NEAR], sized)
        columns = {name: features[:, column] for column, name in enumerate(FEATURES)}
        self.baseline = self.baseline._replace(rates=population(columns.__getitem__, self._rows.clients[rows]))
        counts = self._rows.blocks[rows]
        lesson = Blocks(self.shape.kind, columns, FIRST_BLOCK + BLOCK * (counts - 1), self._rows.clients[rows], counts)
        self.bank = self.bank.taught(lesson)
        self.usual = {
            name: float(np.nanmedian(column)) for name, column in columns.items() if np.isfinite(column).any()
        }
        self._raise_floors()
        self.next_refit += min(self.next_refit, LONGEST)

    def _raise_floors(self) -> None:
        slots = self.windows.in_use()
        judged = slots[self.windows.state.headers["blocks"][slots] > 0]
        if len(judged) <= FLOOR_CLIENTS:
            peaks = self.windows.peak[judged]
            self.floors = np.array([raised_floor(column, forgiven=FORGIVEN) for column in peaks.T])

    def _suspicion(self) -> tuple[NDArray[np.uint64], Floats]:
        """Keys of the remembered clients, ascending, and the most that any named test ever said of each."""
        slots = self.windows.in_use()
        names = np.ascontiguousarray(self.windows.names[slots, :8]).view(np.uint64)[:, 0]
        peaks = self.windows.peak[slots][:, ~self.bank.learnt].max(axis=1, initial=0.0).astype(np.float64)
        order = np.argsort(names, kind="stable")
        return names[order], peaks[order]

    def dump(self) -> dict[str, NDArray[Any]]:
        """Everything, as arrays."""
        return {
            "numbers": np.array([self.next_refit], np.int64),
            "floors": self.floors,
            "labels": self.labels.dump(),
            "versions": self.versions.dump(),
            **nested("windows", self.windows.dump()),
            **nested("samples", self._samples.dump()),
            **nested("rows", self._rows.arrays()),
            **nested("baseline", fitting.dump(self.baseline)),
            **nested("learnt", self.bank.arrays()),
            **nested("usual", {name: np.array([value]) for name, value in self.usual.items()}),
        }

    def load(self, arrays: Arrays) -> None:
        """Take over what `dump` gave. ValueError where the shapes do not fit, KeyError where something is missing."""
        if arrays["floors"].shape != self.floors.shape:
            raise ValueError("another bank of detectors")
        self.next_refit, self.floors = int(arrays["numbers"][0]), arrays["floors"]
        self.labels.load(arrays["labels"])
        self._answers = len(self.labels)
        self.versions.load(arrays["versions"])
        self.windows.load(inside("windows", arrays))
        self._samples.load(inside("samples", arrays))
        self._rows = TeachingRows.from_arrays(inside("rows", arrays))
        self.baseline = fitting.load(inside("baseline", arrays))
        self.bank = self.bank.restored(inside("learnt", arrays))
        self.usual = {name: float(value[0]) for name, value in inside("usual", arrays).items()}


def keys_of(clients: list[bytes]) -> NDArray[np.uint64]:
    """The first 64 bits of each pseudonym, (n,): enough to count and to halve clients by."""
    return np.frombuffer(b"".join(client[:8] for client in clients), np.uint64)


def trusted(keys: NDArray[np.uint64], names: NDArray[np.uint64], peaks: Floats) -> NDArray[np.bool_]:
    """Whether each key's client is remembered and never looked like an attack, (n,); names are ascending."""
    if len(names) == 0:
        return np.zeros(len(keys), np.bool_)
    at = np.minimum(np.searchsorted(names, keys), len(names) - 1)
    return np.asarray((names[at] == keys) & (peaks[at] < LEARN_BELOW))

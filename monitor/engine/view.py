"""One model's queries of one shape: windows, what has been learnt, and what the detectors say at each block."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.contract import Blocks, Floats
from detectors.features import baseline as baselines
from detectors.features.changes import Mark
from detectors.features.layout import BLOCK, FIRST_BLOCK
from detectors.features.renaming import Renaming, key_of
from detectors.features.walk import FEATURES, Out
from detectors.features.windows import Windows
from detectors.scoring import baselines as fitting
from detectors.scoring.kinships import Meetings
from detectors.scoring.nesting import inside, nested
from detectors.scoring.rates import population
from detectors.scoring.samples import Samples
from detectors.scoring.tail import by_client, raised_floor
from detectors.scoring.teaching import LEARN_BELOW, TeachingRows, scheduled
from monitor.engine.bank import Bank
from monitor.engine.campaigns import Campaigns
from monitor.engine.grouped import Context
from monitor.engine.step import LABELS, Names, Shape, Step
from monitor.engine.stream import ALL, CHUNK, NO_MARKS, SUBSTREAMS, Judged, Marks, Stream, Walked, keys_of, routed
from monitor.engine.suspects import suspicions

Arrays = Mapping[str, NDArray[Any]]

FIRST_REFIT: Final = 1  # queries of a model before distances are known; again at every doubling (decision 0014),
FIRST_LESSON: Final = 256  # from here on with all else that is learnt,
LONGEST: Final = 262_144  # and at the latest after so many more: a fit takes most of a second
FEWEST_CLIENTS: Final = 10  # clients below which floors stay: the first two accounts of an attacker raise nothing
FLOOR_CLIENTS: Final = 200  # clients from which floors may be raised: later crowds can not lift them (decision 0005)
FORGIVEN: Final = 0.01  # of those clients
OWED: Final = 0.5  # of the samples behind what a view began with, before its own replace that
SMALL_CELL: Final = 5  # clients behind what a finding says of others
VERSIONS: Final = 255
NEAR, SIZE, OUTPUT = (FEATURES.index(name) for name in ("near_raw", "size", "output"))


class TaughtBy(NamedTuple):
    """What a view has to learn from: samples of inputs, distinct ones, samples whose neighbour is another client's,
    teaching blocks, and clients with a block."""

    samples: int
    distinct: int
    met: int
    blocks: int
    clients: int


class Left(NamedTuple):
    """A client had to leave: the query of the batch that made it, the client that came, and whether it was a suspect
    who left."""

    at: int
    newcomer: bytes
    suspect: bool


class View:
    """State of one model and one shape of input. Everything in it follows from the queries fed, one by one."""

    def __init__(self, model: str, shape: Shape, most: int, bank: Bank, cell: int = SMALL_CELL) -> None:
        """`most` clients have a place; what is usual is told once `cell` of them have taught it."""
        self.model, self.shape = model, shape
        self.bank, self._cell = bank, cell
        self.main = Stream(ALL, shape, most, len(bank), ~bank.learnt)
        self.substreams = tuple(Stream(number, shape, most, len(bank), ~bank.learnt) for number in SUBSTREAMS)
        self._left: list[Left] = []
        self.labels, self.versions = Names(LABELS), Names(VERSIONS)
        self._answers = 0  # the highest number of a label among the queries walked
        self.baseline = baselines.unknown(len(shape.columns))
        self.usual: dict[str, float] = {}
        self._tellers = 0  # clients that taught what is usual
        self.next_refit = FIRST_REFIT
        self._owed = 0  # samples of its own that it needs before they replace what it began with
        self._least = np.full((len(self.streams), len(bank)), 0.5)  # floors that it began with
        self._samples = Samples(self.windows.state.sketches.shape[2])
        self._rows = TeachingRows(len(FEATURES))
        self.campaigns = Campaigns(model, shape, len(bank), self.windows.state.sketches.shape[2])
        self._room: Out = self.main.room()
        self._subroom: Out = self.substreams[0].room()
        sensitive = bank.sensitive.get(model, {})
        self._sensitive = np.uint64(sum(1 << at for at, name in enumerate(shape.columns[:64]) if name in sensitive))

    @property
    def windows(self) -> Windows:
        """The windows of all queries."""
        return self.main.windows

    @property
    def streams(self) -> tuple[Stream, ...]:
        """All queries first, then the sub-streams."""
        return (self.main, *self.substreams)

    @property
    def nbytes(self) -> int:
        """Bytes of the windows and of what teaches."""
        windows = sum(stream.windows.nbytes for stream in self.streams)
        return windows + self._samples.sketches.nbytes + self._rows.nbytes + self.campaigns.nbytes

    def feed(self, step: Step) -> Iterator[Judged]:
        """Walk a step's queries; what comes out depends on the queries alone, never on how they were cut into steps."""
        start = 0
        while start < len(step):
            stop = min(len(step), start + CHUNK, start + self.next_refit - self.windows.queries)
            for judged in self._walk(step.part(start, stop)):
                if len(judged.blocks):
                    yield judged
            if self.windows.queries >= self.next_refit:
                self._refit()
            start = stop

    def left(self) -> list[Left]:
        """Who had to leave since the last call, in the order of the log."""
        left, self._left = self._left, []
        return left

    def begin(self, arrays: Arrays) -> None:
        """Start, before any query, from what another view's `lesson` gave. ValueError and KeyError as `load`."""
        if arrays["floors"].shape != self._least.shape:
            raise ValueError("another bank of detectors")
        self.labels.load(arrays["labels"])
        self._answers = len(self.labels)
        self.baseline = fitting.load(inside("baseline", arrays))
        self.bank = self.bank.restored(inside("learnt", arrays))
        self.usual = {name: float(value[0]) for name, value in inside("usual", arrays).items()}
        self._tellers = int(arrays["tellers"][0]) if "tellers" in arrays else 0
        self._least, self._owed = arrays["floors"], max(1, int(OWED * arrays["samples"][0]))
        for stream, floors in zip(self.streams, self._least, strict=True):
            stream.floors = floors

    def lesson(self) -> dict[str, NDArray[Any]]:
        """What was learnt, all queries so far included, and nothing of any client: scales, manifold, profiles, usual
        values, floors and the numbers of labels. The view goes on from there as after any fit."""
        self._fit()
        return {
            "samples": np.array([self.taught_by.samples], np.int64),
            "tellers": np.array([self._tellers], np.int64),
            "floors": np.stack([stream.floors for stream in self.streams]),
            "labels": self.labels.dump(),
            **nested("baseline", fitting.dump(self.baseline)),
            **nested("learnt", self.bank.arrays()),
            **nested("usual", {name: np.array([value]) for name, value in self.usual.items()}),
        }

    @property
    def told(self) -> dict[str, float]:
        """What is usual, as far as findings may say: nothing before enough clients have taught it (small cells)."""
        return self.usual if self._tellers >= self._cell else {}

    @property
    def started(self) -> bool:
        """Whether it still stands on what it began with."""
        return self._owed > 0

    @property
    def taught(self) -> bool:
        """Whether it has seen enough for all that is learnt to be asked."""
        return self.windows.queries >= FIRST_LESSON

    @property
    def taught_by(self) -> TaughtBy:
        """How much there is to learn from."""
        slots, used = self.windows.in_use(), len(self._samples)
        return TaughtBy(
            used,
            len(np.unique(self._samples.sketches[:used], axis=0)),
            len(fitting.met(self._samples.marks["client"][:used])),
            len(self._rows),
            int((self.windows.state.headers["blocks"][slots] > 0).sum()),
        )

    def _walk(self, step: Step) -> Iterator[Judged]:
        out, known, own = self._room, self._known(step), step.events["error"].copy()
        walked, keys = self.main.walk(step, self.baseline, self._sensitive, out), keys_of(step.clients)
        self._left += [Left(int(step.index[i]), step.clients[i], suspect) for i, suspect in self.windows.left]
        links = self.campaigns.link(step, keys)
        self._sample(step, keys, out.teach[: len(step)], links.met, own)
        judged = self._judge(self.main, walked, step, walked.at.astype(np.int64), known)
        self._teach(judged.blocks, walked.features)
        yield judged
        said = suspicions(judged, walked.at.astype(np.int64), keys[walked.at])
        for stream in self.substreams:
            sub, at = routed(step, out, stream.number)
            if len(sub):
                walked = stream.walk(sub, self.baseline, self._sensitive, self._subroom)
                if len(walked.at):
                    judged = self._judge(stream, walked, step, at[walked.at], known)
                    said += suspicions(judged, at[walked.at], keys[at[walked.at]])
                    yield judged
        floors = [one.floors for one in self.streams]
        given = Context(self.baseline, self._sensitive, self.bank, self.told, floors)
        yield from self.campaigns.feed(step, keys, links, said, known, given)

    def _judge(
        self, stream: Stream, walked: Walked, step: Step, at: NDArray[np.int64], known: NDArray[np.int64]
    ) -> Judged:
        heads, clients = self._room.heads[at].copy(), [step.clients[i] for i in at.tolist()]
        blocks = stream.blocks(walked, heads, clients)
        return Judged(
            index=step.index[at],
            clients=clients,
            groups=[step.groups[i] for i in at.tolist()],
            heads=heads,
            classes=self._room.classes[at].copy(),
            classes_known=known[at],
            blocks=blocks,
            running=stream.strengths(walked, blocks, self.bank, stream.floors),
            floors=stream.floors,
            bank=self.bank,
            usual=self.told,
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

    def _sample(
        self,
        step: Step,
        keys: NDArray[np.uint64],
        teach: NDArray[np.bool_],
        met: NDArray[np.uint64],
        own: NDArray[np.float32],
    ) -> None:
        at = np.flatnonzero(teach)
        self._samples.add(step.sketches[at], keys[at], step.events["label"][at], met[at], own[at])

    def _refit(self) -> None:
        """Learn from trusted clients, and publish what was learnt until the next refit."""
        self._fit()
        self.campaigns.grow()
        self.next_refit += min(self.next_refit, LONGEST)

    def _fit(self) -> None:
        names, peaks = self._suspicion()
        rows = np.flatnonzero(trusted(self._rows.clients, names, peaks))
        features = self._rows.features[rows]
        chosen = self._samples.chosen(lambda keys: trusted(keys, names, peaks))
        if len(chosen) < self._owed:
            return
        self._owed = 0
        marks = self._samples.marks[chosen]
        samples = fitting.Lesson(self._samples.sketches[chosen], marks["label"], marks["client"], marks["own"])
        if self._samples.seen <= len(self._samples.marks):  # later crowds can not change it (decision 0005)
            common = Meetings(self._samples.sketches[chosen], marks["client"], marks["met"])
            self.campaigns.learn(self.baseline.mean, common)
        sized = fitting.peers(features[:, SIZE], features[:, OUTPUT], self.baseline)
        self.baseline = fitting.fit(self.shape.kind, self.shape.width, samples, features[:, NEAR], sized)
        if self.taught:
            self._learn(rows, features)

    def _learn(self, rows: NDArray[np.int64], features: Floats) -> None:
        """Teach the detectors from trusted teaching rows, note what is usual, and raise floors."""
        columns = {name: features[:, column] for column, name in enumerate(FEATURES)}
        self.baseline = self.baseline._replace(rates=population(columns.__getitem__, self._rows.clients[rows]))
        counts = self._rows.blocks[rows]
        lesson = Blocks(self.shape.kind, columns, FIRST_BLOCK + BLOCK * (counts - 1), self._rows.clients[rows], counts)
        self.bank = self.bank.taught(lesson)
        self.usual = {
            name: float(np.nanmedian(column)) for name, column in columns.items() if np.isfinite(column).any()
        }
        self._tellers = len(np.unique(self._rows.clients[rows]))
        self._raise_floors()

    def _raise_floors(self) -> None:
        """Floors for each stream, while the model's first clients are all that is known."""
        slots = self.windows.in_use()
        judged = int((self.windows.state.headers["blocks"][slots] > 0).sum())
        if not FEWEST_CLIENTS <= judged <= FLOOR_CLIENTS:
            return
        for stream, least in zip(self.streams, self._least, strict=True):
            peaks = stream.windows.peak[stream.windows.in_use()]
            heights = [np.append(np.zeros(max(0, judged - len(peaks))), column) for column in peaks.T]
            own = np.array([raised_floor(column, forgiven=FORGIVEN) for column in heights])
            stream.floors = np.maximum(own, least)

    def _suspicion(self) -> tuple[NDArray[np.uint64], Floats]:
        """Keys of the remembered clients, ascending, and the most that any named test ever said of each."""
        suspects = self.campaigns.suspects(self.bank)
        names, peaks = [np.array(list(suspects), np.uint64)], [np.array(list(suspects.values()), np.float64)]
        for stream in self.streams:
            slots = stream.windows.in_use()
            names.append(np.ascontiguousarray(stream.windows.names[slots, :8]).view(np.uint64)[:, 0])
            peaks.append(stream.windows.peaks(~self.bank.learnt))
        return by_client(np.concatenate(names), np.concatenate(peaks))

    def rename(self, renaming: Renaming) -> None:
        """Give clients other names; what was learnt from them stays."""
        for stream in self.streams:
            stream.windows.rename(renaming)
        self.campaigns.rename(renaming)
        self._samples.rename(renaming)
        self._rows.rename(renaming)

    def known(self) -> Iterator[bytes]:
        """The pseudonyms of all clients and groups that are remembered here."""
        for stream in self.streams:
            yield from stream.windows.known()
        yield from self.campaigns.known()

    def keys(self) -> NDArray[np.uint64]:
        """The keys of all clients of which something is left here, of some of them no more than that."""
        return np.unique(np.concatenate([self.campaigns.keys(), self._samples.marks["client"], self._rows.clients]))

    def forget(self, client: bytes) -> None:
        """Erase a client. What was fitted from many clients, it among them, stays until the next fit."""
        for stream in self.streams:
            stream.windows.forget(client)
        self.campaigns.forget(client)
        self._samples.forget(key_of(client))
        self._rows.forget(key_of(client))

    def marks(self) -> dict[Windows, Mark]:
        """Where all windows stand now, those of groups included."""
        return {stream.windows: stream.windows.mark() for stream in (*self.streams, *self.campaigns.grouped.streams)}

    def dump(self, marks: Marks = NO_MARKS) -> dict[str, NDArray[Any]]:
        """Everything, as arrays; of windows with a mark only what changed since."""
        return {
            "numbers": np.array([self.next_refit, self._owed, self._tellers], np.int64),
            "least": self._least.copy(),
            "floors": np.stack([stream.floors for stream in self.streams]),
            "labels": self.labels.dump(),
            "versions": self.versions.dump(),
            **{
                name: array
                for stream in self.streams
                for name, array in nested(f"windows{stream.number}", stream.dump(marks)).items()
            },
            **nested("campaigns", self.campaigns.dump(marks)),
            **nested("samples", self._samples.dump()),
            **nested("rows", self._rows.arrays()),
            **nested("baseline", fitting.dump(self.baseline)),
            **nested("learnt", self.bank.arrays()),
            **nested("usual", {name: np.array([value]) for name, value in self.usual.items()}),
        }

    def load(self, arrays: Arrays) -> None:
        """Take over what `dump` gave. ValueError where the shapes do not fit, KeyError where something is missing."""
        if arrays["floors"].shape != (len(self.streams), len(self.bank)):
            raise ValueError("another bank of detectors")
        self.next_refit, self._owed, *tellers = arrays["numbers"].tolist()
        self._least = arrays["least"]
        self.labels.load(arrays["labels"])
        self._answers = len(self.labels)
        self.versions.load(arrays["versions"])
        for stream, floors in zip(self.streams, arrays["floors"], strict=True):
            stream.floors = floors
            stream.windows.load(inside(f"windows{stream.number}", arrays))
        self.campaigns.load(inside("campaigns", arrays))
        self._samples.load(inside("samples", arrays))
        self._rows = TeachingRows.from_arrays(inside("rows", arrays))
        self._tellers = tellers[0] if tellers else len(np.unique(self._rows.clients))  # layout 3 did not say
        self.baseline = fitting.load(inside("baseline", arrays))
        self.bank = self.bank.restored(inside("learnt", arrays))
        self.usual = {name: float(value[0]) for name, value in inside("usual", arrays).items()}


def trusted(keys: NDArray[np.uint64], names: NDArray[np.uint64], peaks: Floats) -> NDArray[np.bool_]:
    """Whether each key's client is remembered and never looked like an attack, (n,); names are ascending."""
    if len(names) == 0:
        return np.zeros(len(keys), np.bool_)
    at = np.minimum(np.searchsorted(names, keys), len(names) - 1)
    return np.asarray((names[at] == keys) & (peaks[at] < LEARN_BELOW))

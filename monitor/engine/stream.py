"""A stream of one view: queries walked through windows of their own, and what the detectors say at each block of it.

The main stream has all queries. A sub-stream has what an attacker cannot hide among ordinary queries: those that are
linked to each other, or those that are unlike the model's inputs. Its windows reach further back, and the same tests
are asked about them (decision 0015).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detectors.contract import Blocks, Floats
from detectors.features.baseline import Baseline
from detectors.features.changes import Mark
from detectors.features.layout import BLOCK, CHAINED, ENTRY, FIRST_BLOCK, STRANGE
from detectors.features.walk import FEATURES, Out, Steps, room, walk
from detectors.features.windows import Windows
from detectors.scoring.running import run
from monitor.engine.bank import Bank
from monitor.engine.step import Shape, Step

ALL: Final = 0
SUBSTREAMS: Final = (CHAINED, STRANGE)
Marks = Mapping[Windows, Mark]
NO_MARKS: Final[Marks] = MappingProxyType({})
CHUNK: Final = 1_024  # queries that the kernel walks at once, which bounds its room
ASIDE: Final = 8  # one in so many places is for suspects, one for clients that were judged (decision 0020)


@dataclass(frozen=True, slots=True)
class Judged:
    """Blocks of one stream in the order of the log; n rows.

    `index` (n,) is the query of the batch that ended the block; `heads` the client's header then, over all of its
    queries; `classes` how many classes the client had seen, of `classes_known`; `running` (n, tests) what each test
    says together with the blocks before; `floors` (tests,) what each had to reach; `bank` the detectors that said it;
    `usual` the model's medians; `members` (n,) the clients of each where the stream is of groups.
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
    members: Sequence[tuple[bytes, ...]] = ()


@dataclass(frozen=True, slots=True)
class Walked:
    """Where blocks ended in a step: `at` (n,) the queries, `features` (n, WIDTH), `counts` the stream's blocks so far,
    `slots` the slots of the clients."""

    at: NDArray[np.int32]
    features: Floats
    counts: NDArray[np.int64]
    slots: NDArray[np.int32]


class Stream:
    """Windows of the clients of one view, and what each test said of them so far."""

    def __init__(
        self, number: int, shape: Shape, most: int, tests: int, named: NDArray[np.bool_] | None = None
    ) -> None:
        """`named` are the tests that put a client under suspicion; without it clients leave as they come."""
        self.number, self.shape = number, shape
        aside = 0 if named is None else most // ASIDE
        self.windows = Windows(shape.kind, len(shape.columns), most, tests, aside, named)
        self.floors = np.full(tests, 0.5)

    def dump(self, marks: Marks) -> dict[str, NDArray[Any]]:
        """The windows as arrays; where they have a mark, only what changed since."""
        mark = marks.get(self.windows)
        return self.windows.dump() if mark is None else self.windows.changes(mark)

    def room(self) -> Out:
        """Room for a walk over a chunk; each query of a sub-stream may bring an earlier one."""
        return room(CHUNK if self.number == ALL else 2 * CHUNK, self.windows.state.sketches.shape[2])

    def walk(self, step: Step, baseline: Baseline, sensitive: np.uint64, out: Out) -> Walked:
        """Walk a step that `out` has room for; `out` is overwritten."""
        slots = self.windows.slots(step.clients, step.groups)
        steps = Steps(slots, step.events, step.exact, step.sketches, step.sizes, step.offsets, step.trained)
        rooted, shape = self.number != ALL, self.shape
        ended = walk(shape.kind, shape.width, steps, self.windows.state, baseline, sensitive, rooted, out)
        at = out.ended[:ended].copy()
        return Walked(at, out.features[:ended].copy(), out.heads["blocks"][at].astype(np.int64), slots[at])

    def strengths(self, walked: Walked, blocks: Blocks, bank: Bank, floors: Floats) -> Floats:
        """What each test says of each block together with the blocks before, (n, tests); `floors` (tests,) as in run.

        Detectors that learn are asked about all queries of a client alone: what they know is what whole clients do.
        So are those of volumes: a part of a client's queries comes at a rate of its own, and many callers are many.
        """
        found, running = bank.score(blocks), np.zeros((len(blocks), len(bank)))
        if self.number != ALL:
            found[:, bank.whole] = 0.0
        kept = self.windows
        run(walked.slots, walked.counts.astype(np.int32), found, floors, kept.last, kept.capital, kept.peak, running)
        running[:, bank.learnt] = found[:, bank.learnt]  # calibrated block by block
        return running

    def blocks(self, walked: Walked, heads: Any, clients: Sequence[bytes]) -> Blocks:
        """The rows that detectors see, with the stream, and its share of the client's queries."""
        columns = {name: walked.features[:, column] for column, name in enumerate(FEATURES)}
        own = FIRST_BLOCK + BLOCK * (walked.counts - 1)
        columns["stream"] = np.full(len(own), float(self.number))
        columns["stream_share"] = own / np.maximum(heads["count"], own)
        return Blocks(self.shape.kind, columns, heads["count"].copy(), keys_of(clients), walked.counts)


def routed(step: Step, out: Out, stream: int) -> tuple[Step, NDArray[np.int64]]:
    """The queries of a step that belong to a sub-stream, with the earlier ones that joined it; and the places (n,) in
    the step of the queries that brought them."""
    member = out.routed[: len(step)] & stream != 0
    joined = out.joined[: len(step)] & (stream == CHAINED)
    order = np.sort(np.concatenate([2 * np.flatnonzero(joined), 2 * np.flatnonzero(member) + 1]))
    at, early = order // 2, order % 2 == 0
    events = np.where(early, out.bases[at], step.events[at]).astype(ENTRY)
    sub = Step(
        index=step.index[at],
        clients=[step.clients[i] for i in at.tolist()],
        groups=[step.groups[i] for i in at.tolist()],
        events=events,
        exact=np.where(early, np.uint64(0), step.exact[at]),
        sketches=np.where(early[:, None], out.base_sketches[at], step.sketches[at]),
        sizes=step.sizes[at],
        offsets=step.offsets[at],
        trained=np.where(early, np.uint64(0), step.trained[at]) if len(step.trained) else step.trained,
    )
    return sub, at


def keys_of(clients: Sequence[bytes]) -> NDArray[np.uint64]:
    """The first 64 bits of each pseudonym, (n,): enough to count and to halve clients by."""
    return np.frombuffer(b"".join(client[:8] for client in clients), np.uint64)

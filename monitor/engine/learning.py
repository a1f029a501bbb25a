"""How far learning has come: what each detector still waits for, and what is silent until then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

import numpy as np

from detectors.contract import Detector, LearningDetector
from detectors.features import training
from detectors.features.baseline import Baseline
from detectors.scoring import baselines as fitting
from detectors.scoring.evidence import SPEAKS
from detectors.scoring.sight import OF_COLUMNS, OF_DISTANCES, OF_MANIFOLD, OF_PEERS, absent, mute
from detectors.scoring.tail import MINIMUM_CLIENTS
from detectors.sketch.queries import DENSE, KINDS, ROWS
from monitor.engine.view import View

Is = Literal["speaks", "partly", "silent", "blind"]


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that is not known yet: `have` of the `need` samples, rows, blocks or clients from which it is."""

    what: str
    have: int
    need: int
    unit: str


@dataclass(frozen=True, slots=True)
class Hearing:
    """One detector on one view: whether it `speaks`, `partly` (some tests wait), is `silent` (all wait), or `blind`
    (this kind of input never tells it anything); the tests that wait, and for what."""

    detector: str
    family: str
    state: Is
    waiting: tuple[str, ...]
    gaps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """One model and shape of input: what was seen, what distances rest on (`shipped` scales, `learnt` ones, `none`
    where none are needed), whether it began from recorded traffic, what is missing, who can speak, the tests whose
    floors were raised above the structural one, and those that are silent without fingerprints of training records."""

    model: str
    kind: str
    width: int
    queries: int
    clients: int
    distances: Literal["shipped", "learnt", "none"]
    started: bool
    gaps: tuple[Gap, ...]
    hearings: tuple[Hearing, ...]
    raised: dict[str, float]
    untrained: tuple[str, ...]

    def tree(self) -> dict[str, Any]:
        """The same for JSON."""
        return asdict(self)


MANIFOLD: Final = "manifold of inputs"
COLUMNS: Final = "dependence of columns"
PEERS: Final = "sizes of other clients' queries"
CLIENTS: Final = "ordinary clients"
_FEATURES: Final = {MANIFOLD: OF_MANIFOLD, COLUMNS: OF_COLUMNS, PEERS: OF_PEERS}


def standing(view: View) -> Standing:
    """How far a view has come. Pure: asking changes nothing."""
    missing = gaps(view)
    unknown = frozenset[str]().union(*(_FEATURES.get(gap.what, frozenset()) for gap in missing))
    if view.shape.kind == DENSE and np.isnan(view.baseline.link):
        unknown |= OF_DISTANCES
    return Standing(
        model=view.model,
        kind=KINDS[view.shape.kind],
        width=len(view.shape.columns) or view.shape.width,
        queries=view.windows.queries,
        clients=len(view.windows),
        distances=distances(view),
        started=view.started,
        gaps=missing,
        hearings=tuple(hearing(detector, view.shape.kind, unknown, missing) for detector in view.bank.detectors),
        raised=raised(view),
        untrained=untrained(view),
    )


def gaps(view: View) -> tuple[Gap, ...]:
    """What a view does not know yet."""
    counts, baseline, found = view.taught_by, view.baseline, []
    if view.shape.kind == DENSE and view.shape.width and not len(baseline.mean):
        found.append(Gap(MANIFOLD, counts.samples, fitting.enough_manifold(view.shape.width), "samples"))
    if view.shape.kind == ROWS and view.shape.columns and not knows_columns(baseline):
        found.append(Gap(COLUMNS, counts.distinct, fitting.ENOUGH_ROWS, "distinct rows"))
    if np.isnan(baseline.size):
        found.append(Gap(PEERS, counts.blocks, fitting.ENOUGH, "blocks"))
    if view.bank.learning:
        found.append(Gap(CLIENTS, counts.clients, MINIMUM_CLIENTS, "clients"))
    return tuple(found)


def knows_columns(baseline: Baseline) -> bool:
    """Whether the dependence of columns has been learnt."""
    return bool(np.isfinite(baseline.dependence[0]))


def distances(view: View) -> Literal["shipped", "learnt", "none"]:
    """What distances of inputs are measured by."""
    if view.shape.kind != DENSE:
        return "none"
    return "learnt" if view.started or view.taught_by.met >= fitting.STRANGERS else "shipped"


def hearing(detector: Detector, kind: int, unknown: frozenset[str], missing: Sequence[Gap]) -> Hearing:
    """What one detector can say while these features are not known."""
    never = mute(detector, kind, frozenset())
    if isinstance(detector, LearningDetector):
        waiting = tuple(test for test in detector.tests if test not in never and detector.learning)
        why: tuple[str, ...] = (CLIENTS,) if waiting else ()
    else:
        waiting = tuple(test for test in mute(detector, kind, unknown) if test not in never)
        why = tuple(gap.what for gap in missing if _matters(detector, kind, gap, waiting))
    return Hearing(detector.name, detector.family, _state(len(detector.tests), len(never), len(waiting)), waiting, why)


def _matters(detector: Detector, kind: int, gap: Gap, waiting: Sequence[str]) -> bool:
    own = _FEATURES.get(gap.what, frozenset()) - absent(kind)
    return bool(waiting) and bool(own & detector.reads)


def _state(tests: int, never: int, waiting: int) -> Is:
    if never == tests:
        return "blind"
    if waiting == 0:
        return "speaks"
    return "silent" if never + waiting == tests else "partly"


def raised(view: View) -> dict[str, float]:
    """Floors above the structural one, by detector and test, the highest of all streams."""
    floors = np.max([stream.floors for stream in view.streams], axis=0)
    names = [f"{test.detector}/{test.name}" for test in view.bank.tests]
    return {name: round(float(floor), 4) for name, floor in zip(names, floors, strict=True) if floor > SPEAKS}


def untrained(view: View) -> tuple[str, ...]:
    """Tests that need fingerprints of the model's training records, where nobody has given any."""
    if view.model in view.bank.training:
        return ()
    kind, lost = view.shape.kind, frozenset(training.NAMES)
    return tuple(
        f"{detector.name}/{test}"
        for detector in view.bank.detectors
        for test in mute(detector, kind, lost)
        if test not in mute(detector, kind, frozenset())
    )

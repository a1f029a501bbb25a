"""Named tests, asked about features that a scenario writes down: what they say, held against what they should say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Final

import numpy as np

from detectors.contract import Blocks, Detector
from detectors.sketch.queries import KINDS
from monitor.config.trouble import Trouble
from monitor.console.scenarios.form import NONE, Said, Scenario, Test
from monitor.console.scenarios.judging import Miss
from monitor.runtime.engines import own_detectors

_NUMBERS: Final = {word: kind for kind, word in KINDS.items()}
_QUERIES: Final = 40  # of the client so far: no named test looks at it


def unsaid(scenario: Scenario) -> list[Miss]:
    """What does not hold of what tests have to say. Trouble where there is no such test or feature."""
    if not scenario.test.says:
        return []
    detectors = own_detectors(scenario.settings)
    first = 1 if scenario.test.expect == NONE else len(scenario.test.expect)
    return list(misses(scenario.test, detectors, first, str(scenario.file)))


def misses(test: Test, detectors: Sequence[Detector], first: int = 0, where: str = "") -> Iterator[Miss]:
    """The same of these detectors; `first` is the place of what is said first. Trouble names the file `where`."""
    known = {f"{one.name}/{name}": (one, at) for one in detectors for at, name in enumerate(one.tests)}
    for place, said in enumerate(test.says, start=first):
        if said.test not in known:
            raise _unknown("test", said.test, list(known), where)
        detector, at = known[said.test]
        strength = float(detector.score(window(test, said, detector, where))[0, at])
        if not abs(strength - said.strength) <= said.give:
            yield Miss(place, _told(said), (f"{said.test} says {strength:.3f}",))


def window(test: Test, said: Said, detector: Detector, where: str = "") -> Blocks:
    """The window that is asked about, as one block. Trouble where the detector does not look at a feature of it."""
    given = test.features | said.features
    for name in given:
        if name not in detector.reads:
            raise _unknown("feature", name, sorted(detector.reads), where)
    columns = {name: np.array([np.nan if value is None else value]) for name, value in given.items()}
    return Blocks(_NUMBERS[test.kind], columns, np.array([_QUERIES]))


def _told(said: Said) -> str:
    moved = ", ".join(
        f"{name} {value:g}" if value is not None else f"no {name}" for name, value in said.features.items()
    )
    return f"{said.test} says {said.strength:.3f}{f' of {moved}' if moved else ''}, give or take {said.give:g}"


def _unknown(what: str, name: str, known: Sequence[str], where: str) -> Trouble:
    near = get_close_matches(name, known, n=1)
    mend = f"did you mean {near[0]}?" if near else f"there is {', '.join(known)}"
    return Trouble(what=f"the detectors have no {what} of that name", where=f"{where}: {name}", mend=mend)

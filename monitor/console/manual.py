"""The manual's page about detectors, made from what they say of themselves: docstrings, tests, gates, features."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator
from typing import Final

from detectors.contract import Detector
from detectors.scoring.gates import AllOf, AnyOf, Gate, Not, Strength, WhereKnown
from detectors.scoring.named import NamedTests
from detectors.sketch.queries import KINDS
from detectors.taxonomy import family
from monitor.alerts.finding import Evidence
from monitor.alerts.words import claim, measured

_HEAD: Final = """\
# Detectors

Made by `probewatch detectors page`; do not edit. `probewatch detectors explain NAME` prints one of them.

A detector is asked once per block: after a client's first 20 queries of a model, then every 10. Each of its tests
gives a strength from 0 (as honest clients) to 1 (as the attack). A gate goes from 0 to 1 between the two ends that are
given for it, and a test is as strong as its weakest gate. Two neighbouring blocks count together, and 0.5 is what a
test needs before it may speak at all.
"""


def detectors_page(detectors: Iterable[type[Detector]]) -> str:
    """The page, in Markdown, with the detectors in the order given."""
    parts = [_HEAD]
    read: set[str] = set()
    for detector in detectors:
        parts.extend(_section(detector))
        read |= detector.reads
    parts.append("\n## Features\n\nWhat detectors read, of each client's latest queries of a model.\n\n")
    parts.append("| feature | meaning |\n|---|---|\n")
    parts.extend(f"| `{name}` | {measured(name)} |\n" for name in sorted(read))
    return "".join(parts)


def explanation(detector: type[Detector]) -> str:
    """What the detector looks for, in the words of its module; those of its class where the module has none."""
    module = inspect.getmodule(detector)
    return inspect.cleandoc((module.__doc__ if module else None) or detector.__doc__ or "")


def _section(detector: type[Detector]) -> Iterator[str]:
    named = family(detector.family)
    yield f"\n## {detector.name}\n\n{prose(explanation(detector))}\n\n"
    ids = [technique.id for technique in named.techniques] + [*named.owasp, *named.nist]
    yield f"- family: `{detector.family}` ({', '.join(ids) or 'no identifiers'})\n"
    yield f"- sees inputs of kind: {', '.join(KINDS[kind] for kind in sorted(detector.kinds))}\n"
    for test in detector.tests:
        said = claim(Evidence(detector.name, test, detector.family, 0.0, 1.0, ()))
        yield f"\n### {detector.name}/{test}\n\nThe client {said}.\n"
        if issubclass(detector, NamedTests):
            yield "\n" + "".join(_lines(detector.expressions[test], ""))


def prose(text: str) -> str:
    """The paragraphs of a docstring; examples that run are for readers of the code."""
    return "\n\n".join(part for part in re.split(r"\n\s*\n", text) if not part.lstrip().startswith(">>>"))


def _lines(strength: Strength, indent: str) -> Iterator[str]:
    """A test as nested lists."""
    match strength:
        case Gate():
            yield f"{indent}- `{strength.measured}`: honest {strength.honest:g}, attack {strength.attack:g}\n"
        case AllOf(parts):
            yield from _list("all of", parts, indent)
        case AnyOf(parts):
            yield from _list("any of", parts, indent)
        case Not(part):
            yield from _list("not", (part,), indent)
        case WhereKnown(feature, known, unknown):
            yield from _list(f"where `{feature}` is known", (known,), indent)
            yield from _list("where it is not", (unknown,), indent)
        case _:
            yield f"{indent}- {strength}\n"


def _list(head: str, parts: Iterable[Strength], indent: str) -> Iterator[str]:
    yield f"{indent}- {head}\n"
    for part in parts:
        yield from _lines(part, indent + "  ")

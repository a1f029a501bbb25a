"""The manual's pages about attacks, one for each family: made from the taxonomy, the guidance and the detectors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from detectors.contract import Detector
from detectors.sketch.queries import KINDS
from detectors.taxonomy import ATLAS_EDITION, FAMILIES, GAP, NIST_EDITION, Family, Mitigation, Technique
from monitor.alerts.finding import Evidence
from monitor.alerts.guidance import GUIDANCE
from monitor.alerts.response import ACTIONS, RESPONSES
from monitor.alerts.words import claim
from monitor.console.manual import explanation, prose

_MADE: Final = "Made by `probewatch detectors attacks`; do not edit.\n"
Detectors = Sequence[type[Detector]]


def attack_pages(detectors: Detectors) -> dict[str, str]:
    """The pages in Markdown by the names of their files; `README.md` lists them."""
    pages = {f"{name}.md": "".join(_page(of, _speaking(detectors, name))) for name, of in _attacks().items()}
    return {"README.md": "".join(_list(detectors))} | pages


def _attacks() -> dict[str, Family]:
    return {name: of for name, of in FAMILIES.items() if name != GAP}


def _speaking(detectors: Detectors, family: str) -> Detectors:
    return [detector for detector in detectors if detector.family == family]


def _list(detectors: Detectors) -> Iterator[str]:
    yield f"# Attacks\n\n{_MADE}\nOne page for each family that a finding may name. "
    yield f"Identifiers are those of MITRE ATLAS {ATLAS_EDITION}, OWASP and NIST {NIST_EDITION}.\n\n"
    yield "| family | what the attacker would get | ATLAS | detectors |\n|---|---|---|---|\n"
    for name, of in _attacks().items():
        ids = ", ".join(one.id for one in of.techniques)
        told = ", ".join(f"`{one.name}`" for one in _speaking(detectors, name))
        yield f"| [{of.title}]({name}.md) | {GUIDANCE[name].aim} | {ids} | {told} |\n"


def _page(of: Family, detectors: Detectors) -> Iterator[str]:
    guidance = GUIDANCE[of.name]
    yield f"# {of.title}\n\n{_MADE}\n{guidance.aim}\n\n"
    yield f"Family `{of.name}` in findings, settings and metrics.\n"
    yield from _names(of)
    yield "\n## How it is seen\n"
    for detector in detectors:
        yield from _detector(detector)
    if not detectors:
        yield "\nNo registered detector speaks of it.\n"
    yield f"\n## Is it a false alarm?\n\nHonest use that leaves the same trace: {_lower(guidance.false_alarm)}\n\n"
    yield f"What tells the two apart: {_lower(guidance.look)}\n"
    yield "\n## What to do\n\nThe mildest that helps first. ATLAS has more than a gateway can do; both are here.\n\n"
    yield from _answers(of)


def _names(of: Family) -> Iterator[str]:
    rows = [*(_linked("technique", one) for one in of.techniques)]
    rows += [f"| OWASP | {one} |" for one in of.owasp] + [f"| NIST | {one} |" for one in of.nist]
    if rows:
        yield "\n| list | name |\n|---|---|\n" + "".join(f"{row}\n" for row in rows)


def _linked(sort: str, one: Technique | Mitigation) -> str:
    return f"| ATLAS {sort} | [{one.id} {one.name}]({one.reference}) |"


def _detector(detector: type[Detector]) -> Iterator[str]:
    kinds = ", ".join(KINDS[kind] for kind in sorted(detector.kinds))
    yield f"\n### {detector.name}\n\n{prose(explanation(detector))}\n\n"
    yield f"It sees inputs of kind: {kinds}. [All gates](../detectors.md#{detector.name}).\n\n"
    yield "| test | the client |\n|---|---|\n"
    for test in detector.tests:
        yield f"| `{detector.name}/{test}` | {claim(Evidence(detector.name, test, detector.family, 0.0, 1.0, ()))} |\n"


def _answers(of: Family) -> Iterator[str]:
    for answer in RESPONSES[of.name]:
        action = ACTIONS.get(answer)
        ids = "" if action is None else f" ({', '.join(one.id for one in action.mitigations)})"
        yield f"1. **{answer}**{ids}{'' if action is None else f': {_lower(action.effect)}'}\n"
    if of.mitigations:
        yield "\n| list | name |\n|---|---|\n" + "".join(f"{_linked('mitigation', one)}\n" for one in of.mitigations)


def _lower(sentence: str) -> str:
    """A sentence behind a colon."""
    return sentence[0].lower() + sentence[1:]

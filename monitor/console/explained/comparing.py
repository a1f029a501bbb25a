"""What was made again held against what is stored, revision by revision, byte by byte."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from monitor.alerts.finding import Finding
from monitor.formats.native import encode, render

MOST: Final = 12  # differences that are told

Verdict = Literal["same", "differs", "absent", "no log"]


@dataclass(frozen=True, slots=True)
class Compared:
    """`same`: every stored revision was made again, bit for bit. `differs`: some were, with other values. `absent`: the
    log does not bring the finding about. `no log`: there was none to ask. `because` are likely reasons."""

    verdict: Verdict
    revisions: int = 0
    differences: tuple[str, ...] = ()
    because: tuple[str, ...] = ()


def compared(stored: Sequence[Finding], made: Sequence[Finding], because: Sequence[str]) -> Compared:
    """Each stored revision against the one with its number."""
    again = {one.revision: one for one in made}
    found = [one for one in stored if one.revision in again]
    if not found:
        return Compared("absent", 0, (), tuple(because))
    differences: list[str] = []
    for one in stored:
        other = again.get(one.revision)
        if other is None:
            differences.append(f"revision {one.revision} was not made again")
        elif encode(one) != encode(other):
            differences += _differences(render(one), render(other), f"revision {one.revision}: ")
    if not differences:
        return Compared("same", len(found))
    return Compared("differs", len(found), tuple(differences[:MOST]), tuple(because))


def _differences(stored: Mapping[str, Any], made: Mapping[str, Any], above: str) -> Iterator[str]:
    for name in sorted(stored.keys() | made.keys()):
        one, other = stored.get(name), made.get(name)
        if isinstance(one, dict) and isinstance(other, dict):
            yield from _differences(one, other, f"{above}{name}.")
        elif one != other:
            short = isinstance(one, int | float | str | None) and isinstance(other, int | float | str | None)
            yield f"{above}{name} is {other}, and {one} is stored" if short else f"{above}{name} differs"


def reasons(stored: Finding, config_hash: str, version: str, key_epoch: str, first: int | None) -> list[str]:
    """What may make another finding of the same log: another program, other settings, another key, a log whose
    beginning is gone."""
    lineage, told = stored.lineage, []
    if lineage.config_hash != config_hash:
        told.append(f"it was made with the settings {lineage.config_hash}, and these are {config_hash}")
    if lineage.detector_version != version:
        told.append(f"it was made by version {lineage.detector_version}, and this is {version}")
    if key_epoch not in lineage.key_epochs:
        told.append(f"it was made with the key {', '.join(lineage.key_epochs)}, and this is {key_epoch}")
    if first is None:
        told.append("the log is empty")
    elif first > 0:
        told.append(f"the log begins at offset {first}: what the engine knew from before is not there")
    return told

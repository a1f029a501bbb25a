"""Names to detectors, by the entry points of installed packages: ours and other people's come the same way."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points
from typing import Final, cast

from detectors.contract import Detector

GROUP: Final = "probewatch.detectors"
DECLARED: Final = ("name", "family", "tests", "kinds", "reads", "score", "reasons")  # of the contract


class RegistryError(Exception):
    """Detectors that can not be used, in words for the person who installed them: what, where, how to mend it."""

    def __init__(self, what: str, where: str, mend: str) -> None:
        super().__init__(f"{what} ({where}): {mend}")
        self.what, self.where, self.mend = what, where, mend


class DuplicateDetector(RegistryError):  # noqa: N818  (a statement, like KeyError)
    """Two packages give a detector the same name."""


class NotADetector(RegistryError):  # noqa: N818  (a statement, like KeyError)
    """What an entry point names can not be loaded, or is no detector."""


class NoDetectors(RegistryError):  # noqa: N818  (a statement, like KeyError)
    """No package has entry points of the group: the package metadata is missing."""


def registered() -> dict[str, type[Detector]]:
    """All detectors that the installed packages declare, by name, in the order of the names.

    Errors: RegistryError (DuplicateDetector, NotADetector, NoDetectors).
    """
    return loaded(entry_points(group=GROUP))


def loaded(points: Iterable[EntryPoint]) -> dict[str, type[Detector]]:
    """The detectors behind these entry points, by name. Errors as in `registered`."""
    found: dict[str, EntryPoint] = {}
    for point in points:
        if point.name in found:
            raise DuplicateDetector(
                what=f"two detectors are called {point.name!r}",
                where=f"{origin(found[point.name])} and {origin(point)}",
                mend="uninstall one of the two packages, or rename its entry point",
            )
        found[point.name] = point
    if not found:
        raise NoDetectors(
            what="no detector is registered",
            where=f"entry points of the group {GROUP}",
            mend="install the package, in a checkout with: pip install -e .",
        )
    return {name: detector(found[name]) for name in sorted(found)}


def detector(point: EntryPoint) -> type[Detector]:
    """The class that an entry point names; NotADetector with the reason where it is none."""
    try:
        given = point.load()
    except Exception as problem:
        raise refused(point, f"can not be loaded: {problem}") from problem
    if not isinstance(given, type):
        raise refused(point, "is not a class")
    missing = [part for part in DECLARED if not hasattr(given, part)]
    if missing:
        raise refused(point, f"is not a detector: it has no {', no '.join(missing)}")
    named = cast(type[Detector], given)
    if named.name != point.name:
        raise refused(point, f"calls itself {named.name!r}, and its entry point {point.name!r}")
    return named


def refused(point: EntryPoint, reason: str) -> NotADetector:
    """The error for an entry point that names no detector."""
    return NotADetector(
        what=f"the detector {point.name!r} {reason}",
        where=origin(point),
        mend="see detectors.contract.Detector and detectors.checks, or uninstall the package",
    )


def origin(point: EntryPoint) -> str:
    """Where an entry point comes from: its object and its package."""
    return f"{point.value} of {point.dist.name if point.dist is not None else 'an unnamed package'}"

"""Parameters of detectors, as their authors declare them: a dataclass `Params` in the class, which takes one.

Types, ranges and defaults are read off that dataclass alone; `annotated_types` or pydantic's constraints say ranges.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from typing import Any, get_type_hints

from pydantic import TypeAdapter, ValidationError

from detectors.contract import Detector
from monitor.config.trouble import Trouble

Given = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a detector: its name, its type in words, and what it is without being set."""

    name: str
    kind: str
    default: object


def declared(detector: type[Detector]) -> Iterator[Parameter]:
    """The parameters of a detector; none where it declares none."""
    params = getattr(detector, "Params", None)
    if params is None or not is_dataclass(params):
        return
    hints = get_type_hints(params)
    for one in fields(params):
        kind = getattr(hints[one.name], "__name__", str(hints[one.name]))
        yield Parameter(one.name, kind, None if one.default is MISSING else one.default)


def made(detector: type[Detector], given: Given) -> Detector:
    """The detector with these parameters. Trouble, or a group of them, where it has none like that or the values are
    out of range."""
    where, known = f"engine.detectors.{detector.name}", {one.name for one in declared(detector)}
    strange = sorted(set(given) - known)
    if strange:
        has = f"it has {', '.join(sorted(known))}" if known else "it has none: delete the section"
        raise Trouble(what=f"the detector {detector.name} has no parameter {strange[0]}", where=where, mend=has)
    if not given:
        return detector()
    params: Any = detector.Params  # type: ignore[attr-defined]  # it has fields, as was asked above
    try:
        return detector(TypeAdapter(params).validate_python(dict(given)))  # type: ignore[call-arg]
    except ValidationError as problem:
        found = [_trouble(detector.name, where, one) for one in problem.errors(include_url=False)]
        raise ExceptionGroup(f"{len(found)} errors in {where}", found) from None


def check_names(given: Mapping[str, Given], known: Mapping[str, type[Detector]]) -> None:
    """Trouble where parameters are given to a detector that is not installed."""
    strange = sorted(set(given) - set(known))
    if strange:
        mend = f"install its package, or delete the section; there is {', '.join(known)}"
        raise Trouble(what=f"there is no detector {strange[0]}", where="engine.detectors", mend=mend)


def _trouble(name: str, where: str, error: Any) -> Trouble:
    place = ".".join(map(str, error["loc"])) or "its parameters"
    mend = f"`probewatch detectors explain {name}` lists what it takes"
    return Trouble(what=f"{place} of the detector {name}: {error['msg']}", where=f"{where}.{place}", mend=mend)

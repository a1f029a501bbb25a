"""The native form of a finding: one JSON object, one revision a line.

`replay --alerts`, the outbox, the file, the standard output and the webhook carry it; it can be read back, and reading
and writing again gives the same bytes.
"""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson
from pydantic import TypeAdapter, ValidationError

from detectors.taxonomy import ATLAS_EDITION, FAMILIES, NIST_EDITION, Family, family
from monitor.alerts.finding import Contribution, Evidence, Exposure, Finding, Lineage, Point
from monitor.alerts.guidance import checks, guidance
from monitor.alerts.response import ACTIONS
from monitor.config.trouble import Trouble

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_FIRST: Final = (datetime.min.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
_LAST: Final = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
_LARGEST: Final = 1.7976931348623157e308
_TIMES: Final = ("started", "raised_at", "updated_at")
_FINDING: Final = TypeAdapter(Finding)
_NAMES: Final = {
    one.name for part in (Finding, Evidence, Contribution, Exposure, Lineage, Point) for one in fields(part)
}

Json = dict[str, Any]


def render(finding: Finding) -> Json:
    """The finding as a tree of plain values, all of them valid JSON.

    Times are RFC 3339 in UTC with microseconds. What is not known (client, members, group, profile, change, timeline,
    labels) is left out. JSON has no infinity and no NaN: infinite numbers become the largest ones, NaN becomes 0 (null
    for a usual value), and a contribution without a value is left out.
    """
    tree: Json = {
        "finding": finding.finding,
        "revision": finding.revision,
        "status": finding.status,
        "tier": finding.tier,
        "family": finding.family,
        "title": finding.title,
        "reason": finding.reason,
        "change": finding.change,
        "model": finding.model,
        "client": finding.client,
        "members": list(finding.members),
        "group": finding.group,
        "severity": finding.severity,
        "risk": finite(finding.risk),
        "evalue": finite(finding.evalue),
        "budget": finite(finding.budget),
        "started": moment(finding.started),
        "raised_at": moment(finding.raised_at),
        "updated_at": moment(finding.updated_at),
        "queries": finding.queries,
        "timeline": [_point(point) for point in finding.timeline],
        "evidence": [_evidence(evidence) for evidence in finding.evidence],
        "profile": finding.profile,
        "exposure": _exposure(finding.exposure),
        "response": list(finding.response),
        "guidance": _guidance(finding),
        "attack": attack(family(finding.family)),
        "lineage": _lineage(finding.lineage),
        "labels": dict(finding.labels),
    }
    absent = {key for key in ("client", "group", "profile") if tree[key] is None}
    absent |= {key for key in ("members", "labels", "change", "timeline") if not tree[key]}
    return {key: value for key, value in tree.items() if key not in absent}


def encode(finding: Finding) -> bytes:
    """One line of NDJSON without its line break; it holds none inside."""
    return orjson.dumps(render(finding))


def parse(payload: bytes, where: str = "an alert") -> Finding:
    """The finding in one line of NDJSON. Unknown fields, `attack` and `guidance` (which follow from the rest) are not
    read.

    Trouble where it is not such a line; `where` says in it which line is meant. No value of the line is repeated.
    """
    try:
        tree = orjson.loads(payload)
        if not isinstance(tree, dict):
            raise _trouble("not a JSON object", where)
        if str(tree.get("family")) not in FAMILIES:
            raise _trouble("family: not one of the taxonomy", where)
        times = {key: _microseconds(tree.get(key), key, where) for key in _TIMES}
        told = {"timeline": _timeline(tree.get("timeline"), where)}
        finding = _FINDING.validate_python({"client": None, "profile": None} | tree | times | told)
    except orjson.JSONDecodeError:
        raise _trouble("not JSON", where) from None
    except ValidationError as problem:
        first = problem.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"] if part in _NAMES or isinstance(part, int))
        raise _trouble(f"{place}: {first['msg']}", where) from None  # the name of a label is a value
    return finding


def attack(of: Family) -> Json:
    """What ATLAS, OWASP and NIST call the family, with the editions."""
    return {
        "atlas": {
            "edition": ATLAS_EDITION,
            "techniques": [technique.id for technique in of.techniques],
            "mitigations": [mitigation.id for mitigation in of.mitigations],
        },
        "owasp": list(of.owasp),
        "nist": {"edition": NIST_EDITION, "ids": list(of.nist)},
    }


def moment(microseconds: int) -> str:
    """RFC 3339 in UTC, always with six decimals; times outside the years 1 to 9999 become the nearest one inside.

    >>> moment(1_795_255_200_123_000)
    '2026-11-21T10:00:00.123000Z'
    """
    inside = min(max(microseconds, _FIRST), _LAST)
    return (_EPOCH + timedelta(microseconds=inside)).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def finite(number: float) -> float:
    """The number, or what stands for it where JSON has no word.

    >>> finite(float("inf")), finite(float("nan")), finite(2.5)
    (1.7976931348623157e+308, 0.0, 2.5)
    """
    if number != number:  # NaN
        return 0.0
    return float(min(max(number, -_LARGEST), _LARGEST))


def _point(point: Point) -> Json:
    told: Json = {"at": moment(point.at), "event": point.event}
    return told if point.severity is None else told | {"severity": point.severity}


def _timeline(tree: object, where: str) -> list[Any]:
    """The points, their times read; what is no point is left for the check of all fields."""
    points = tree if isinstance(tree, list) else [] if tree is None else [tree]
    return [
        point | {"at": _microseconds(point.get("at"), "timeline", where)} if isinstance(point, dict) else point
        for point in points
    ]


def _guidance(finding: Finding) -> Json:
    """What people are told beside it; nothing in here is of the finding's own clients."""
    told = guidance(finding)
    actions = [
        {"action": one, "effect": ACTIONS[one].effect, "mitigations": [by.id for by in ACTIONS[one].mitigations]}
        for one in finding.response
        if one in ACTIONS
    ]
    return {
        "aim": told.aim,
        "false_alarm": told.false_alarm,
        "look": told.look,
        "actions": actions,
        "checks": list(checks(finding)),
    }


def _evidence(evidence: Evidence) -> Json:
    return {
        "detector": evidence.detector,
        "test": evidence.test,
        "family": evidence.family,
        "strength": finite(evidence.strength),
        "evalue": finite(evidence.evalue),
        "contributions": [_contribution(c) for c in evidence.contributions if c.value == c.value],
    }


def _contribution(contribution: Contribution) -> Json:
    usual = contribution.usual
    return {
        "feature": contribution.feature,
        "value": finite(contribution.value),
        "usual": None if usual is None or usual != usual else finite(usual),
        "share": finite(contribution.share),
    }


def _exposure(exposure: Exposure) -> Json:
    return {
        "queries": exposure.queries,
        "answered": exposure.answered,
        "output_bits": finite(exposure.output_bits),
        "distinct_inputs": exposure.distinct_inputs,
        "classes_seen": exposure.classes_seen,
        "classes_known": exposure.classes_known,
        "sweeps": exposure.sweeps,
        "trained": exposure.trained,
    }


def _lineage(lineage: Lineage) -> Json:
    return {
        "topic": lineage.topic,
        "partition": lineage.partition,
        "first_offset": lineage.first_offset,
        "last_offset": lineage.last_offset,
        "detector_version": lineage.detector_version,
        "config_hash": lineage.config_hash,
        "key_epochs": list(lineage.key_epochs),
    }


def _microseconds(text: object, key: str, where: str) -> int:
    try:
        parsed = datetime.fromisoformat(text)  # type: ignore[arg-type]  # what is not text is a TypeError
        return (parsed - _EPOCH) // _MICROSECOND
    except (TypeError, ValueError):  # a time without its zone is a TypeError as well
        raise _trouble(f"{key}: not an RFC 3339 time with its zone", where) from None


def _trouble(what: str, where: str) -> Trouble:
    return Trouble(what=f"not a finding: {what}", where=where, mend="give a file that `probewatch` has written")

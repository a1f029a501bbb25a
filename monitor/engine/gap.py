"""A gap in the log as a finding: of a stretch that nobody read, nothing is known, and that has to be said.

It names no client and no model. Its id comes from the place alone, so that whoever meets the same gap again, after a
restart or on another host, tells it under the same id.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from detectors.scoring.evidence import DECADES, risk, severity
from detectors.taxonomy import GAP, family
from monitor.alerts.finding import Contribution, Evidence, Exposure, Finding, Lineage, Point, finding_id
from monitor.alerts.response import RESPONSES

CERTAIN: Final = 10.0**DECADES
REASONS: Final = {
    "expired": "the log had let them go before they were read",
    "log-restarted": "the log was made anew",
    "log-truncated": "the brokers lost what we had read, and wrote other records in their place",
}


def gap(tenant: str, origin: Lineage, heard: int, first: int, following: int, reason: str, now: int) -> Finding:
    """The finding about the stretch from `first` up to and not including `following`.

    `heard` is the event time up to which the partition is known, 0 where nothing is; `now` is when the gap was met, for
    which the log has no time. Both are microseconds since 1970. `following` lies before `first` where the log itself
    went back."""
    missed = max(0, following - first)
    worth = risk(GAP, CERTAIN, missed)
    begun = min(heard, now) if heard else now
    place = f"{origin.topic}-{origin.partition}"
    told = f"{missed} records were never read" if missed else "the offset that comes next was not there"
    numbers = (Contribution("records_missed", float(missed), 0.0, 1.0),)
    return Finding(
        finding=finding_id(tenant, "", f"{place}:{first}:{following}", GAP, first),
        revision=1,
        status="open",
        tier="operations",
        family=GAP,
        model="",
        client=None,
        severity=severity(worth),
        risk=round(worth, 1),
        evalue=1.0,
        budget=1.0,
        started=begun,
        raised_at=now,
        updated_at=now,
        queries=0,
        title=family(GAP).title,
        reason=f"{place}: {told}, offsets {first} to {following}: {REASONS.get(reason, reason)}",
        change="New.",
        timeline=(Point(begun, "seen"), Point(now, "named", severity(worth))),
        evidence=(Evidence("log", "gap", GAP, 1.0, 1.0, numbers),),
        profile=None,
        exposure=Exposure(0, 0, 0.0, 0, 0, 0),
        response=RESPONSES[GAP],
        lineage=replace(origin, first_offset=min(first, following), last_offset=max(first, following - 1)),
        labels={"gap": reason, "next_offset": str(following)},
    )

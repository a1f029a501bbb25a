"""A finding that fills every field, and says of itself that it is none: for `siem verify` and as an example."""

from __future__ import annotations

from typing import Final

from monitor.alerts.finding import TEST, Contribution, Evidence, Exposure, Finding, Lineage, Point, finding_id
from monitor.formats.ecs import render_ecs
from monitor.siem.requests import Json

MODEL: Final = "probewatch-verify"

_FAMILY: Final = "inversion"
_CLIENT: Final = "c0.probewatchverify"


def sample(at: int) -> Finding:
    """The finding, made at a time in microseconds since 1970; each time is another finding."""
    climb = Evidence("inversion", "climb", _FAMILY, 0.94, 38_900.0, (Contribution("chain", 0.883, 0.51, 0.92),))
    return Finding(
        finding=finding_id("default", MODEL, _CLIENT, _FAMILY, at),
        revision=1,
        status="closed",
        tier="operations",
        family=_FAMILY,
        model=MODEL,
        client=_CLIENT,
        members=(_CLIENT,),
        group="g0.probewatchverify",
        severity="low",
        risk=12.5,
        evalue=41_250.0,
        budget=24_000.0,
        started=at - 1_000_000,
        raised_at=at,
        updated_at=at,
        queries=1,
        title="A test of the way to here",
        reason="`probewatch siem verify` wrote this. It is no finding.",
        change="It was written.",
        timeline=(Point(at, "named", "low"),),
        evidence=(climb,),
        profile="probewatch siem verify",
        exposure=Exposure(1, 1, 1.0, 1, 1, 1),
        response=("throttle",),
        lineage=Lineage("probewatch-verify", 0, 0, 0, "probewatch", "0", ("0",)),
        labels={TEST: "siem verify"},
    )


def document(at: int, namespace: str) -> Json:
    """Its document: marked as every test is, and no alert, so that no rule promotes it."""
    return render_ecs(sample(at), namespace)

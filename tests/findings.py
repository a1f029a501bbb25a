"""Findings for tests: one realistic example, a builder that changes what a test is about, and a hypothesis strategy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from detectors.taxonomy import FAMILIES
from monitor.alerts.finding import Contribution, Evidence, Exposure, Finding, Lineage, Point, finding_id

MODEL = "credit"
CLIENT = "c1.5jg2m4b7xq3vkz6n"
STARTED = 1_795_255_200_123_000  # 2026-11-21T10:00:00.123Z

EXAMPLE = Finding(
    finding=finding_id("default", MODEL, CLIENT, "inversion", 1),
    revision=2,
    status="updated",
    tier="named",
    family="inversion",
    model=MODEL,
    client=CLIENT,
    group="g1.k2v7t5mq4z",
    severity="high",
    risk=83.5,
    evalue=41_250.0,
    budget=24_000.0,
    started=STARTED,
    raised_at=STARTED + 95_000_000,
    updated_at=STARTED + 412_000_250,
    queries=1_280,
    title="Model inversion: confidence of one class climbs",
    reason="The confidence of one class rose in 212 of 240 steps along a chain of similar inputs.",
    change="Since revision 1: severity rose from medium to high; 308 more queries answered; 2,410 more bits disclosed.",
    timeline=(
        Point(STARTED, "seen"),
        Point(STARTED + 61_000_000, "halfway"),
        Point(STARTED + 95_000_000, "named", "medium"),
        Point(STARTED + 412_000_250, "grew", "high"),
    ),
    evidence=(
        Evidence(
            detector="inversion",
            test="confidence-climb",
            family="inversion",
            strength=0.94,
            evalue=38_900.0,
            contributions=(
                Contribution("chain.rise_share", 0.883, 0.51, 0.92),
                Contribution("chain.length", 240.0, 3.0, 0.97),
            ),
        ),
        Evidence(
            detector="evasion",
            test="boundary-chain",
            family="evasion",
            strength=0.31,
            evalue=2.4,
            contributions=(Contribution("chain.flips", 4.0, None, 0.2),),
        ),
    ),
    profile="batch scoring",
    exposure=Exposure(
        queries=1_600,
        answered=1_588,
        output_bits=10_432.5,
        distinct_inputs=1_590,
        classes_seen=2,
        classes_known=2,
        sweeps=3,
        trained=41,
    ),
    response=("throttle", "label only"),
    lineage=Lineage("inference", 3, 90_211, 118_664, "inversion 1", "9f2c41aa", ("2026-11",)),
    labels={"environment": "production"},
)


def finding(**changes: Any) -> Finding:
    """The example with changes; a campaign where `members` are given. Another family, client or `episode` is another
    finding, as in the product."""
    episode = changes.pop("episode", 1)
    if "members" in changes:
        changes = {"client": None} | changes
    changed = replace(EXAMPLE, **changes)
    if "finding" not in changes:
        who = changed.client if changed.client is not None else "+".join(changed.members)
        identity = finding_id("default", changed.model, who, changed.family, episode)
        changed = replace(changed, finding=identity)
    return changed


def several(count: int, **changes: Any) -> list[Finding]:
    """So many findings, each of its own episode, at revision 0."""
    return [finding(episode=n, revision=0, status="open", **changes) for n in range(count)]


_numbers = st.floats(allow_nan=False, allow_infinity=False)
_counts = st.integers(0, 2**53)
_names = st.text(max_size=40)
_moments = st.integers(-62_135_596_800_000_000, 253_402_300_799_999_999)  # the years 1 to 9999
_families = st.sampled_from(sorted(FAMILIES))

points = st.builds(
    Point,
    _moments,
    st.sampled_from(["seen", "halfway", "named", "joined", "grew", "quiet"]),
    st.none() | st.sampled_from(["low", "medium", "high", "critical"]),
)
contributions = st.builds(Contribution, _names, _numbers, st.none() | _numbers, _numbers)
evidences = st.builds(
    Evidence, _names, _names, _families, _numbers, _numbers, st.lists(contributions, max_size=3).map(tuple)
)
lineages = st.builds(
    Lineage, _names, _counts, _counts, _counts, _names, _names, st.lists(_names, max_size=2).map(tuple)
)
findings = st.builds(
    Finding,
    finding=st.binary(min_size=16, max_size=16).map(bytes.hex),
    revision=st.integers(0, 9_999),
    status=st.sampled_from(["open", "updated", "closed"]),
    tier=st.sampled_from(["named", "novelty"]),
    family=_families,
    model=_names,
    client=st.none() | _names,
    members=st.lists(_names, max_size=3).map(tuple),
    group=st.none() | _names,
    severity=st.sampled_from(["low", "medium", "high", "critical"]),
    risk=st.floats(0, 100),
    evalue=_numbers,
    budget=_numbers,
    started=_moments,
    raised_at=_moments,
    updated_at=_moments,
    queries=_counts,
    title=_names,
    reason=_names,
    change=_names,
    timeline=st.lists(points, max_size=3).map(tuple),
    evidence=st.lists(evidences, max_size=3).map(tuple),
    profile=st.none() | _names,
    exposure=st.builds(Exposure, _counts, _counts, _numbers, *[_counts] * 5),
    response=st.lists(_names, max_size=2).map(tuple),
    lineage=lineages,
    labels=st.dictionaries(_names, _names, max_size=3),
)

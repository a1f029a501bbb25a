"""Findings of every kind for the tests of formats, a hostile one among them, and texts that try to break a form."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from findings import EXAMPLE, finding
from hypothesis import strategies as st

from monitor.alerts.finding import Contribution, Evidence, Finding
from monitor.engine.gap import gap
from monitor.sinks.trial import sample

LINK: Final = "https://kibana.example.org/app/discover#/view/finding"
NASTY: Final = (
    "a|b=c\\d\ne\rf\tg\0h",
    "x cs1=forged|Injected|10|suid=root",
    '"]<!channel> [link](https://evil.example) ```\x1b[2J\x1b]0;t\x07',
    "\u202etxt.exe\u2066\u200b\ufeff \u2028\u2029\x85",
    "\\\\|\\=\\\\n\\",
    "^|^ x09 ]]] @32473 -1",
)
HOSTILE: Final = finding(
    model=NASTY[0],
    title=NASTY[2],
    reason=NASTY[1],
    change=NASTY[2],
    evidence=(Evidence(NASTY[3], NASTY[4], "evasion", 0.5, 3.0, (Contribution(NASTY[1], 4.0, 1.0, 0.5),)),),
    profile=NASTY[4],
    labels={NASTY[0]: NASTY[1], NASTY[2]: NASTY[3], "_id": NASTY[5]},
    response=(NASTY[5],),
)

CLIMB: Final = Evidence(
    "inversion",
    "climb",
    "inversion",
    0.94,
    38_900.0,
    (Contribution("near", 0.97, 0.05, 1.0), Contribution("record_highs", 61.0, 4.0, 0.9)),
)
MIXED: Final = Evidence("extraction", "mixup", "extraction", 0.9, 6e6, (Contribution("noisy", 0.7, 0.01, 0.9),))

CASES: Final[dict[str, Finding]] = {
    "named": finding(
        revision=1,
        status="open",
        title="Model inversion suspected",
        reason="After 1,280 queries the caller climbs the confidence of one answer from an unnatural start: new highs "
        "of the confidence 61 (usually 4), near-copies of earlier inputs 97% (usually 5%).",
        change="New.",
        evidence=(CLIMB,),
    ),
    "updated": EXAMPLE,
    "closed": finding(
        family="cost",
        status="closed",
        severity="medium",
        revision=7,
        evidence=(),
        change="Closed because nothing new spoke for it in 60 minutes of event time. Its revisions span 2 h 5 min.",
    ),
    "campaign": finding(
        family="extraction",
        members=("c1.aaaa", "c1.bbbb", "c1.cccc", "c1.dddd"),
        severity="critical",
        group=None,
        title="Model extraction suspected",
        evidence=(MIXED,),
    ),
    "novelty": finding(
        family="novelty",
        tier="novelty",
        severity="low",
        profile=None,
        response=("look at it",),
        members=("c1.aaaa", "c1.bbbb"),
        labels={"kind": "k7", "clients": "12"},
        evidence=(Evidence("novelty", "profiles", "novelty", 0.8, 900.0, (Contribution("near", 0.9, 0.1, 0.7),)),),
    ),
    "storm": finding(
        family="campaign",
        client=None,
        title="Storm of findings",
        reason="3100 signals of 900 clients beyond the findings that an hour may open: cost 3000, evasion 100",
        evidence=(Evidence("campaign", "storm", "campaign", 1.0, 5e6, (Contribution("folded", 3_100.0, 100.0, 0.5),)),),
        labels={"folded": "3100", "folded_clients": "900", "folded_families": "cost 3000, evasion 100"},
    ),
    "test": sample("inversion", "low", EXAMPLE.raised_at / 1e6, "golden"),
    "gap": gap("acme", EXAMPLE.lineage, 0, 1_200, 5_300, "expired", EXAMPLE.raised_at),
    "hostile": HOSTILE,
}

hostile = st.one_of(
    st.sampled_from(NASTY),
    st.text(st.characters(exclude_categories=()), max_size=60),  # lone surrogates included
    st.text(st.sampled_from('|=\\"]\n\r\t\0^ ;=x\x1b\u202e\ud800ä'), max_size=40),
    st.builds(lambda text, times: text * times, st.sampled_from(["x", "ä", "|", "\\", "&", "😀 "]), st.just(9_000)),
)


@st.composite
def hostile_findings(draw: st.DrawFn) -> Finding:
    """Any kind of finding, with hostile texts wherever a record's or an operator's text may stand."""
    base = draw(st.sampled_from(sorted(CASES)))
    pieces = tuple(
        replace(
            piece,
            detector=draw(hostile),
            test=draw(hostile),
            contributions=(Contribution(draw(hostile), draw(st.floats()), draw(st.none() | st.floats()), 0.5),),
        )
        for piece in CASES[base].evidence
    )
    return replace(
        CASES[base],
        model=draw(hostile),
        client=draw(st.none() | hostile),
        members=tuple(draw(st.lists(hostile, max_size=4))),
        group=draw(st.none() | hostile),
        title=draw(hostile),
        reason=draw(hostile),
        change=draw(hostile),
        evidence=pieces,
        response=tuple(draw(st.lists(hostile, max_size=2))),
        labels=draw(st.dictionaries(hostile, hostile, max_size=3)),
        status=draw(st.sampled_from(["open", "updated", "closed"])),
    )

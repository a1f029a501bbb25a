"""What an analyst is told beside a finding: what the attack is after, which honest use looks like it, where to look.

One place for all families; renderers and pages take the text from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from detectors.taxonomy import GAP
from monitor.alerts.finding import Finding

FOLDED: Final = "folded"  # label of the finding about a storm
FLOOD: Final = ("access", "flood")  # detector and test that speak of a flood of names


@dataclass(frozen=True, slots=True)
class Guidance:
    """Of one family: `aim`, what the attacker would get; `false_alarm`, the honest use that leaves the same trace;
    `look`, what tells the two apart."""

    aim: str
    false_alarm: str
    look: str


GUIDANCE: Final[Mapping[str, Guidance]] = MappingProxyType(
    {
        "inversion": Guidance(
            "Pictures or records that show what the training data of a class look like.",
            "A filter or a design that is tuned by the model's confidence, or a tool that explains single answers.",
            "Do the inputs begin as real ones and stay so? Then it is tuning; an attack begins with noise.",
        ),
        "attribute-inference": Guidance(
            "A sensitive column of people whose other columns are known.",
            "A fairness audit, a what-if page or dependence plots that sweep one column.",
            "Is the swept column sensitive, and are the records those of real people the caller should not know?",
        ),
        "property-inference": Guidance(
            "A property of the training data as a whole, from how versions of the model differ.",
            "A release test that replays one set of inputs against each version.",
            "Does the caller belong to the team that releases the model?",
        ),
        "membership-inference": Guidance(
            "Whether given records were among the training data.",
            "Augmented copies for steadier answers, robustness tests, or the owner's evaluation on training data.",
            "Are the base records the caller's own customers, and does a steadier answer come of the copies?",
        ),
        "extraction": Guidance(
            "A copy of the model that answers as it does.",
            "A load test, a scan of the whole input space for documentation, or explanations with redrawn columns.",
            "Are the inputs ones that a customer has? Has the account a reason for that volume?",
        ),
        "evasion": Guidance(
            "An input that the model takes for something else.",
            "Counterfactual explanations, occlusion or robustness reports, a camera on a scene near a boundary.",
            "Does the chain end as soon as the answer flips, and is the flipped answer worth something to the caller?",
        ),
        "backdoor-probing": Guidance(
            "The trigger that makes a poisoned model give one answer to every input.",
            "A watermark, a frame or a logo on every input, or a test of robustness against patches.",
            "Is the patch part of the caller's ordinary inputs? Test the model with it: a trigger works for anybody.",
        ),
        "llm-leakage": Guidance(
            "Training text, hidden instructions, or a student model that reasons alike.",
            "A benchmark harness, templates of an application, or structured output with fixed biases.",
            "Are the prompts written by many people or by one program? Do the answers hold known passages?",
        ),
        "cost": Guidance(
            "Your budget, or the service's availability for others.",
            "A migration, a backfill, a launch, or retries without back-off.",
            "Did the caller announce it? Is most of it retries of requests that failed on our side?",
        ),
        "access": Guidance(
            "A key or a model that the caller was not given.",
            "An expired key that nobody renewed, or an office behind one address.",
            "Were the keys valid once, and do they belong to one organisation?",
        ),
        "gap": Guidance(
            "Nothing by itself: it says of a stretch of the log that nobody has watched it.",
            "The topic was made anew, or emptied, on purpose.",
            "Was the monitor away for longer than the log is kept, and do the models' own logs show that stretch?",
        ),
        "campaign": Guidance(
            "The same as one attacker, under the limits of each account.",
            "One customer with several keys, tenants of one integrator, or a shared toolkit with the same tests.",
            "Who pays for the accounts, when were they opened, and do they act for one organisation?",
        ),
        "novelty": Guidance(
            "Unknown: this is traffic that resembles no known profile, and no named attack.",
            "A new product, a new region, a new version of a client library.",
            "Ask the customer. Name the profile if it is known, and it will be ordinary from then on.",
        ),
    }
)

STORM_GUIDANCE: Final = Guidance(
    "That findings come faster than anybody can read them: to hide one attack among many, or by many accounts at once.",
    "A release that changed what every client sends, an outage with its retries, or a budget that is set too high.",
    "Did a release or an outage begin then? Findings of a higher severity have places of their own: read those first.",
)
FLOOD_GUIDANCE: Final = Guidance(
    "Room: new names drive out what is remembered of others, so that a slow attack is forgotten.",
    "A launch, an integrator that gives every user a name, or a gateway that names each session.",
    "Do the new names come back? Names that are used once are made up, or are sessions. Raise engine.clients if not.",
)


def guidance(finding: Finding) -> Guidance:
    """What an analyst is told beside the finding; a storm and a flood have words of their own."""
    if FOLDED in finding.labels:
        return STORM_GUIDANCE
    first = finding.evidence[0] if finding.evidence else None
    if first is not None and (first.detector, first.test) == FLOOD:
        return FLOOD_GUIDANCE
    return GUIDANCE[finding.family]


def checks(finding: Finding) -> tuple[str, ...]:
    """Commands that show more of the finding, one a line, to be run where the settings are."""
    if finding.family == GAP:
        return (f"probewatch alerts show {finding.finding[:12]}", "probewatch status", "probewatch dead-letters list")
    known = (f"probewatch alerts show {finding.finding[:12]}", "probewatch status")
    if FOLDED in finding.labels or not finding.evidence:
        return known
    asked = f"probewatch detectors explain {finding.evidence[0].detector}"
    who = ("probewatch pseudonym",) if finding.client is not None or finding.members else ()
    return (known[0], asked, *who)

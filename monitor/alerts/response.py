"""What to do about a finding: the first answers to each attack family, the mildest first, with the effect of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from detectors.taxonomy import MITIGATIONS, Mitigation

_PRIVACY: Final = ("throttle", "coarser scores", "label only", "block")


@dataclass(frozen=True, slots=True)
class Action:
    """An answer that a gateway can give: `effect` says what it does to the attack, and what it costs."""

    name: str
    effect: str
    mitigations: tuple[Mitigation, ...]


ACTIONS: Final[Mapping[str, Action]] = MappingProxyType(
    {
        one.name: one
        for one in (
            Action(
                "throttle",
                "Fewer queries a minute: the attack takes longer, and nobody is turned away.",
                (MITIGATIONS["limit"],),
            ),
            Action(
                "coarser scores",
                "Round the scores, or give the first few alone: a search by scores loses its compass.",
                (MITIGATIONS["obfuscate"],),
            ),
            Action(
                "label only",
                "Answer with the label alone: a search has to go by the boundary, at many times the cost.",
                (MITIGATIONS["obfuscate"],),
            ),
            Action(
                "challenge",
                "Let the account prove who is behind it before it goes on: accounts by the dozen become dear.",
                (MITIGATIONS["control"],),
            ),
            Action(
                "block",
                "Refuse the client: it stops, and an attacker learns that it was seen, and when.",
                (MITIGATIONS["control"], MITIGATIONS["detect"]),
            ),
        )
    }
)

STORM: Final = ("throttle", "challenge", "look at the families that it counts, the most severe first")
FLOOD: Final = ("throttle", "challenge", "let fewer new accounts in")

RESPONSES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "inversion": _PRIVACY,
        "attribute-inference": ("throttle", "coarser scores", "block"),
        "membership-inference": _PRIVACY,
        "property-inference": ("throttle", "coarser scores"),
        "extraction": ("throttle", "coarser scores", "challenge", "block"),
        "evasion": ("throttle", "label only", "block"),
        "backdoor-probing": ("throttle", "challenge", "block"),
        "llm-leakage": ("throttle", "challenge", "block"),
        "cost": ("throttle", "challenge", "block"),
        "access": ("challenge", "block"),
        "campaign": ("challenge", "block"),
        "gap": ("keep the log for longer than an outage", "ask the models' own logs about this stretch"),
        "novelty": ("look at it", "name the profile if it is known"),
    }
)

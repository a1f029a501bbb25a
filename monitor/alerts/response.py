"""What to do about a finding: the first answers to each attack family, the mildest that helps first."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_PRIVACY: Final = ("throttle", "coarser scores", "label only", "block")

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

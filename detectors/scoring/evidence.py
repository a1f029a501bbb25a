"""From strengths and p-values to e-values, and from those to what an analyst reads: budget, risk, severity.

An e-value is a bet against "this client is honest": on honest clients it averages to at most 1, so that one client in
1,000 reaches 1,000.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

import numpy as np

from detectors.contract import Floats

SPEAKS: Final = 0.5  # the structural floor of every named test
DECADES: Final = 6.0  # orders of magnitude from strength 0 to 1
ALONE: Final = 0.8  # what a client's first block counts in its level, as nothing confirms it
STAKE: Final = 0.4  # the strength at which a block neither wins nor loses capital: an honest client's blocks lose
MOST: Final = 1.0  # capital that a client can gather: an attack that has ended is forgotten within a few blocks

# What it costs the owner of a model if the claim is true and the attack succeeds: personal data of the training set
# first, then the model itself and its integrity, then money and access; novelty claims nothing yet.
WORTH: Final[Mapping[str, float]] = MappingProxyType(
    {
        "inversion": 1.0,
        "attribute-inference": 1.0,
        "membership-inference": 0.9,
        "backdoor-probing": 0.9,
        "extraction": 0.9,
        "llm-leakage": 0.85,
        "evasion": 0.8,
        "property-inference": 0.7,
        "campaign": 0.7,
        "access": 0.55,
        "cost": 0.55,
        "novelty": 0.35,
        "gap": 0.7,  # whatever was asked meanwhile
    }
)

Severity = Literal["low", "medium", "high", "critical"]


def named_evidence(strength: Floats, raised: Floats | float = SPEAKS) -> Floats:
    """E-value of a named test from its running strength of 0 to 1 (running.run): 10 ^ (6 (strength - lift)).

    Each block multiplies a client's e-value by 10 ^ (6 (strength - STAKE)), and it starts anew at 1 rather than fall
    below: an e-detector (Shin, Ramdas and Rinaldo, E-detectors, New England Journal of Statistics in Data Science
    2023, section 2), which is Page's sum on a logarithmic scale. The bet is a prior, not a fit: bounded gate scores
    have no Pareto tail, and a few hundred clients do not resolve 1 in 1,000. What a model's own clients teach enters
    as its `raised` floor (raised_floor), which only ever lifts the strength needed: there e is 1,000 instead. It
    fails for honest kinds of use that are built like the attack, as a counterfactual search is.

    >>> named_evidence(np.array([0.0, 0.5, 0.7])).round(1).tolist(), named_evidence(np.array([0.7]), 0.7).tolist()
    ([1.0, 1000.0, 15848.9], [1000.0])
    """
    lift = np.maximum(np.asarray(raised) - SPEAKS, 0.0)
    beyond = np.round(strength - lift, 12)  # a test exactly at its floor has exactly 1,000
    return np.asarray(10.0 ** (DECADES * beyond))


def required_evalue(budget: float, share: float = 1.0) -> float:
    """E-value that a finding must reach where a tier with `share` of the budget may name so many honest clients.

    `budget` is false findings per 1,000 clients a day, above 0; `share` is above 0, at most 1. By Markov's inequality
    an honest client reaches it with a probability of at most budget * share / 1,000.

    >>> required_evalue(1.0), required_evalue(20.0, share=0.5)
    (1000.0, 100.0)
    """
    if not (budget > 0.0 and 0.0 < share <= 1.0):
        raise ValueError(f"a budget is above 0 and its share above 0 and at most 1, not {budget} and {share}")
    return 1000.0 / (budget * share)


def risk(family: str, evalue: float, answered: int, *, specific: bool = True) -> float:
    """0 to 100: what is at stake, how sure we are, and how much the client has got so far.

    worth(family) * (50 + 30 certainty + 20 reach): certainty is 0 at e = 1 and 1 at e = 1,000,000, reach is 0 for no
    and 1 for 10,000 queries answered, both on a logarithmic scale. A test that is not `specific` (honest
    clients of some kind look the same, as in a confidence search) counts half. An order for the analyst's queue, not a
    probability. Errors: KeyError for a family that is not in WORTH.

    >>> risk("inversion", 1e6, 10_000), round(risk("evasion", 1000.0, 60)), round(risk("novelty", 1000.0, 60))
    (100.0, 59, 26)
    """
    certainty = float(np.clip(np.log10(max(evalue, 1.0)) / DECADES, 0.0, 1.0))
    reach = float(np.clip(np.log10(1.0 + answered) / 4.0, 0.0, 1.0))
    return WORTH[family] * (50.0 + 30.0 * certainty + 20.0 * reach) * (1.0 if specific else 0.5)


def severity(risk: float) -> Severity:
    """The band of a risk of 0 to 100.

    >>> [severity(r) for r in (20, 40, 60, 90)]
    ['low', 'medium', 'high', 'critical']
    """
    bands: tuple[tuple[float, Severity], ...] = ((80.0, "critical"), (55.0, "high"), (35.0, "medium"))
    return next((name for least, name in bands if risk >= least), "low")

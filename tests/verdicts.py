"""Verdicts made by hand, and what becomes of them."""

from __future__ import annotations

from typing import Any

from monitor.alerts.finding import Contribution, Evidence, Exposure, Finding, Lineage
from monitor.config.engine import EngineSettings
from monitor.engine.bank import Bank
from monitor.engine.clock import MINUTE
from monitor.engine.findings import Findings
from monitor.engine.verdicts import Court, Verdict

NOON = 1_795_255_200_000_000
ALICE, BOB = b"a" * 16, b"b" * 16
ORIGIN = Lineage("requests", 3, 0, 0, "1.0", "c0", ("2026-11",))


def court(**settings: Any) -> Court:
    return Court(Bank([]), EngineSettings(**settings))


def opened(**settings: Any) -> Findings:
    of = court(**settings)
    return Findings(of.settings, of, ORIGIN)


def piece(family: str = "evasion", evalue: float = 2_000.0, test: str = "walk", **changes: Any) -> Evidence:
    given = {"detector": family, "strength": 0.55, "contributions": (Contribution("near", 0.97, 0.05, 1.0),)}
    return Evidence(**({"test": test, "family": family, "evalue": evalue} | given | changes))


def verdict(*evidence: Evidence, answered: int = 40, **changes: Any) -> Verdict:
    given: dict[str, Any] = {
        "index": 0,
        "model": "credit",
        "client": ALICE,
        "group": bytes(16),
        "started": NOON - 90 * MINUTE,
        "first_offset": 7,
        "last_offset": 99,
        "queries": 50,
        "evidence": evidence or (piece(),),
        "profile": "profile 2",
        "exposure": Exposure(50, answered, 120.0, 48, 2, 10),
    }
    return Verdict(**(given | changes))


def heard(findings: Findings, of: Verdict, clock: int = NOON) -> list[Finding]:
    return list(findings.hear(of, clock))

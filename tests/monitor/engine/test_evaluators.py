"""Clients who evaluate a model for its owner: the same inputs come again are their work, attacks are not."""

from __future__ import annotations

from typing import Any

import pytest
import recorded

from monitor.engine.bank import Bank
from monitor.record.pseudonyms import Pseudonyms


def families(family: str, *evaluators: str) -> set[str]:
    """What is found in the recorded queries of those who did `family`, with these clients known as evaluators."""
    lines = recorded.records(lambda _who, label, _record: label["family"] == family)
    names, plain = Pseudonyms(recorded.KEYS.pseudonyms, recorded.KEYS.epoch), recorded.every()
    own = {model: frozenset(map(names.client, evaluators)) for model in {recorded.model(one) for one in asked(family)}}
    engine = recorded.engine(Bank(plain.detectors, plain.sensitive, evaluators=own))
    return {finding.family for finding in engine.feed(recorded.decoded(lines))}


def asked(family: str) -> list[dict[str, Any]]:
    known = recorded.labels()
    return [record for _, record in recorded.day() if known[recorded.client(record)]["family"] == family]


@pytest.mark.parametrize(("family", "left"), [("property-inference", False), ("attribute-inference", True)])
def test_an_evaluator_may_replay_and_nothing_else(family: str, left: bool) -> None:
    who = sorted({recorded.client(record) for record in asked(family)})
    assert family in families(family)
    assert family in families(family, "somebody/else")
    assert (family in families(family, *who)) is left

"""State of an earlier layout goes on where it stood: the dump beside this file was made by a program of layout 3."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import recorded

from detectors.features.layout import HEADER, headers
from monitor.alerts.finding import Finding
from monitor.engine.partition import PartitionEngine

THIRD = Path(__file__).with_name("layout-3.npz")
ATTACKS = {"csmia-hispanic", "uniform-rows"}
SLOW = os.environ.get("NUMBA_DISABLE_JIT") == "1"
CUT = 330  # records that the dump has seen


def arrays() -> dict[str, Any]:
    with np.load(THIRD) as file:
        return {name.replace("|", "/"): file[name] for name in file.files}


def restored() -> PartitionEngine:
    return PartitionEngine.restore(
        recorded.PARTITION, recorded.engine_settings(), recorded.every(), arrays(), recorded.ORIGIN
    )


def lines() -> list[bytes]:
    return recorded.records(
        lambda _, label, record: (
            recorded.model(record) == "hi" and (label["kind"] in ATTACKS if label["attack"] else label["queries"] <= 40)
        )
    )


def known_to_both(one: Finding) -> Finding:
    """A revision without what layout 3 did not keep, and without the sentences, which have other words now."""
    bare = replace(one.exposure, sweeps=0, trained=0)
    return replace(one, exposure=bare, change="", reason="", timeline=())


@pytest.mark.skipif(SLOW, reason="uncompiled kernels round the last digit in another way")
def test_findings_go_on_where_a_state_of_layout_3_stood() -> None:
    whole = recorded.engine()
    whole.feed(recorded.decoded(lines()[:CUT]))
    rest = recorded.decoded(lines()[CUT:], CUT)
    engine = restored()
    assert engine.stats().findings_open == 1
    found, expected = engine.feed(rest), whole.feed(rest)
    assert len(found) > 20
    assert found[-1].timeline == expected[-1].timeline, "of what opened later everything is known"
    assert [known_to_both(one) for one in found] == [known_to_both(one) for one in expected]


def test_a_state_of_layout_3_is_dumped_as_the_present_one() -> None:
    dump = restored().dump()
    again = PartitionEngine.restore(
        recorded.PARTITION, recorded.engine_settings(), recorded.every(), dump, recorded.ORIGIN
    ).dump()
    assert dump.keys() == again.keys()
    assert dump["view0/windows0/headers"].dtype == HEADER
    assert [name for name in dump if dump[name].tobytes() != again[name].tobytes()] == []


def test_headers_widen_with_what_they_had() -> None:
    narrow = np.zeros(3, [(name, HEADER[name]) for name in HEADER.names or () if name not in ("swept", "trained")])
    narrow["count"] = [5, 6, 7]
    wide = headers(narrow)
    assert (wide["count"].tolist(), wide["swept"].tolist()) == ([5, 6, 7], [0, 0, 0])
    assert headers(wide) is wide

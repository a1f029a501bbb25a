"""Small cells: what a finding says of others comes of at least `engine.small_cell` clients, and no value of a record is
in it at all."""

from __future__ import annotations

import json
import os
from functools import cache
from typing import Any

import orjson
import pytest
import recorded
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.formats.catalogue import RENDERERS

SLOW = os.environ.get("NUMBA_DISABLE_JIT") == "1"
CANARY = "canary"
HONEST = {"user", "typing-user", "retries", "segment", "pricing"}  # kinds of ordinary clients


def marked(record: dict[str, Any]) -> bytes:
    """The record with canaries for all that names somebody or something: the client, its group, address and program,
    the version, the answers, and every value that is a text."""
    who = {key: f"{CANARY}-{value}" for key, value in record["client"].items()}
    answers = {f"{CANARY}-{label}": share for label, share in record["output"]["probabilities"].items()}
    cells = record["input"]["columns"].items()
    return orjson.dumps(
        record
        | {
            "client": who,
            "model": {"name": "hi", "version": f"{CANARY}-version"},
            "input": {"columns": {key: f"{CANARY}-{v}" if isinstance(v, str) else v for key, v in cells}},
            "output": {"label": f"{CANARY}-{record['output']['label']}", "probabilities": answers},
        }
    )


@cache
def traffic() -> tuple[list[str], list[tuple[str, bytes]]]:
    """The names of ordinary clients, and all records of theirs and of one attacker."""
    known = recorded.labels()
    asked = [
        (recorded.client(record), marked(record))
        for line, record in recorded.day()
        if recorded.model(record) == "hi"
        and "output" in record
        and known[recorded.client(record)]["kind"] in HONEST | {"csmia-hispanic"}
        for record in [json.loads(line)]
    ]
    counts = {who: sum(other == who for other, _ in asked) for who, _ in asked}
    honest = [who for who in counts if not known[who]["attack"] and counts[who] >= 20]
    return sorted(honest), asked


@pytest.mark.skipif(SLOW, reason="uncompiled kernels take a thousand times as long")
@settings(max_examples=12, deadline=None)
@given(clients=st.integers(0, 9), cell=st.integers(1, 9))
def test_what_is_usual_comes_of_enough_clients_or_is_not_told(clients: int, cell: int) -> None:
    honest, asked = traffic()
    attacker = next(who for who, _ in asked if recorded.labels()[who]["attack"])
    kept = {attacker, *honest[:clients]}
    found = recorded.engine(small_cell=cell).feed(recorded.decoded([line for who, line in asked if who in kept]))
    assert found, "the attacker is found whoever else is there"
    for one in found:
        told = [c for piece in one.evidence for c in piece.contributions if c.usual is not None]
        if len(kept) < cell:
            assert (told, one.profile) == ([], None)
        forms = [render(one) for render in RENDERERS.values()]
        assert not [form for form in map(orjson.dumps, forms) if CANARY.encode() in form]
    if cell == 1 and clients >= 5:  # where there are enough, it is told: the rule is no gag
        assert [c for piece in found[-1].evidence for c in piece.contributions if c.usual is not None]


@pytest.mark.skipif(SLOW, reason="uncompiled kernels take a thousand times as long")
def test_one_client_more_makes_the_difference() -> None:
    honest, asked = traffic()
    lines = [line for who, line in asked if recorded.labels()[who]["attack"] or who in honest[:9]]

    def told(cell: int) -> bool:
        found = recorded.engine(small_cell=cell).feed(recorded.decoded(lines))
        return any(c.usual is not None for one in found for piece in one.evidence for c in piece.contributions)

    heard = [told(cell) for cell in range(1, 12)]
    assert heard == sorted(heard, reverse=True)
    assert heard[0]
    assert not heard[-1], "eleven are more than there are"

"""Tables of few columns: honest clients whose rows agree by chance are not accused, and attackers on them are found."""

from __future__ import annotations

import os
from collections import Counter
from functools import cache

import narrow
import pytest
import recorded

from detectors.sketch.rows import RowSketcher
from monitor.alerts.finding import Finding
from monitor.engine.bank import Bank
from monitor.record.pseudonyms import Pseudonyms, text

SLOW = os.environ.get("NUMBA_DISABLE_JIT") == "1"
pytestmark = pytest.mark.skipif(SLOW, reason="whole days through uncompiled kernels")

HONEST = 210
EACH = 4
NAMES = Pseudonyms(recorded.KEYS.pseudonyms, recorded.KEYS.epoch)
#: Named honest clients of 210. Before rows' agreement was weighed: 43, 50, 24, 12, 12, 22, 0.
ALLOWED = {"two": 1, "three": 1, "four": 1, "five": 1, "five flags": 1, "five tied": 3, "thirteen": 1}


@cache
def named(table: str) -> dict[narrow.Client, list[Finding]]:
    """Who came in a day of that table, and the named findings of each."""
    marked = int(RowSketcher(recorded.KEYS.sketches).sketch([{narrow.MARKED: 0.0}])[0].name[0])
    bank = Bank(recorded.every().detectors, {"narrow": {marked: narrow.MARKED}})
    lines, clients = narrow.play(narrow.TABLES[table], HONEST, EACH, seed=7)
    engine = recorded.engine(bank)
    found = [one for one in engine.feed(recorded.decoded(lines)) if one.tier == "named"]
    owners = {text(NAMES.client(client.name)): client for client in clients}
    said: dict[narrow.Client, list[Finding]] = {client: [] for client in clients}
    for one in found:
        for name in [one.client] if one.client is not None else one.members:
            said[owners[name]].append(one)
    return said


@pytest.mark.parametrize("table", ALLOWED)
def test_honest_clients_of_a_narrow_table_are_not_named(table: str) -> None:
    accused = Counter(
        found[0].evidence[0].test for client, found in named(table).items() if found and not client.hostile
    )
    assert accused.total() <= ALLOWED[table], accused


@pytest.mark.parametrize(
    ("table", "attack"),
    [("three", "sweep"), ("four", "sweep"), *(("five", kind) for kind in ("copies", "sweep", "uniform", "leaves"))],
)
def test_attackers_on_a_narrow_table_are_found(table: str, attack: str) -> None:
    found = [said for client, said in named(table).items() if client.kind == attack]
    soon = [any(one.family == narrow.ATTACKS[attack][1] and one.queries <= 200 for one in said) for said in found]
    assert len(soon) == EACH
    assert sum(soon) >= EACH - 1

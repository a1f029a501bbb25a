"""Tables of few columns: honest clients whose rows agree by chance are not accused, and attackers on them are found."""

from __future__ import annotations

import os
from collections import Counter
from functools import cache

import narrow
import pytest
from accused import Said, heard, named, soon

SLOW = os.environ.get("NUMBA_DISABLE_JIT") == "1"
pytestmark = pytest.mark.skipif(SLOW, reason="whole days through uncompiled kernels")

HONEST = 210
EACH = 4
#: Named honest clients of 210. Before rows' agreement was weighed: 40, 51, 28, 16, 8, 16, 0.
ALLOWED = {"two": 1, "three": 1, "four": 1, "five": 1, "five flags": 1, "five tied": 3, "thirteen": 1}


@cache
def day(table: str) -> Said:
    return heard(narrow.TABLES[table], HONEST, EACH, seed=7)


@pytest.mark.parametrize("table", ALLOWED)
def test_honest_clients_of_a_narrow_table_are_not_named(table: str) -> None:
    accused = Counter(
        named(found)[0].evidence[0].test for client, found in day(table).items() if named(found) and not client.hostile
    )
    assert accused.total() <= ALLOWED[table], accused


@pytest.mark.parametrize(
    ("table", "attack"),
    [("three", "sweep"), ("four", "sweep"), *(("five", kind) for kind in ("copies", "sweep", "uniform", "leaves"))],
)
def test_attackers_on_a_narrow_table_are_found(table: str, attack: str) -> None:
    found = [soon(client, said)[1] for client, said in day(table).items() if client.kind == attack]
    assert len(found) == EACH
    assert sum(found) >= EACH - 1

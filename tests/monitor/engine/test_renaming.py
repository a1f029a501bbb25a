"""Everything that is known under some names, renamed, against everything made under the other names from the start.

The other names keep the halves and the order of the clients' keys, on which what is learnt depends (decision 0019), so
that all that may differ is what is a hash of the names themselves: ids of findings, names of groups, the maps by which
clients of a kind or of a storm are counted, and where in a table of hashes something lies
"""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from hashlib import blake2b
from itertools import count
from typing import Any

import numpy as np
import pytest
import recorded
from queries import part
from test_golden import GOLDEN, merged
from test_invariance import SLOW, restored, scene

from detectors.features.renaming import Renaming, key_of
from detectors.scoring.teaching import fold_of
from detectors.sketch.queries import Queries
from monitor.alerts.finding import Finding
from monitor.engine.partition import PartitionEngine

# of each scene the query with which the names change: groups, findings and suspects are known then, and more come
TURNS = {"hi": 3_000, "digits": 3_000, "campaign/attack": 1_400, "campaign/slow": 1_500}
SLOW_TURNS = {"hi": 600}


@cache
def successor(name: bytes) -> bytes:
    """Another name whose key is of the same half, and stands where the old one stood among the others."""
    if not name:
        return b""
    keys = (key_of(name) + step for step in count(1))
    own = fold_of(np.array([key_of(name)], np.uint64))[0]
    key = next(one for one in keys if fold_of(np.array([one], np.uint64))[0] == own)
    return key.to_bytes(8, "little") + blake2b(name, digest_size=8).digest()


@cache
def log(name: str) -> Queries:
    if "/" not in name:
        return scene(name)
    return recorded.decoded(merged(GOLDEN / name))


def other(queries: Queries) -> Queries:
    names = {sort: tuple(map(successor, getattr(queries, sort))) for sort in ("client", "group", "address")}
    return replace(queries, **names)


@cache
def both(name: str, turn: int) -> tuple[PartitionEngine, PartitionEngine]:
    """An engine that was renamed, and one that knows the other names alone, at the same query."""
    renamed, anew, queries = recorded.engine(), recorded.engine(), part(log(name), 0, turn)
    renamed.feed(queries)
    renamed.rename(Renaming({one: successor(one) for one in sorted(renamed.known())}))
    anew.feed(other(queries))
    return renamed, anew


def plain(found: list[Finding]) -> list[Any]:
    """Findings without what is a hash of names."""
    return [replace(one, finding="", client=one.client, members=tuple(sorted(one.members))) for one in found]


def canonical(engine: PartitionEngine) -> dict[str, Any]:
    """The state without what is a hash of names, and tables of hashes as what stands in them."""
    found: dict[str, Any] = {}
    for name, array in engine.dump().items():
        if name.endswith(("rhythm/callers", "rhythm/pairs")):
            key = "client" if name.endswith("callers") else "key"
            rows = array.reshape(-1)
            found[name] = sorted(row.tobytes() for row in rows[rows[key] != 0])
        elif name.endswith("index/clients"):
            latest = engine.dump()[name.replace("index/clients", "index/latest")]
            found[name] = sorted((one, two) for one, two in zip(array.tolist(), latest.tolist(), strict=True) if one)
        elif name == "findings/open":
            found[name] = [_episode(one) for one in json.loads(array.tobytes())]
        elif name == "findings/kinds/known":
            tree = json.loads(array.tobytes())
            found[name] = {model: [kind[:2] for kind in kinds] for model, kinds in tree.items()}
        elif name == "findings/storm/counts":
            found[name] = json.loads(array.tobytes())[:-1]
        elif name.endswith("campaigns/names"):
            found[name] = list(json.loads(array.tobytes()))
        elif not name.endswith("index/latest") and not ("/grouped/windows" in name and name.endswith("/names")):
            found[name] = array.tobytes()
    return found


def _episode(one: list[Any]) -> list[Any]:
    client, heard, told, finding = one
    members = sorted(finding["members"])
    return ["" if members else client, heard, told, finding | {"finding": "", "members": members}]


CASES = SLOW_TURNS if SLOW else TURNS


@pytest.mark.parametrize(("name", "turn"), CASES.items(), ids=list(CASES))
def test_a_renamed_engine_is_one_that_knew_the_other_names_from_the_start(name: str, turn: int) -> None:
    renamed, anew = both(name, turn)
    one, two = canonical(renamed), canonical(anew)
    for table in [name for name in one if name.endswith("rhythm/pairs")]:  # full rows lose one or another of them
        pairs, others = set(one.pop(table)), set(two.pop(table))
        assert len(pairs ^ others) <= 0.1 * len(others)
    assert [table for table in one.keys() | two.keys() if one.get(table) != two.get(table)] == []
    assert json.loads(renamed.dump()["findings/open"].tobytes())


@pytest.mark.parametrize(("name", "turn"), CASES.items(), ids=list(CASES))
def test_it_says_the_same_afterwards_campaigns_included(name: str, turn: int) -> None:
    renamed, anew = (restored(engine) for engine in both(name, turn))
    rest = other(part(log(name), turn, len(log(name))))
    told = plain(renamed.feed(rest))
    assert told == plain(anew.feed(rest))
    assert told
    if "/" in name:
        assert any(one.members and one.family != "campaign" for one in told)


@pytest.mark.parametrize(("name", "turn"), CASES.items(), ids=list(CASES))
def test_not_renaming_one_table_would_be_seen(name: str, turn: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """That the first test can fail: for each table that `View.rename` hands the names to."""
    missed = []
    for owner, method in (
        ("detectors.features.windows.Windows", "rename"),
        ("detectors.scoring.samples.Samples", "rename"),
        ("detectors.scoring.teaching.TeachingRows", "rename"),
        ("monitor.engine.kinship.Kinship", "rename"),
        ("monitor.engine.ties.Ties", "rename"),
        ("monitor.engine.suspects.Suspects", "rename"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(f"{owner}.{method}", lambda *_: None)
            engine = recorded.engine()
            engine.feed(part(log(name), 0, turn))
            engine.rename(Renaming({one: successor(one) for one in sorted(engine.known())}))
            if canonical(engine) == canonical(both(name, turn)[1]):
                missed.append(owner.rpartition(".")[2])
    unused = {"campaign/slow": set(), "campaign/attack": {"Suspects"}}  # nobody stands in those tables there
    assert set(missed) <= unused.get(name, {"Suspects", "Ties"})


def test_changes_since_before_a_renaming_are_not_told() -> None:
    engine = recorded.engine()
    engine.feed(part(log("hi"), 0, 200))
    marks = engine.marks()
    assert engine.tells(marks)
    who = next(iter(engine.known()))
    engine.rename(Renaming({who: successor(who)}))
    assert not engine.tells(marks)
    engine.feed(other(part(log("hi"), 200, 260)))
    with pytest.raises(ValueError, match="other names"):
        engine.changes(marks)
    assert engine.tells(engine.marks())

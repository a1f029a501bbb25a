"""A client is erased from an engine: no trace of it is left in what a snapshot would hold, and others stay."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import recorded
from queries import START, Query, columns, name16
from test_succession import OLD, OVERLAP, begun, carried, second, under_both

from monitor.engine.partition import PartitionEngine
from monitor.record.pseudonyms import text
from monitor.runtime.forgetting import traces_of


def left(engine: PartitionEngine, client: bytes) -> list[str]:
    """The arrays in which something of a client is left, findings' texts and 64-bit keys included."""
    traces = list(traces_of(client))
    return [name for name, array in engine.dump().items() if any(trace in array.tobytes() for trace in traces)]


@pytest.mark.parametrize("name", ["hi", "digits"])
def test_nothing_is_left_of_whoever_is_erased(name: str) -> None:
    engine = carried(begun(name), OLD)
    senders = Counter(second(name).client)
    known = engine.known()
    suspects = {row.tobytes() for row in known_members(engine)}
    chosen = [who for who, _ in senders.most_common() if who in known][:6] + sorted(suspects)[:6]
    assert any(len(left(engine, who)) > 6 for who in chosen)
    for who in chosen:
        engine.forget(who)
        assert left(engine, who) == []
    assert engine.known() <= known - set(chosen)
    again = carried(engine, OLD)  # what is left is whole
    again.feed(second(name))
    engine.feed(second(name))
    assert {key: value.tobytes() for key, value in again.dump().items()} == {
        key: value.tobytes() for key, value in engine.dump().items()
    }


def known_members(engine: PartitionEngine) -> list[np.ndarray]:
    """Pseudonyms of clients in groups and in findings."""
    from monitor.record.pseudonyms import read

    found = {read(who) for who in _texts(engine)}
    return [np.frombuffer(who, np.uint8) for who in found if who in engine.known()]


def _texts(engine: PartitionEngine) -> set[str]:
    import json

    episodes = json.loads(engine.dump()["findings/open"].tobytes())
    return {who for one in episodes for who in (one[3]["client"], *one[3]["members"]) if who}


def test_others_keep_what_is_known_of_them() -> None:
    engine = recorded.engine()
    engine.feed(columns([Query(client=who, address="1", status=401, model=who) for who in ("a", "b", "c") * 5]))
    before = engine.known()
    engine.forget(name16("b"))
    assert engine.known() == before - {name16("b")}
    engine.forget(name16("1"))  # an address
    assert engine.known() == {name16("a"), name16("c")}
    engine.forget(name16("nobody"))
    assert engine.known() == {name16("a"), name16("c")}


def test_a_finding_about_several_goes_on_without_the_erased_one() -> None:
    engine = recorded.engine()
    keys = [Query(client=f"k{n}", address="spray", status=401, time=START + n * 1_000_000) for n in range(40)]
    opened = engine.feed(columns(keys))
    assert len(opened[-1].members) >= 3
    gone = opened[0].members[0]
    who = next(name16(f"k{n}") for n in range(40) if text(name16(f"k{n}")) == gone)
    engine.forget(who)
    assert left(engine, who) == []
    more = engine.feed(columns([Query(client="k1", address="spray", status=401, time=START + 3_600_000_000)], 40))
    assert all(gone not in one.members for one in more)


def test_erased_while_two_keys_overlap() -> None:
    engine = carried(begun("hi"), OVERLAP)
    who = next(one for one in second("hi").client if one in engine.known())
    engine.feed(under_both(second("hi").span(0, 40)))
    for name in (who, *(one for one in under_both(second("hi")).client if getattr(one, "former", b"") == who)):
        engine.forget(bytes(name))
        assert left(engine, bytes(name)) == []

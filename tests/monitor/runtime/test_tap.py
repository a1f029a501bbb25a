"""What a tap gives away: measures, never an input, a name, or a hash of either."""

from __future__ import annotations

import json
import threading

import numpy as np
import pytest

from monitor.record.decode import Decoder
from monitor.record.raw import Partition, RawBatch
from monitor.runtime.keys import OPEN_KEYS
from monitor.runtime.tap import Tap

PART = Partition("q", 0)
SECRET = "hunter2-canary"
INPUTS = (
    {"vector": [0.123456789, 2.0, 3.0, 4.0]},
    {"columns": {SECRET: 4711.0815, "name": SECRET}},
    {"text": f"{SECRET} and some more words of a text"},
)


def batch(count: int) -> RawBatch:
    lines = [
        json.dumps(
            {
                "client": {"id": f"{SECRET}-{at}", "group": SECRET},
                "model": "m" if at % 2 else "other",
                "time": 1_795_255_200_000,
                "input": INPUTS[at % 3],
                "output": {"label": SECRET, "probabilities": {SECRET: 0.9, "no": 0.1}},
                "request": {"logprobs": True},
            }
        ).encode()
        for at in range(count)
    ]
    return RawBatch(PART, lines, np.arange(count), np.full(count, -1, np.int64), count)


def drawn(tap: Tap, records: int, model: str | None = None) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    visitor = threading.Thread(target=lambda: found.extend(tap.draw(records, 20, model)))
    visitor.start()
    queries = Decoder(OPEN_KEYS).decode(batch(40)).queries
    while visitor.is_alive():
        tap.offer(queries, PART)
        visitor.join(0.01)
    return found


@pytest.mark.parametrize("model", [None, "m"])
def test_a_sample_is_spread_and_gives_nothing_away(model: str | None) -> None:
    rows = drawn(Tap(), 24, model)
    assert len(rows) == 24
    assert {row["model"] for row in rows} == ({"m"} if model else {"m", "other"})
    assert {row["offset"] for row in rows} >= ({1, 39} if model else {0, 39})
    said = json.dumps(rows)
    assert SECRET not in said
    assert "4711" not in said
    assert "0.1234" not in said
    assert rows[0]["output"] == {"p1": 0.9, "p2": 0.1, "classes": 2, "digits": 1, "labelled": True}
    assert rows[0]["request"] == ["logprobs"]


def test_there_is_room_for_a_few_visitors() -> None:
    tap = Tap()
    waiting = [threading.Thread(target=tap.draw, args=(1, 20)) for _ in range(8)]
    for one in waiting:
        one.start()
    while len(tap._wishes) < 8:
        threading.Event().wait(0.01)
    assert tap.draw(1, 20) == []
    tap.offer(Decoder(OPEN_KEYS).decode(batch(40)).queries, PART)
    for one in waiting:
        one.join(10)
    assert tap._wishes == []


def test_what_does_not_come_in_time_is_not_waited_for() -> None:
    assert Tap().draw(5, 0.01) == []

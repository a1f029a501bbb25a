"""Records on which the code itself fails. None is known, so that the faults are put in by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from edge_records import DECODER, NOON, batch, dumps, facts, record

from monitor.record.columns import ColumnMaker
from monitor.record.found import Found
from monitor.record.gathering import Gathering
from monitor.record.read_record import RecordReader
from monitor.record.rejected import Rejected

HOSTILE = "hostile-name"
RECORDS = 50


def payloads(*hostile: int) -> list[bytes]:
    """One record a place, each with an input of its own."""
    made = [record(id=f"r-{at}", input={"vector": [float(at), 1.0, 2.0]}) for at in range(RECORDS)]
    for at in hostile:
        made[at] = record(model=HOSTILE, id=f"r-{at}")
    return [dumps(one) for one in made]


@pytest.fixture(params=["while it is read", "while its columns are made"])
def fault(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The code fails on hostile records with an error that repeats them; the name of the place."""
    read, make = RecordReader.read, ColumnMaker.make

    def reading(self: RecordReader, one: Any, *others: Any) -> Any:
        if one["model"] == HOSTILE:
            raise OverflowError(str(one))
        return read(self, one, *others)

    def making(self: ColumnMaker, found: Found, offsets: Any, gathering: Gathering) -> Any:
        if HOSTILE in found.heads.model:
            raise OverflowError(str(found))
        return make(self, found, offsets, gathering)

    if request.param == "while it is read":
        monkeypatch.setattr(RecordReader, "read", reading)
    else:
        monkeypatch.setattr(ColumnMaker, "make", making)
    return str(request.param)


@pytest.mark.parametrize("hostile", [(0,), (17,), (RECORDS - 1,), (3, 4, 29), tuple(range(RECORDS))])
def test_only_what_fails_is_set_aside(fault: str, hostile: tuple[int, ...]) -> None:
    lines = payloads(*hostile)
    headers = [[("trace", b"1")] for _ in lines]
    decoded = DECODER.decode(batch(lines, first=1_000, log_time=NOON, headers=headers))
    detail = "record: OverflowError while it was decoded"
    place = batch(lines).partition
    assert decoded.rejected == [Rejected(place, 1_000 + at, "decoder-failed", detail, len(lines[at])) for at in hostile]
    good = [at for at in range(RECORDS) if at not in hostile]
    assert decoded.queries.offset.tolist() == [1_000 + at for at in good]
    alone = [facts(DECODER.decode(batch([lines[at]], first=1_000 + at, log_time=NOON)).queries)[0] for at in good]
    assert facts(decoded.queries) == alone


def test_it_costs_a_number_of_attempts_that_grows_with_the_logarithm(monkeypatch: pytest.MonkeyPatch) -> None:
    make, attempts = ColumnMaker.make, []

    def making(self: ColumnMaker, found: Found, *others: Any) -> Any:
        attempts.append(len(found))
        if HOSTILE in found.heads.model:
            raise ValueError
        return make(self, found, *others)

    monkeypatch.setattr(ColumnMaker, "make", making)
    assert len(DECODER.decode(batch(payloads(21))).rejected) == 1
    assert len(attempts) <= 2 + 2 * int(np.ceil(np.log2(RECORDS))) + 1
    assert sum(attempts) <= 5 * RECORDS


@pytest.mark.parametrize("problem", [MemoryError, OSError, KeyboardInterrupt])
def test_what_no_record_is_to_blame_for_goes_on(problem: type[BaseException], monkeypatch: pytest.MonkeyPatch) -> None:
    def making(*_: Any) -> Any:
        raise problem

    monkeypatch.setattr(ColumnMaker, "make", making)
    with pytest.raises(problem):
        DECODER.decode(batch(payloads()))


def test_what_fails_only_together_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    make = ColumnMaker.make

    def making(self: ColumnMaker, found: Found, *others: Any) -> Any:
        if len(found) == RECORDS:
            raise ValueError("together")
        return make(self, found, *others)

    monkeypatch.setattr(ColumnMaker, "make", making)
    with pytest.raises(ValueError, match="together"):
        DECODER.decode(batch(payloads()))

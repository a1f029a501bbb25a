"""Ids that collide or are reused, names that somebody else has chosen, and hashes that fall together: what is said of a
client depends on its own queries alone."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import recorded
from queries import START, Query, columns

from detectors.sketch.queries import Queries
from monitor.alerts.finding import Finding
from monitor.formats.native import encode
from monitor.record.decode import Decoder

Change = Callable[[int, dict[str, Any]], dict[str, Any]]


@cache
def records() -> list[dict[str, Any]]:
    """An attacker who is found, and ordinary clients, of one model."""

    def wanted(_: Any, label: dict[str, Any], record: dict[str, Any]) -> bool:
        fits = label["kind"] == "csmia-hispanic" if label["attack"] else label["queries"] <= 100
        return recorded.model(record) == "hi" and fits

    return [json.loads(line) for line in recorded.records(wanted)[:1_500]]


def found(change: Change = lambda _, record: record) -> list[Finding]:
    """The findings of the records, each changed."""
    lines = [json.dumps(change(at, record)).encode() for at, record in enumerate(records())]
    return recorded.engine().feed(recorded.decoded(lines))


def test_there_is_something_to_find() -> None:
    assert {"attribute-inference"} <= {one.family for one in found()}


@pytest.mark.parametrize(
    "name",
    [lambda at: "the same for all", lambda at: f"{at % 7}", lambda at: f"id-{at}", lambda at: "x" * (at % 600), None],
)
def test_ids_say_nothing(name: Callable[[int], str] | None) -> None:
    """Equal, reused, missing or monstrous: no state hangs on them, as nothing is joined by them."""
    changed = found(lambda at, record: record | {"id": None if name is None else name(at)})
    assert [encode(one) for one in changed] == [encode(one) for one in found()]


def mimic(at: int, record: dict[str, Any]) -> dict[str, Any]:
    """A stranger's record that names the client's group, address, user agent and id as its own."""
    return {
        "id": record.get("id"),
        "time": record["time"],
        "client": dict(record["client"]) | {"id": "stranger"},
        "model": {"name": "other-model", "version": record["model"].get("version", "1")},
        "input": record["input"],
        "output": record.get("output"),
    }


def with_stranger() -> Iterator[bytes]:
    for at, record in enumerate(records()):
        yield json.dumps(record).encode()
        yield json.dumps(mimic(at, record)).encode()


def identity(one: Finding) -> tuple[object, ...]:
    return one.finding, one.revision, one.client, one.family, one.queries, one.evidence, one.exposure


def test_whoever_names_a_clients_group_address_and_ids_changes_nothing_of_what_is_said_of_it() -> None:
    both = recorded.engine().feed(recorded.decoded(list(with_stranger())))
    stranger = Decoder(recorded.KEYS).names.client("stranger")
    of_others = [one for one in both if one.model == "hi"]
    assert [identity(one) for one in of_others] == [identity(one) for one in found()]
    assert stranger.hex() not in repr(of_others)


def test_refusals_at_an_address_name_who_was_refused_and_nobody_else() -> None:
    spray = [Query(client=f"k{n}", address="shared", status=401, time=START + n) for n in range(12)]
    honest = [Query(client="victim", address="shared", status=200, time=START + n) for n in range(12)]
    alone, both = recorded.engine().feed(columns(spray)), recorded.engine().feed(columns([*honest, *spray]))
    assert alone
    assert {one.members for one in alone} == {one.members for one in both}
    assert len(both[-1].members) <= 12


def seconds(queries: Queries) -> float:
    engine, begun = recorded.engine(), time.perf_counter()
    engine.feed(queries)
    return time.perf_counter() - begun


@pytest.mark.parametrize("step", [1 << 40, (1 << 61) - 1, 0])
def test_hashes_that_fall_together_cost_no_more_than_others(step: int) -> None:
    """Whoever makes sketches at the edge could choose exact hashes, labels and versions: equal low bits, equal modulo
    the prime that dictionaries use, or all the same."""
    count = 4_000
    plain = columns(
        [Query(client=f"c{n % 50}", exact=str(n), label=f"l{n}", version=f"v{n % 9}") for n in range(count)]
    )
    chosen = (np.arange(count, dtype=np.uint64) % np.uint64(7 if step == (1 << 61) - 1 else count)) * np.uint64(step)
    together = replace(plain, exact=chosen + np.uint64(5), label=chosen + np.uint64(3))
    seconds(plain)
    usual, attacked = (min(seconds(one) for _ in range(3)) for one in (plain, together))
    assert attacked < 5 * usual + 0.2


def test_ten_thousand_names_of_columns_and_classes_cost_time_in_proportion() -> None:
    decoder = Decoder(recorded.KEYS)

    def decode(count: int) -> float:
        chances = {f"{'a' * (n % 50)}{n}": 0.0 for n in range(count)}
        line = {"client": "c", "model": "m", "input": {"text": "x"}, "output": {"probabilities": chances}}
        batch = recorded.raw([json.dumps(line | {"time": "2026-11-21T10:00:00Z"}).encode()])
        begun = time.perf_counter()
        assert not decoder.decode(batch).rejected
        return time.perf_counter() - begun

    decode(100)
    few, many = (min(decode(count) for _ in range(3)) for count in (2_000, 20_000))
    assert many < 60 * few + 0.2

"""The judge: what arrived is what the oracle says, none missing, none twice, none different."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elasticsearch import Elasticsearch
from elasticsearch.helpers import scan

from monitor.sinks.bulk import stream_name


@dataclass(frozen=True)
class Verdict:
    """How what arrived differs from the oracle: counts of ids."""

    expected: int
    missing: int
    doubled: int
    different: int
    foreign: int  # ids that the oracle does not know

    @property
    def good(self) -> bool:
        return not (self.missing or self.doubled or self.different or self.foreign)

    def __str__(self) -> str:
        return (
            f"{self.expected} expected: {self.missing} missing, {self.doubled} doubled,"
            f" {self.different} different, {self.foreign} foreign"
        )


def compare(expected: Mapping[str, Any], arrived: Iterable[tuple[str, Any]]) -> Verdict:
    """Holds what arrived against what was expected, both by id.

    >>> str(compare({"a": 1, "b": 2, "c": 3}, [("a", 1), ("b", 5), ("b", 5), ("d", 1)]))
    '3 expected: 1 missing, 1 doubled, 2 different, 1 foreign'
    """
    counts: Counter[str] = Counter()
    different = 0
    for name, content in arrived:
        counts[name] += 1
        different += name in expected and content != expected[name]
    return Verdict(
        expected=len(expected),
        missing=len(expected.keys() - counts.keys()),
        doubled=sum(count - 1 for count in counts.values()),
        different=different,
        foreign=len(counts.keys() - expected.keys()),
    )


def documents(client: Elasticsearch, namespace: str) -> list[tuple[str, Any]]:
    """Every document of the stream, in whatever backing index, without what its pipeline adds."""
    stream = stream_name(namespace)
    client.indices.refresh(index=stream)
    found = []
    for hit in scan(client, index=stream, query={"query": {"match_all": {}}}, size=1_000):
        hit["_source"]["event"].pop("ingested", None)
        found.append((hit["_id"], hit["_source"]))
    return found


def rejected(outboxes: Iterable[Path]) -> set[tuple[int, int]]:
    """Partition and offset of the records that stand among the dead letters, each once."""
    found: list[tuple[int, int]] = []
    for outbox in outboxes:
        with sqlite3.connect(outbox) as connection:
            rows = connection.execute("SELECT partition, offset FROM letters WHERE sink IS NULL").fetchall()
        assert len(rows) == len(set(rows)), "a dead letter stands there twice"
        found += rows
    return set(found)

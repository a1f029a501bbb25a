"""Verdicts of people on findings, in the outbox's file. Nothing of them is ever changed; the latest one counts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict

import orjson

from monitor.alerts.opinions import WORDS, Opinion, latest
from monitor.sinks.database import Database


class Opinions:
    """What was said of findings. Trouble where the file cannot be used."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, opinions: Iterable[Opinion]) -> int:
        """Remember those that say something new of their finding; how many."""
        known = latest(self.all())
        new = [one for one in opinions if _news(one, known.get(one.finding))]
        rows = [(one.finding, one.word, orjson.dumps(asdict(one))) for one in new]
        with self._database.transaction() as connection:
            connection.executemany("INSERT INTO opinions (finding, word, body) VALUES (?, ?, ?)", rows)
        return len(new)

    def all(self, finding: str | None = None) -> list[Opinion]:
        """All opinions, or those on one finding, in the order in which they came."""
        with self._database.reading() as connection:
            query = "SELECT body FROM opinions WHERE :finding IS NULL OR finding = :finding ORDER BY number"
            rows = connection.execute(query, {"finding": finding}).fetchall()
        return [Opinion(**orjson.loads(body)) for (body,) in rows]

    def counts(self) -> dict[str, int]:
        """How many findings stand judged by each word."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT word, COUNT(*) FROM opinions"
                " WHERE number IN (SELECT MAX(number) FROM opinions GROUP BY finding) GROUP BY word"
            ).fetchall()
        return {str(word): 0 for word in WORDS} | {str(word): int(count) for word, count in rows}


def _news(one: Opinion, known: Opinion | None) -> bool:
    return known is None or (one.word, one.reason) != (known.word, known.reason)

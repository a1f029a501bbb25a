"""What each sink was last told of each finding, beside the outbox: for repeats, ends, and what is sent again."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from monitor.alerts.finding import Finding
from monitor.formats.native import parse
from monitor.sinks.database import Database
from monitor.sinks.policy import Told


class Memory:
    """The table of what was told. A row leaves with its alert, when the outbox forgets that."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, sink: str, findings: Iterable[str]) -> dict[str, Told]:
        """What the sink was told of these findings; those that it was told nothing of are left out."""
        query = "SELECT severity, at FROM told WHERE sink = ? AND finding = ?"
        found: dict[str, Told] = {}
        with self._database.reading() as connection:
            for finding in findings:
                row = connection.execute(query, (sink, finding)).fetchone()
                if row is not None:
                    found[finding] = Told(*row)
        return found

    def standing(self, sink: str, since: float) -> list[Finding]:
        """Findings that the sink was told of and that are open, or were told closed after `since` (seconds since 1970);
        the last revision that it was told."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT a.payload FROM told t JOIN alerts a ON a.seq = t.seq"
                " WHERE t.sink = ? AND (a.status != 'closed' OR t.at > ?) ORDER BY t.seq",
                (sink, since),
            ).fetchall()
        return [parse(payload, str(self._database.path)) for (payload,) in rows]


def remember(connection: sqlite3.Connection, sink: str, seq: int, at: float) -> None:
    """Within a transaction: the sink was told of this alert."""
    row = connection.execute("SELECT finding, payload FROM alerts WHERE seq = ?", (seq,)).fetchone()
    if row is not None:
        severity = parse(row[1]).severity
        connection.execute("INSERT OR REPLACE INTO told VALUES (?, ?, ?, ?, ?)", (sink, row[0], severity, at, seq))

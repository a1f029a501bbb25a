"""The outbox: alerts that were accepted and not yet delivered, safe on the disk before any offset moves.

It remembers ids after delivery, so that the same revision again (a replay, a restart) is no new alert.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from monitor.alerts.finding import Finding
from monitor.config.sinks import OutboxSettings
from monitor.config.trouble import Trouble
from monitor.formats.native import encode, parse
from monitor.record.raw import RawBatch
from monitor.record.rejected import Rejected
from monitor.sinks.database import Database
from monitor.sinks.deadletters import DeadLetter, DeadLetters, Kind
from monitor.sinks.history import History
from monitor.sinks.opinions import Opinions
from monitor.sinks.protocol import Outcome
from monitor.sinks.sealing import sealer
from monitor.sinks.silencing import Silencing, closing
from monitor.sinks.told import Memory, remember

_DAY: Final = 86_400.0
_ENDS: Final = frozenset({"delivered", "refused", "skipped", "folded"})
_PRUNE_EVERY: Final = 1_000  # accepted alerts between two prunings


@dataclass(frozen=True, slots=True)
class Due:
    """An alert to deliver now. `tries` earlier attempts ended; `doubtful`: one of them may have delivered it."""

    seq: int
    finding: Finding
    tries: int
    doubtful: bool


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of a due alert, and, where it is to be tried again, when (seconds since 1970). `keep`: a delivered
    one is remembered as the last that the sink was told of its finding."""

    seq: int
    outcome: Outcome
    again_at: float
    keep: bool = False


class Outbox:
    """Alerts on their way to the named sinks, in one SQLite file. All methods may be called from any thread, and raise
    Trouble where the file cannot be written (disk full, read-only): then nothing of that call has happened."""

    def __init__(
        self,
        path: Path,
        sinks: Sequence[str],
        settings: OutboxSettings | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = OutboxSettings() if settings is None else settings
        self._sinks = tuple(sinks)
        self._clock = clock
        self._database = Database(path)
        self._listeners: list[Callable[[int], None]] = []
        self._since_prune = _PRUNE_EVERY
        self.history: Final = History(self._database)
        self.memory: Final = Memory(self._database)
        self.silencing: Final = Silencing(self._database)
        self.opinions: Final = Opinions(self._database)
        self._sealer = sealer(self._settings.letters_key)
        self.letters: Final = DeadLetters(self._database, self._settings.letters, clock, self._sealer)

    def serve(self, sinks: Sequence[str]) -> None:
        """From now on alerts are for these sinks. What waits for another one stays, should it come back."""
        self._sinks = tuple(sinks)

    def accept(self, findings: Sequence[Finding]) -> int:
        """Takes alerts for every sink, all in one transaction that is on the disk when this returns; how many of them
        were new and wait for sinks; what is silenced waits for none. Offsets may move after this call, and not
        before."""
        if not findings:
            return 0
        now = self._clock()
        with self._database.transaction() as connection:
            rules = self.silencing.rules(connection)
            new = sum(self._insert(connection, finding, now, rules.why(finding)) for finding in findings)
            if self._since_prune + new >= _PRUNE_EVERY:
                self._prune(connection, now)
        self._since_prune = (self._since_prune + new) % _PRUNE_EVERY
        if new:
            for listener in self._listeners:
                listener(new)
        return new

    def reject(self, records: Sequence[Rejected], contents: Mapping[int, bytes] = MappingProxyType({})) -> int:
        """Keeps records that could not be read as dead letters, with their bytes (by offset) where the operator has
        given a key for that; how many of them were new."""
        return self.letters.reject(records, contents) if records else 0

    def contents(self, rejected: Sequence[Rejected], batch: RawBatch) -> dict[int, bytes]:
        """The bytes of rejected records of a batch that are to be kept, by offset; none without a key."""
        if self._sealer is None:
            return {}
        wanted = {one.offset for one in rejected if one.size <= self._settings.letters_bytes}
        return {at: bytes(one) for at, one in zip(batch.offsets.tolist(), batch.payloads, strict=True) if at in wanted}

    def subscribe(self, listener: Callable[[int], None]) -> None:
        """Has the listener called with the number of new alerts after each `accept` that brought some."""
        self._listeners.append(listener)

    def claim(self, sink: str, now: float, limit: int) -> list[Due]:
        """The oldest alerts that are due for the sink, at most `limit`, marked as being tried.

        A revision never comes before an earlier one of the same finding that still has to wait. If the process ends
        before `settle`, they come again, as doubtful ones.
        """
        with self._database.transaction() as connection:
            rows = connection.execute(
                "SELECT w.seq, a.payload, w.tries, w.doubtful FROM waiting w JOIN alerts a ON a.seq = w.seq"
                " WHERE w.sink = :sink AND w.due <= :now AND NOT EXISTS"
                # CROSS JOIN: few revisions have the same finding, many alerts may wait
                " (SELECT 1 FROM alerts b CROSS JOIN waiting v ON v.seq = b.seq AND v.sink = w.sink"
                "  WHERE b.finding = a.finding AND b.seq < a.seq AND v.due > :now)"
                " ORDER BY w.seq LIMIT :limit",
                {"sink": sink, "now": now, "limit": limit},
            ).fetchall()
            connection.executemany(
                "UPDATE waiting SET tries = tries + 1, doubtful = 1 WHERE sink = ? AND seq = ?",
                [(sink, row[0]) for row in rows],
            )
            due = [self._due(connection, sink, *row) for row in rows]
        return [one for one in due if one is not None]

    def settle(self, sink: str, results: Sequence[Settled]) -> None:
        """Writes down what became of claimed alerts, in one transaction."""
        now = self._clock()
        with self._database.transaction() as connection:
            for result in results:
                self._settle(connection, sink, result)
            holds = [result.outcome.reason for result in results if result.outcome.verdict == "hold"]
            if holds:
                connection.execute("INSERT OR IGNORE INTO held VALUES (?, ?, ?)", (sink, now, holds[0]))
            elif any(result.outcome.verdict in {"delivered", "refused"} for result in results):
                connection.execute("DELETE FROM held WHERE sink = ?", (sink,))

    def hurry(self, sink: str) -> None:
        """Has everything that waits for the sink due now, whatever was said of it before."""
        with self._database.transaction() as connection:
            connection.execute("UPDATE waiting SET due = 0 WHERE sink = ? AND due > 0", (sink,))

    def waiting(self, sink: str) -> int:
        """How many alerts the sink has not got yet."""
        with self._database.reading() as connection:
            row = connection.execute("SELECT n FROM counts WHERE sink = ?", (sink,)).fetchone()
        return 0 if row is None else int(row[0])

    def next_due(self, sink: str, now: float) -> float | None:
        """When the next alert that has to wait is due, in seconds since 1970; None where none has to wait."""
        with self._database.reading() as connection:
            query = "SELECT MIN(due) FROM waiting WHERE sink = ? AND due > ?"
            due = connection.execute(query, (sink, now)).fetchone()[0]
        return None if due is None else float(due)

    def oldest(self, sink: str) -> float | None:
        """When the oldest alert that the sink has not got was accepted, in seconds since 1970; None: nothing waits."""
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT a.accepted FROM waiting w JOIN alerts a ON a.seq = w.seq WHERE w.sink = ?"
                " ORDER BY w.seq LIMIT 1",
                (sink,),
            ).fetchone()
        return None if row is None else float(row[0])

    def held(self, sink: str) -> tuple[float, str] | None:
        """Since when (seconds since 1970) the sink takes nothing until somebody mends something, and why."""
        with self._database.reading() as connection:
            row = connection.execute("SELECT since, reason FROM held WHERE sink = ?", (sink,)).fetchone()
        return None if row is None else (float(row[0]), str(row[1]))

    def held_since(self, sink: str) -> float | None:
        """The first half of `held`."""
        held = self.held(sink)
        return None if held is None else held[0]

    def dead_letters(self, kind: Kind | None = None, sink: str | None = None, limit: int = 100) -> list[DeadLetter]:
        """The newest dead letters first."""
        return self.letters.list(kind, sink, limit)

    @property
    def full(self) -> bool:
        """Whether some sink has so much waiting that reading has to stop until it takes alerts again."""
        return any(self.waiting(sink) >= self._settings.waiting for sink in self._sinks)

    def close(self) -> None:
        """Closes the file. Everything that was accepted is on the disk already."""
        self._database.close()

    def _insert(self, connection: sqlite3.Connection, finding: Finding, now: float, why: str | None) -> int:
        cursor = connection.execute(
            "INSERT OR IGNORE INTO alerts (id, finding, revision, model, family, status, updated, accepted, payload)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(finding.id, finding.finding, finding.revision, finding.model, finding.family, finding.status),
                *(finding.updated_at, now, encode(finding)),
            ),
        )
        if cursor.rowcount == 0:
            return 0
        if why is None and finding.status == "closed":
            why = closing(connection, finding.finding)
        if why is not None:
            connection.execute("INSERT OR REPLACE INTO kept_back VALUES (?, ?, ?)", (finding.id, finding.finding, why))
            return 0
        connection.executemany(
            "INSERT INTO waiting VALUES (?, ?, 0, 0, 0)", [(sink, cursor.lastrowid) for sink in self._sinks]
        )
        return 1

    def _due(
        self, connection: sqlite3.Connection, sink: str, seq: int, payload: bytes, tries: int, doubtful: int
    ) -> Due | None:
        try:
            return Due(seq, parse(payload), tries, bool(doubtful))
        except Trouble:  # written by a version that knew other families: kept, and out of everybody's way
            self._settle(connection, sink, Settled(seq, Outcome("refused", "unreadable"), 0.0))
            return None

    def _settle(self, connection: sqlite3.Connection, sink: str, result: Settled) -> None:
        outcome, key = result.outcome, (sink, result.seq)
        if outcome.verdict in _ENDS:
            connection.execute("DELETE FROM waiting WHERE sink = ? AND seq = ?", key)
        if outcome.verdict == "delivered" and result.keep:
            remember(connection, sink, result.seq, self._clock())
        if outcome.verdict == "later":  # it was never tried
            connection.execute(
                "UPDATE waiting SET due = ?, doubtful = ?, tries = tries - 1 WHERE sink = ? AND seq = ?",
                (result.again_at, outcome.doubtful, *key),
            )
        if outcome.verdict == "refused":
            self.letters.refuse(connection, sink, result.seq, outcome.reason)
        if outcome.verdict in {"retry", "hold"}:
            connection.execute(
                "UPDATE waiting SET due = ?, doubtful = ? WHERE sink = ? AND seq = ?",
                (result.again_at, outcome.doubtful, *key),
            )

    def _prune(self, connection: sqlite3.Connection, now: float) -> None:
        """Forgets delivered alerts that are too old or too many; what waits for one of our sinks stays."""
        too_old = ("accepted < ?", now - self._settings.days * _DAY)
        too_many = ("seq <= (SELECT MAX(seq) FROM alerts) - ?", self._settings.alerts)
        marks = ", ".join("?" * len(self._sinks))
        for condition, bound in (too_old, too_many):
            connection.execute(
                f"DELETE FROM alerts WHERE {condition}"
                f" AND NOT EXISTS (SELECT 1 FROM waiting w WHERE w.seq = alerts.seq AND w.sink IN ({marks}))"
                " AND NOT EXISTS (SELECT 1 FROM letters l WHERE l.alert = alerts.seq)",
                (bound, *self._sinks),
            )
        for table in ("waiting", "told"):
            connection.execute(f"DELETE FROM {table} WHERE seq NOT IN (SELECT seq FROM alerts)")
        connection.execute("DELETE FROM kept_back WHERE alert NOT IN (SELECT id FROM alerts)")

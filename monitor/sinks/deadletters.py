"""Dead letters: alerts that a sink has refused and records that could not be read, each with its reason."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, Literal

from monitor.config.trouble import Trouble
from monitor.record.rejected import Rejected
from monitor.sinks.database import Database
from monitor.sinks.sealing import Sealer

Kind = Literal["alert", "record"]
Place = tuple[str, int, int, int]  # topic, partition, offset, size

_DROPPED: Final = "dropped"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """What could not be delivered or read. `at` is in seconds since 1970.

    Of an alert: `sink`, and `alert`, its id. Of a record: `topic`, `partition`, `offset` and `size` in bytes, and
    whether its bytes are `kept`.
    """

    number: int
    at: float
    reason: str
    detail: str
    sink: str | None = None
    alert: str | None = None
    topic: str | None = None
    partition: int | None = None
    offset: int | None = None
    size: int | None = None
    kept: bool = False


class DeadLetters:
    """Keeps at most `ceiling` of either kind; the oldest leave first, and leaving is counted. Bytes of records are
    kept where there is a `sealer`."""

    def __init__(
        self, database: Database, ceiling: int, clock: Callable[[], float], sealer: Sealer | None = None
    ) -> None:
        self._database = database
        self._ceiling = ceiling
        self._clock = clock
        self._sealer = sealer

    def reject(self, records: Sequence[Rejected], contents: Mapping[int, bytes] = MappingProxyType({})) -> int:
        """Keeps records that could not be read, and gives back how many were new (a replay rejects them again).
        `contents` are their bytes by offset, which are dropped here where there is no sealer."""
        now, new = self._clock(), 0
        with self._database.transaction() as connection:
            for record in records:
                place = (record.partition.topic, record.partition.number, record.offset, record.size)
                cursor = connection.execute(
                    "INSERT OR IGNORE INTO letters (at, reason, detail, topic, partition, offset, size, sealed)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (now, record.reason, record.detail, *place, self._sealed(place, contents.get(record.offset))),
                )
                if cursor.rowcount:
                    new += 1
                    tally(connection, "record", record.reason, 1)
            self._bound(connection, "record")
        return new

    def refuse(self, connection: sqlite3.Connection, sink: str, seq: int, reason: str) -> None:
        """Within a transaction: keeps an alert that the sink has refused."""
        connection.execute(
            "INSERT OR REPLACE INTO letters (at, reason, detail, sink, alert) VALUES (?, ?, '', ?, ?)",
            (self._clock(), reason, sink, seq),
        )
        tally(connection, "alert", reason, 1)
        self._bound(connection, "alert")

    def list(self, kind: Kind | None = None, sink: str | None = None, limit: int = 100) -> list[DeadLetter]:
        """The newest letters first, at most `limit`."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT l.number, l.at, l.reason, l.detail, l.sink, a.id, l.topic, l.partition, l.offset, l.size,"
                " l.sealed IS NOT NULL FROM letters l LEFT JOIN alerts a ON a.seq = l.alert"
                " WHERE (:kind IS NULL OR (l.alert IS NULL) = (:kind = 'record')) AND (:sink IS NULL OR l.sink = :sink)"
                " ORDER BY l.number DESC LIMIT :limit",
                {"kind": kind, "sink": sink, "limit": limit},
            ).fetchall()
        return [replace(DeadLetter(*row[:-1]), kept=bool(row[-1])) for row in rows]

    def content(self, number: int) -> bytes:
        """The bytes of the record in that letter; Trouble where they were not kept or cannot be opened."""
        with self._database.reading() as connection:
            query = "SELECT topic, partition, offset, size, sealed FROM letters WHERE number = ?"
            row = connection.execute(query, (number,)).fetchone()
        where = f"dead letter {number}"
        if row is None or row[4] is None:
            what = "there is no such letter" if row is None else "its bytes were not kept"
            mend = "bytes are kept of records that come while `outbox.letters_key` is set; the log still has the record"
            raise Trouble(what=what, where=where, mend=mend)
        try:
            if self._sealer is None:
                raise ValueError("there is no key to open it with")
            return self._sealer.open(row[4], place_of(row[:4]))
        except ValueError as problem:
            raise Trouble(what=str(problem), where=where, mend="set `outbox.letters_key` as it was then") from None

    def _sealed(self, place: Place, content: bytes | None) -> bytes | None:
        return None if self._sealer is None or content is None else self._sealer.seal(content, place_of(place))

    def replay(self, sink: str | None = None, numbers: Sequence[int] | None = None) -> int:
        """Gives refused alerts back to their sinks: those of one sink or of all, or only those with these numbers.
        How many."""
        with self._database.transaction() as connection:
            rows = connection.execute(
                "SELECT number, sink, alert FROM letters WHERE alert IS NOT NULL AND (:sink IS NULL OR sink = :sink)",
                {"sink": sink},
            ).fetchall()
            chosen = [row for row in rows if numbers is None or row[0] in numbers]
            for number, of, alert in chosen:
                connection.execute("INSERT OR IGNORE INTO waiting VALUES (?, ?, 0, 0, 1)", (of, alert))
                connection.execute("DELETE FROM letters WHERE number = ?", (number,))
        return len(chosen)

    def counts(self, kind: Kind) -> dict[str, int]:
        """How many letters of that kind there have ever been, by reason; `dropped` are those that had to leave."""
        with self._database.reading() as connection:
            return dict(connection.execute("SELECT reason, n FROM tallies WHERE kind = ? ORDER BY reason", (kind,)))

    def _bound(self, connection: sqlite3.Connection, kind: Kind) -> None:
        which = "alert IS NULL" if kind == "record" else "alert IS NOT NULL"
        cursor = connection.execute(
            f"DELETE FROM letters WHERE number IN"
            f" (SELECT number FROM letters WHERE {which} ORDER BY number DESC LIMIT -1 OFFSET ?)",
            (self._ceiling,),
        )
        if cursor.rowcount:
            tally(connection, kind, _DROPPED, cursor.rowcount)


def place_of(place: Place) -> str:
    """Names a record for the sealer."""
    return "\0".join(map(str, place))


def tally(connection: sqlite3.Connection, kind: Kind, reason: str, count: int) -> None:
    """Within a transaction: counts letters of a kind by their reason."""
    connection.execute(
        "INSERT INTO tallies VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n", (kind, reason, count)
    )

"""The SQLite file under the outbox: schema, transactions, and errors in words that say how to mend them."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from monitor.config.trouble import Trouble

_VERSION: Final = 3

_SCHEMA: Final = """
CREATE TABLE alerts (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    finding TEXT NOT NULL,
    revision INTEGER NOT NULL,
    model TEXT NOT NULL,
    family TEXT NOT NULL,
    status TEXT NOT NULL,
    updated INTEGER NOT NULL,
    accepted REAL NOT NULL,
    payload BLOB NOT NULL
);
CREATE INDEX alerts_by_finding ON alerts (finding, revision);
CREATE INDEX alerts_by_acceptance ON alerts (accepted);
CREATE INDEX alerts_by_update ON alerts (updated);
CREATE TABLE waiting (
    sink TEXT NOT NULL,
    seq INTEGER NOT NULL,
    tries INTEGER NOT NULL,
    due REAL NOT NULL,
    doubtful INTEGER NOT NULL,
    PRIMARY KEY (sink, seq)
) WITHOUT ROWID;
CREATE INDEX waiting_by_seq ON waiting (seq);
CREATE TABLE counts (sink TEXT PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID;
CREATE TRIGGER waiting_more AFTER INSERT ON waiting BEGIN
    INSERT INTO counts VALUES (new.sink, 1) ON CONFLICT DO UPDATE SET n = n + 1;
END;
CREATE TRIGGER waiting_less AFTER DELETE ON waiting BEGIN
    UPDATE counts SET n = n - 1 WHERE sink = old.sink;
END;
CREATE TABLE held (sink TEXT PRIMARY KEY, since REAL NOT NULL, reason TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE letters (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    at REAL NOT NULL,
    reason TEXT NOT NULL,
    detail TEXT NOT NULL,
    sink TEXT,
    alert INTEGER,
    topic TEXT,
    partition INTEGER,
    offset INTEGER,
    size INTEGER,
    sealed BLOB,
    UNIQUE (sink, alert),
    UNIQUE (topic, partition, offset, reason, detail)
);
CREATE INDEX letters_by_alert ON letters (alert);
CREATE TABLE told (
    sink TEXT NOT NULL,
    finding TEXT NOT NULL,
    severity TEXT NOT NULL,
    at REAL NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (sink, finding)
) WITHOUT ROWID;
CREATE TABLE tallies (kind TEXT NOT NULL, reason TEXT NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (kind, reason))
    WITHOUT ROWID;
"""

#: What people have said, beside the alerts: made wherever it is missing, and no part of the form (decision 0023).
_OPERATOR: Final = """
CREATE TABLE IF NOT EXISTS opinions (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    finding TEXT NOT NULL,
    word TEXT NOT NULL,
    body BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS opinions_by_finding ON opinions (finding);
CREATE TABLE IF NOT EXISTS silences (id TEXT PRIMARY KEY, told INTEGER NOT NULL, body BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS kinds (model TEXT NOT NULL, code TEXT NOT NULL, name TEXT NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (model, code)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS kept_back (alert TEXT PRIMARY KEY, finding TEXT NOT NULL, why TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS kept_back_by_reason ON kept_back (why);
"""

#: What brings a file of each earlier form to the next one.
_UPGRADES: Final = {
    1: "ALTER TABLE letters ADD COLUMN sealed BLOB;",
    2: "CREATE TABLE told (sink TEXT NOT NULL, finding TEXT NOT NULL, severity TEXT NOT NULL, at REAL NOT NULL,"
    " seq INTEGER NOT NULL, PRIMARY KEY (sink, finding)) WITHOUT ROWID;",
}

_MENDS: Final = {
    sqlite3.SQLITE_FULL: ("the disk is full", "free some space; nothing that was accepted is lost"),
    sqlite3.SQLITE_IOERR: ("the disk does not answer as it should", "look at the disk and at its free space"),
    sqlite3.SQLITE_READONLY: ("it may only be read", "let the user of this process write the file and its folder"),
    sqlite3.SQLITE_PERM: ("permission denied", "let the user of this process write the file and its folder"),
    sqlite3.SQLITE_CANTOPEN: ("it cannot be opened", "let the user of this process write the file and its folder"),
    sqlite3.SQLITE_BUSY: ("another process keeps it locked", "end the other process that works on it"),
    sqlite3.SQLITE_NOTADB: ("it is not an outbox", "name another file, or move this one away"),
    sqlite3.SQLITE_CORRUPT: ("it is damaged", "restore it, or move it away to begin anew"),
}


class Database:
    """One SQLite file: write-ahead log, every commit on the disk before it returns. Threads take turns."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        with self._errors():
            self._connection = self._open()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all of it or nothing. Trouble where the disk is full, the file is read-only, and so on."""
        with self._lock, self._errors():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:  # some errors of the disk have rolled back already
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection for a query. Trouble as in a transaction."""
        with self._lock, self._errors():
            yield self._connection

    def close(self) -> None:
        """Closes the file; what was committed is on the disk already."""
        with self._lock:
            self._connection.close()

    def _open(self) -> sqlite3.Connection:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.touch(mode=0o600)  # pseudonyms and evidence are nobody else's business
        except OSError as problem:
            raise self._trouble(
                f"it cannot be created: {problem.strerror}", "name a folder that can be written"
            ) from None
        connection = sqlite3.connect(self.path, timeout=10, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        self._migrate(connection)
        return connection

    def _migrate(self, connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN IMMEDIATE")
        found = connection.execute("PRAGMA user_version").fetchone()[0]
        if found == 0:
            for statement in _statements(_SCHEMA):
                connection.execute(statement)
        for earlier in range(found or _VERSION, _VERSION):
            connection.execute(_UPGRADES[earlier])
        if found < _VERSION:
            connection.execute(f"PRAGMA user_version={_VERSION}")
        for statement in _statements(_OPERATOR):
            connection.execute(statement)
        connection.execute("COMMIT")
        if found > _VERSION:
            raise self._trouble(f"a newer version wrote it (form {found})", "use that version, or another file")

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as problem:
            code = getattr(problem, "sqlite_errorcode", 0) & 0xFF  # the low byte is the kind, the rest its variety
            if code not in _MENDS:
                raise
            raise self._trouble(*_MENDS[code]) from problem

    def _trouble(self, what: str, mend: str) -> Trouble:
        return Trouble(what=f"the outbox cannot be used: {what}", where=str(self.path), mend=mend)


def _statements(script: str) -> Iterator[str]:
    """The statements of a script, one by one: all of them together would end the transaction that they stand in."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""

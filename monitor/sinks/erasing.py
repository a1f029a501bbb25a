"""Takes a client out of the outbox: its alerts, delivered or not, and its name in those about several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from monitor.formats.native import encode, parse
from monitor.sinks.database import Database


def erase(path: Path, pseudonyms: Sequence[str]) -> tuple[int, int]:
    """Erases pseudonyms (in text form) from an outbox: how many alerts were deleted, and in how many others a name was
    left out. The file is written anew, so that nothing stays in free pages. Trouble as the outbox."""
    database = Database(path)
    deleted = changed = 0
    try:
        with database.transaction() as connection:
            for seq, payload in connection.execute("SELECT seq, payload FROM alerts").fetchall():
                if not any(name.encode() in payload for name in pseudonyms):
                    continue
                finding = parse(payload)
                members = tuple(member for member in finding.members if member not in pseudonyms)
                if finding.client in pseudonyms or (finding.members and not members):
                    connection.execute("DELETE FROM waiting WHERE seq = ?", (seq,))
                    connection.execute("DELETE FROM letters WHERE alert = ?", (seq,))
                    connection.execute("DELETE FROM alerts WHERE seq = ?", (seq,))
                    deleted += 1
                else:
                    group = None if finding.group in pseudonyms else finding.group
                    left = encode(replace(finding, members=members, group=group))
                    connection.execute("UPDATE alerts SET payload = ? WHERE seq = ?", (left, seq))
                    changed += 1
        with database.reading() as connection:
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    finally:
        database.close()
    return deleted, changed

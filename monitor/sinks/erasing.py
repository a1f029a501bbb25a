"""Takes a client out of the outbox: its alerts, delivered or not, its name in others, what was said of them,
and its dead letters."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from monitor.formats.native import encode, parse
from monitor.sinks.database import Database
from monitor.sinks.deadletters import place_of
from monitor.sinks.sealing import Sealer


@dataclass(frozen=True, slots=True)
class Erased:
    """Alerts that were `deleted`, others in which a name was left out (`changed`), dead `letters` of records with one
    of the names in them; and how many `sealed` letters could not be opened to look for it."""

    deleted: int
    changed: int
    letters: int
    sealed: int


def erase(path: Path, pseudonyms: Sequence[str], names: Sequence[str], sealer: Sealer | None) -> Erased:
    """Erases pseudonyms (in text form) from an outbox, and the names behind them from the sealed bytes of records that
    could not be read. The file is written anew, so that nothing stays in free pages. Trouble as the outbox."""
    database = Database(path)
    try:
        with database.transaction() as connection:
            deleted, changed = _alerts(connection, pseudonyms)
            _silences(connection, pseudonyms)
            letters, sealed = _letters(connection, names, sealer)
        with database.reading() as connection:
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    finally:
        database.close()
    return Erased(deleted, changed, letters, sealed)


def _alerts(connection: sqlite3.Connection, pseudonyms: Sequence[str]) -> tuple[int, int]:
    deleted = changed = 0
    for seq, payload in connection.execute("SELECT seq, payload FROM alerts").fetchall():
        if not any(name.encode() in payload for name in pseudonyms):
            continue
        finding = parse(payload)
        members = tuple(member for member in finding.members if member not in pseudonyms)
        if finding.client in pseudonyms or (finding.members and not members):
            connection.execute("DELETE FROM waiting WHERE seq = ?", (seq,))
            connection.execute("DELETE FROM letters WHERE alert = ?", (seq,))
            connection.execute("DELETE FROM told WHERE seq = ?", (seq,))
            connection.execute("DELETE FROM kept_back WHERE finding = ?", (finding.finding,))
            connection.execute("DELETE FROM opinions WHERE finding = ?", (finding.finding,))
            connection.execute("DELETE FROM alerts WHERE seq = ?", (seq,))
            deleted += 1
        else:
            group = None if finding.group in pseudonyms else finding.group
            left = encode(replace(finding, members=members, group=group))
            connection.execute("UPDATE alerts SET payload = ? WHERE seq = ?", (left, seq))
            changed += 1
    return deleted, changed


def _silences(connection: sqlite3.Connection, pseudonyms: Sequence[str]) -> None:
    """A silence about a client alone goes; one about a campaign stays without that member."""
    for name, body in connection.execute("SELECT id, body FROM silences").fetchall():
        tree = json.loads(body)
        asked = tree["matchers"]
        if asked["client"] in pseudonyms or asked["group"] in pseudonyms:
            connection.execute("DELETE FROM silences WHERE id = ?", (name,))
        elif set(asked["members"]) & set(pseudonyms):
            asked["members"] = [member for member in asked["members"] if member not in pseudonyms]
            connection.execute("UPDATE silences SET body = ? WHERE id = ?", (json.dumps(tree).encode(), name))


def _letters(connection: sqlite3.Connection, names: Sequence[str], sealer: Sealer | None) -> tuple[int, int]:
    """Delete the letters of records in which a name stands, as it is or as JSON writes it; how many, and how many could
    not be opened."""
    forms = [form for name in names for form in (name.encode(), json.dumps(name)[1:-1].encode())]
    deleted = closed = 0
    query = "SELECT number, topic, partition, offset, size, sealed FROM letters WHERE sealed IS NOT NULL"
    for number, *place, sealed in connection.execute(query).fetchall():
        try:
            content = None if sealer is None else sealer.open(sealed, place_of(tuple(place)))
        except ValueError:
            content = None
        if content is None:
            closed += 1
        elif any(form in content for form in forms):
            connection.execute("DELETE FROM letters WHERE number = ?", (number,))
            deleted += 1
    return deleted, closed

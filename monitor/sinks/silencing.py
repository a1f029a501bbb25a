"""Silences, named kinds of traffic, and which alerts they have kept back, in the outbox's file.

Whoever accepts alerts reads them in the same transaction, so that a silence that a command has added counts from the
next finding on, without a word to the daemon.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Final

import orjson

from monitor.alerts.finding import Finding
from monitor.alerts.silences import PROFILE, SILENCE, Named, Rules, Silence
from monitor.config.trouble import Trouble
from monitor.sinks.database import Database

MOST: Final = 1_000  # silences that are remembered; of those that are over the oldest leave first


@dataclass(frozen=True, slots=True)
class Kept:
    """How many findings, in how many revisions, something has kept back."""

    findings: int
    revisions: int


class Silencing:
    """What keeps alerts back. Trouble where the file cannot be used."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def rules(self, connection: sqlite3.Connection | None = None) -> Rules:
        """All rules, in a transaction that is open or in one of their own."""
        if connection is None:
            with self._database.reading() as own:
                return self.rules(own)
        silences = connection.execute("SELECT body FROM silences ORDER BY id").fetchall()
        kinds = connection.execute("SELECT body FROM kinds ORDER BY model, code").fetchall()
        return Rules(
            tuple(one for (body,) in silences if (one := _silence(body)) is not None),
            tuple(kind for (body,) in kinds if (kind := _named(body)) is not None),
        )

    def silences(self) -> list[Silence]:
        """All that are remembered, the latest end first."""
        return sorted(self.rules().silences, key=lambda one: (-one.end, one.id))

    def find(self, start: str) -> Silence:
        """The silence whose id begins like that. Trouble where it is not exactly one."""
        found = [one for one in self.silences() if one.id.startswith(start)]
        if len(found) != 1:
            what = "no silence begins like that" if not found else f"{len(found)} silences begin like that"
            raise Trouble(
                what=what, where=start, mend="`probewatch silence list --all` shows the ids; give more of one"
            )
        return found[0]

    def add(self, silence: Silence) -> None:
        """Remember one more; Trouble where there are too many that are not over."""
        known = self.rules().silences
        over = sorted((one.end, one.id) for one in known if one.end <= silence.made)
        if len(known) >= MOST and not over:
            mend = "expire some of them with `probewatch silence expire`"
            raise Trouble(what=f"there are {MOST} silences already", where="probewatch silence add", mend=mend)
        with self._database.transaction() as connection:
            if len(known) >= MOST:
                connection.execute("DELETE FROM silences WHERE id = ?", (over[0][1],))
            connection.execute("INSERT INTO silences VALUES (?, 0, ?)", (silence.id, orjson.dumps(asdict(silence))))

    def expire(self, silence: Silence, now: int) -> Silence:
        """End it now, or before it begins; one that is over stays as it is."""
        ended = replace(silence, end=min(silence.end, max(now, silence.start)))
        with self._database.transaction() as connection:
            connection.execute("UPDATE silences SET body = ? WHERE id = ?", (orjson.dumps(asdict(ended)), ended.id))
        return ended

    def over(self, now: int) -> list[tuple[Silence, Kept]]:
        """Silences that have ended since the last call, each once, with what they have kept back."""
        with self._database.reading() as connection:
            waiting = connection.execute("SELECT body FROM silences WHERE told = 0").fetchall()
        ended = [one for (body,) in waiting if (one := _silence(body)) is not None and one.end <= now]
        if ended:
            with self._database.transaction() as connection:
                connection.executemany("UPDATE silences SET told = 1 WHERE id = ?", [(one.id,) for one in ended])
        return [(one, self.kept(f"{SILENCE}:{one.id}")) for one in ended]

    def kept(self, why: str) -> Kept:
        """What `why` (`silence:ID`, `profile:NAME`) has kept back, as far as the outbox remembers it."""
        with self._database.reading() as connection:
            query = "SELECT COUNT(DISTINCT finding), COUNT(*) FROM kept_back WHERE why = ?"
            return Kept(*connection.execute(query, (why,)).fetchone())

    def findings(self, why: str) -> list[str]:
        """The findings that `why` has kept back, as far as the outbox remembers them, in the order of their ids."""
        with self._database.reading() as connection:
            rows = connection.execute("SELECT DISTINCT finding FROM kept_back WHERE why = ? ORDER BY finding", (why,))
            return [str(name) for (name,) in rows.fetchall()]

    def counts(self) -> dict[str, int]:
        """Revisions that were kept back, by what kind of thing did it."""
        with self._database.reading() as connection:
            rows = connection.execute("SELECT why, COUNT(*) FROM kept_back GROUP BY why").fetchall()
        sums = {SILENCE: 0, PROFILE: 0}
        for why, count in rows:
            sums[why.partition(":")[0]] += count
        return sums

    def reasons(self, findings: Sequence[Finding]) -> dict[str, str]:
        """What has kept back these revisions, by alert id; nothing of those that went to sinks."""
        with self._database.reading() as connection:
            query = "SELECT why FROM kept_back WHERE alert = ?"
            asked = [(one.id, connection.execute(query, (one.id,)).fetchone()) for one in findings]
        return {name: row[0] for name, row in asked if row is not None}

    def release(self, why: str, sinks: Sequence[str]) -> int:
        """Give the latest revision of each finding that `why` has kept back to the sinks; how many findings."""
        with self._database.transaction() as connection:
            rows = connection.execute(
                "SELECT a.seq, a.id FROM kept_back k JOIN alerts a ON a.id = k.alert WHERE k.why = ? AND NOT EXISTS"
                " (SELECT 1 FROM alerts b WHERE b.finding = a.finding AND b.revision > a.revision)",
                (why,),
            ).fetchall()
            waiting = [(sink, seq) for seq, _ in rows for sink in sinks]
            connection.executemany("INSERT OR IGNORE INTO waiting VALUES (?, ?, 0, 0, 0)", waiting)
            connection.executemany("DELETE FROM kept_back WHERE alert = ?", [(name,) for _, name in rows])
        return len(rows)

    def name(self, kind: Named) -> None:
        """Give a kind of traffic a name; the one that it had is gone."""
        row = (kind.model, kind.code, kind.name, orjson.dumps(asdict(kind)))
        with self._database.transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO kinds VALUES (?, ?, ?, ?)", row)

    def unname(self, model: str, name: str) -> int:
        """Forget a name; how many kinds had it."""
        with self._database.transaction() as connection:
            return connection.execute("DELETE FROM kinds WHERE model = ? AND name = ?", (model, name)).rowcount


def closing(connection: sqlite3.Connection, finding: str) -> str | None:
    """What has kept back all of a finding but its closing, which is no news then; None where sinks know of it."""
    count, kept, why = connection.execute(
        "SELECT COUNT(*), COUNT(k.alert), MAX(k.why) FROM alerts a LEFT JOIN kept_back k ON k.alert = a.id"
        " WHERE a.finding = ? AND a.status != 'closed'",
        (finding,),
    ).fetchone()
    return str(why) if count and count == kept else None


def _silence(body: bytes) -> Silence | None:
    """A silence as it was written; None for one of a version that writes others: it keeps nothing back."""
    try:
        return Silence.of(orjson.loads(body))
    except (ValueError, TypeError, KeyError):
        return None


def _named(body: bytes) -> Named | None:
    """A named kind as it was written; None for one of a version that writes others."""
    try:
        return Named(**orjson.loads(body))
    except (ValueError, TypeError):
        return None

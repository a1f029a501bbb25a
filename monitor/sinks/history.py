"""Looks alerts up in the outbox: the latest revision of each finding, or all revisions of one."""

from __future__ import annotations

from typing import Final

from monitor.alerts.finding import Finding, Severity, Status
from monitor.config.trouble import Trouble
from monitor.formats.native import parse
from monitor.formats.responses import Standing
from monitor.sinks.database import Database

_SECOND: Final = 1_000_000  # microseconds


class History:
    """Alerts that the outbox remembers, delivered or not."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def latest(
        self,
        *,
        model: str | None = None,
        family: str | None = None,
        status: Status | None = None,
        since: int | None = None,
        silenced: bool | None = None,
        limit: int = 1_000,
    ) -> list[Finding]:
        """The latest revision of each finding, the most lately updated first, at most `limit`.

        What is given has to fit; `since` is event time in microseconds since 1970, compared with `updated_at`;
        `silenced`: whether that revision was kept back from the sinks.
        """
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT a.payload FROM alerts a"
                " WHERE (:model IS NULL OR a.model = :model) AND (:family IS NULL OR a.family = :family)"
                " AND (:status IS NULL OR a.status = :status) AND (:since IS NULL OR a.updated >= :since)"
                " AND (:silenced IS NULL OR EXISTS (SELECT 1 FROM kept_back k WHERE k.alert = a.id) = :silenced)"
                " AND NOT EXISTS (SELECT 1 FROM alerts b WHERE b.finding = a.finding AND b.revision > a.revision)"
                " ORDER BY a.updated DESC, a.seq DESC LIMIT :limit",
                {"model": model, "family": family, "status": status, "since": since, "silenced": silenced}
                | {"limit": limit},
            ).fetchall()
        return [parse(payload, str(self._database.path)) for (payload,) in rows]

    def standing(self, since: int, severity: Severity, limit: int) -> list[Standing]:
        """The latest revision of each named finding of that severity that is neither closed nor silenced, accepted
        since a time (microseconds since 1970, by the wall clock), the newest first, at most `limit`."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT a.payload, (SELECT MIN(b.accepted) FROM alerts b WHERE b.finding = a.finding), a.accepted"
                " FROM alerts a WHERE a.accepted >= :since AND a.status != 'closed'"
                " AND json_extract(CAST(a.payload AS TEXT), '$.severity') = :severity"
                " AND json_extract(CAST(a.payload AS TEXT), '$.tier') = 'named'"
                " AND NOT EXISTS (SELECT 1 FROM kept_back k WHERE k.alert = a.id)"
                " AND NOT EXISTS (SELECT 1 FROM alerts b WHERE b.finding = a.finding AND b.revision > a.revision)"
                " ORDER BY a.accepted DESC, a.seq DESC LIMIT :limit",
                {"since": since / _SECOND, "severity": severity, "limit": limit},
            ).fetchall()
        where = str(self._database.path)
        return [
            Standing(parse(payload, where), round(opened * _SECOND), round(accepted * _SECOND))
            for payload, opened, accepted in rows
        ]

    def last(self, finding: str) -> Finding | None:
        """The latest revision of a finding, by its whole id; None where it is not remembered."""
        with self._database.reading() as connection:
            query = "SELECT payload FROM alerts WHERE finding = ? ORDER BY revision DESC LIMIT 1"
            row = connection.execute(query, (finding,)).fetchone()
        return None if row is None else parse(row[0], str(self._database.path))

    def revisions(self, name: str) -> list[Finding]:
        """All revisions of a finding, the oldest first. `name` is its id, the beginning of it, or the id of an alert.

        Trouble where no finding begins like that, or several do.
        """
        start = name.partition("-")[0]
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT finding, payload FROM alerts WHERE finding >= ? AND substr(finding, 1, ?) = ?"
                " ORDER BY finding, revision",
                (start, len(start), start),
            ).fetchall()
        found = {finding for finding, _ in rows}
        if len(found) != 1:
            what = "no finding begins like that" if not found else f"{len(found)} findings begin like that"
            raise Trouble(what=what, where=name, mend="`probewatch alerts list` shows the ids; give more of one")
        return [parse(payload, str(self._database.path)) for _, payload in rows]

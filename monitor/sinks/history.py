"""Looks alerts up in the outbox: the latest revision of each finding, or all revisions of one."""

from __future__ import annotations

from monitor.alerts.finding import Finding, Status
from monitor.config.trouble import Trouble
from monitor.formats.native import parse
from monitor.sinks.database import Database


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

"""What a person wants to see of a daemon at a glance: the page /live, behind `probewatch top` and `status`."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from monitor.alerts.finding import Finding
from monitor.engine.partition import EngineStats
from monitor.formats.native import moment
from monitor.runtime.partitions import Partitions

RECENT: Final = 20  # findings that are shown
CLOSEST: Final = 10  # clients that are shown
NOISIEST: Final = 10  # tests that are shown
WATCHED: Final = 15.0  # seconds after a visit for which somebody is taken to be looking


class Live:
    """Counts what the page shows. `clock` counts seconds and never goes back. Asking engines who is close to a finding
    costs them milliseconds, and is done while somebody looks."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._recent: deque[Finding] = deque(maxlen=RECENT)
        self._led: Counter[str] = Counter()  # as many as there are tests, at most
        self._queries, self._before = 0, (0, clock())
        self._visited = -WATCHED
        self._failed = 0
        self.page: Mapping[str, Any] = {}

    def visit(self) -> Mapping[str, Any]:
        """The page, for somebody who looks."""
        self._visited = self._clock()
        return self.page

    def fed(self, queries: int) -> None:
        """So many queries went through."""
        self._queries += queries

    def failed(self, records: int) -> None:
        """So many records were set aside, because judging them failed."""
        self._failed += records

    def found(self, findings: Sequence[Finding]) -> None:
        """Revisions of findings were made."""
        self._recent.extend(findings)
        for one in findings:
            if one.revision == 1 and one.evidence:
                self._led[f"{one.evidence[0].detector}/{one.evidence[0].test}"] += 1

    def write(
        self, partitions: Partitions, stats: Sequence[EngineStats], lags: Mapping[str, int], event_lag: float | None
    ) -> None:
        """Writes the page anew; `stats` are those of the partitions."""
        now = self._clock()
        queries, then = self._before
        self._before = (self._queries, now)
        looking = now - self._visited < WATCHED
        self.page = {
            "rate": round((self._queries - queries) / (now - then), 1) if now > then else 0.0,
            "queries": self._queries,
            "engine_failed": self._failed,
            "lag": dict(lags),
            "event_lag_seconds": None if event_lag is None else round(event_lag, 1),
            "clients": sum(one.clients for one in stats),
            "evicted": sum(one.evicted for one in stats),
            "models": sum(one.models for one in stats),
            "learning": sorted({name for one in stats for name in one.learning}),
            "state_bytes": sum(one.bytes for one in stats),
            "findings_open": sum(one.findings_open for one in stats),
            "recent": [_brief(one) for one in reversed(self._recent)],
            "noisiest": dict(self._led.most_common(NOISIEST)),
            "closest": [asdict(one) for one in partitions.closest(CLOSEST)] if looking else None,
        }


def _brief(one: Finding) -> dict[str, Any]:
    return {
        "finding": one.finding,
        "status": one.status,
        "severity": one.severity,
        "risk": one.risk,
        "family": one.family,
        "model": one.model,
        "client": one.client,
        "clients": max(1, len(one.members)),
        "updated_at": moment(one.updated_at),
    }

"""What the loop tells about itself: every count, gauge and sign of life goes through here, so that the loop stays
readable and the wall clock stays out of it."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Final

from monitor.alerts.finding import Finding
from monitor.record.decode import Decoded
from monitor.record.raw import Partition, RawBatch
from monitor.runtime.health import Pulse
from monitor.runtime.metrics import Metrics
from monitor.runtime.partitions import Partitions
from monitor.runtime.sifting import ENGINE_FAILED
from monitor.sources.protocol import Quarantined, Source

log = logging.getLogger(__name__)

GAPS: Final = 16  # of each partition that are told
_GAUGES_EVERY: Final = 2.0  # seconds; asking engines and brokers costs more than counting


@dataclass(frozen=True, slots=True)
class Clocks:
    """`steady` counts seconds and never goes back; `wall` is seconds since 1970."""

    steady: Callable[[], float]
    wall: Callable[[], float]


class Watch:
    """Keeps the metrics and the pulse up to date. `ask` is called with the metrics now and then, for gauges of parts
    that the loop does not know; `turn` is entered for each turn of the loop, so that one that hangs is noticed."""

    def __init__(
        self,
        metrics: Metrics,
        pulse: Pulse,
        clocks: Clocks,
        *,
        ask: Callable[[Metrics], None] = lambda _: None,
        turn: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._metrics = metrics
        self._pulse = pulse
        self._clocks = clocks
        self._ask = ask
        self.turn: Final = turn
        self._gauges_at = -_GAUGES_EVERY
        self._newest = 0  # event time, microseconds
        self._lags: set[Partition] = set()
        self._gaps: dict[str, deque[dict[str, Any]]] = {}

    def polled(self, source: Source, partitions: Partitions) -> None:
        """A poll has returned."""
        self._pulse.beat()
        mine = source.assigned()
        self._pulse.standings = dict(partitions.standings)
        self._pulse.origins = {
            name: origin | {"gaps": list(self._gaps.get(name, ()))} for name, origin in partitions.origins.items()
        }
        self._pulse.ready = bool(mine) and all(partition in partitions for partition in mine)
        now = self._clocks.steady()
        if now - self._gauges_at >= _GAUGES_EVERY:
            self._gauges_at = now
            self._gauges(source, partitions)

    def alive(self) -> None:
        """Something that takes long has come a step further."""
        self._pulse.beat()

    def failed(self, outcome: str) -> None:
        """An engine has failed, and this came of it."""
        self._metrics.engine_failures.labels(outcome).inc()

    def now(self) -> int:
        """Microseconds since 1970, for what the log has no time for."""
        return int(self._clocks.wall() * 1e6)

    def begin(self) -> float:
        """Now, for the time of a step."""
        return self._clocks.steady()

    def fed(self, batch: RawBatch, decoded: Decoded, findings: Sequence[Finding], begun: float) -> None:
        """A batch went through decoder and engine; it began at `begun`."""
        metrics, queries = self._metrics, decoded.queries
        metrics.received.inc(len(batch))
        metrics.received_bytes.inc(sum(map(len, batch.payloads)))
        metrics.decoded.inc(len(batch) - len(decoded.rejected))
        metrics.unknown_fields.inc(decoded.unknown_fields)
        metrics.queries.inc(len(queries))
        for record in decoded.rejected:
            metrics.rejected.labels(record.reason).inc()
        self._pulse.live.failed(sum(record.reason == ENGINE_FAILED for record in decoded.rejected))
        self._found(findings)
        self._pulse.live.fed(len(queries))
        self._pulse.tap.offer(queries, batch.partition)
        if len(queries):
            self._newest = max(self._newest, int(queries.time.max()))
        metrics.step.observe(self._clocks.steady() - begun)
        self._pulse.beat()

    def quarantined(self, stretch: Quarantined, findings: Sequence[Finding]) -> None:
        """A stretch of a log could not be read. Where the log itself has lost it, we were blind for so long: that is
        said loudly, beside the finding, and stays on the page /state for as long as we run."""
        self._metrics.quarantined.labels(stretch.reason).inc()
        self._found(findings)
        if not stretch.lost:
            return
        partition, missed = str(stretch.partition), max(0, stretch.next_offset - stretch.first_offset)
        self._metrics.missed.labels(partition, stretch.reason).inc(missed)
        gap = {"first_offset": stretch.first_offset, "next_offset": stretch.next_offset, "reason": stretch.reason}
        self._gaps.setdefault(partition, deque(maxlen=GAPS)).append(gap)
        log.error(
            "records are gone from the log before they were read; nothing is known of this stretch",
            extra={"partition": partition, "records": missed, **gap},
        )

    def _found(self, findings: Sequence[Finding]) -> None:
        self._pulse.live.found(findings)
        for finding in findings:
            tier = "test" if finding.is_test else finding.tier
            self._metrics.findings.labels(finding.family, tier, finding.status).inc()

    def full(self, full: bool) -> None:
        """Whether reading is paused because the outbox has no room."""
        self._metrics.outbox_full.set(full)

    def _gauges(self, source: Source, partitions: Partitions) -> None:
        metrics = self._metrics
        lags = source.lag()
        for gone in self._lags.difference(lags):
            metrics.lag.remove(str(gone))
        self._lags = set(lags)
        for partition, lag in lags.items():
            metrics.lag.labels(str(partition)).set(lag)
        metrics.partitions.set(len(partitions))
        metrics.snapshot_age.set(partitions.age())
        event_lag = self._clocks.wall() - self._newest / 1e6 if self._newest else None
        if event_lag is not None:
            metrics.event_lag.set(event_lag)
        stats = partitions.stats()
        self._pulse.live.write(partitions, stats, {str(one): lag for one, lag in lags.items()}, event_lag)
        self._ask(metrics)
        metrics.clients.set(sum(one.clients for one in stats))
        metrics.evicted.set(sum(one.evicted for one in stats))
        metrics.suspects_evicted.set(sum(one.suspects_evicted for one in stats))
        metrics.ignored.set(sum(one.ignored for one in stats))
        metrics.models.set(sum(one.models for one in stats))
        metrics.learning.set(sum(len(one.learning) for one in stats))
        metrics.state_bytes.set(sum(one.bytes for one in stats))
        metrics.open.set(sum(one.findings_open for one in stats))
        metrics.dropped.set(sum(one.findings_dropped for one in stats))

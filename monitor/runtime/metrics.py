"""Numbers of the daemon for Prometheus. No label holds anything that a client chooses.

Conservation can be checked at any time: records_received = records_decoded + the sum of records_rejected.
"""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_STEP: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """All metrics of one process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._input()
        self._state()
        self._output()

    def _input(self) -> None:
        self.received = self._counter("records_received", "Records that the source handed over.")
        self.received_bytes = self._counter("record_bytes_received", "Bytes of those records.")
        self.decoded = self._counter("records_decoded", "Records that became queries.")
        self.rejected = self._counter("records_rejected", "Records that could not be used.", "reason")
        self.quarantined = self._counter(
            "stretches_quarantined", "Stretches of a log that could not be read.", "reason"
        )
        self.queries = self._counter("queries", "Queries that the engine has seen.")
        self.lag = self._gauge("lag_records", "Records in the log that were not handed over yet.", "partition")
        self.event_lag = self._gauge("event_lag_seconds", "Wall clock minus the newest event time that was read.")
        self.step = Histogram(
            "probewatch_step_seconds", "Time of one batch, decoding to outbox.", buckets=_STEP, registry=self.registry
        )

    def _state(self) -> None:
        self.partitions = self._gauge("partitions", "Partitions that this process reads.")
        self.restored = self._counter(
            "partitions_restored", "Partitions taken over, by where their state came from.", "how"
        )
        self.snapshots = self._counter("snapshots", "Snapshots taken, by outcome.", "outcome")
        self.refused = self._counter("snapshots_refused", "Snapshots that could not be used at a start.")
        self.snapshot_age = self._gauge("snapshot_age_seconds", "Age of the oldest newest snapshot of a partition.")
        self.engine = self._gauge("engine", "What the engines hold, over all partitions.", "what")

    def _output(self) -> None:
        self.findings = self._counter(
            "findings", "Revisions of findings that the engine made.", "family", "tier", "status"
        )
        self.outbox = self._gauge("outbox_alerts", "Alerts accepted and not yet delivered, by sink.", "sink")
        self.outbox_full = self._gauge("outbox_full", "1 while reading is paused because the outbox is full.")
        self.sinks = self._gauge("sink", "Counts of each sink since the start.", "sink", "what")

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(f"probewatch_{name}", meaning, labels, registry=self.registry)

    def _gauge(self, name: str, meaning: str, *labels: str) -> Gauge:
        return Gauge(f"probewatch_{name}", meaning, labels, registry=self.registry)

    def page(self) -> bytes:
        """The page in Prometheus' text format."""
        return generate_latest(self.registry)

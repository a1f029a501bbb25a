"""Numbers of the daemon for Prometheus. No label holds anything that a client chooses.

Conservation can be checked at any time: records_received = records_decoded + the sum of records_rejected.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

PREFIX: Final = "probewatch"

_STEP: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """All metrics of one process, in a registry of their own."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each counter
        self.registry = CollectorRegistry()
        self._input()
        self._state()
        self._output()

    def _input(self) -> None:
        self.received = self._counter("records_received", "Records that the source handed over.")
        self.received_bytes = self._counter("record_bytes_received", "Bytes of those records.")
        self.decoded = self._counter("records_decoded", "Records that became queries.")
        self.rejected = self._counter("records_rejected", "Records that could not be used.", "reason")
        self.engine_failures = self._counter(
            "engine_failures",
            "Times that an engine failed and its partition went back, and that it did not fail again.",
            "outcome",
        )
        self.quarantined = self._counter(
            "stretches_quarantined", "Stretches of a log that could not be read.", "reason"
        )
        self.missed = self._counter(
            "records_missed", "Records that the log lost before they were read.", "partition", "reason"
        )
        self.unknown_fields = self._counter("unknown_fields", "Fields of good records that the schema does not know.")
        self.queries = self._counter("queries", "Queries that the engine has seen.")
        self.lag = self._gauge("lag_records", "Records in the log that were not handed over yet.", "partition")
        self.event_lag = self._gauge("event_lag_seconds", "Wall clock minus the newest event time that was read.")
        self.step = Histogram(
            f"{PREFIX}_step_seconds", "Time of one batch, decoding and judging.", buckets=_STEP, registry=self.registry
        )

    def _state(self) -> None:
        self.partitions = self._gauge("partitions", "Partitions that this process reads.")
        self.restored = self._counter(
            "partitions_taken", "Partitions taken over, by where their state came from.", "how"
        )
        self.snapshots = self._counter("snapshots", "Snapshots taken, by outcome.", "outcome")
        self.refused = self._counter("snapshots_refused", "Snapshots that could not be used at a start.")
        self.snapshot_age = self._gauge(
            "snapshot_age_seconds", "Longest time for which a partition has had new records."
        )
        self.clients = self._gauge("clients", "Clients that are remembered, counted once for each model.")
        self.evicted = self._gauge("clients_evicted", "Clients that had to leave since the state began.")
        self.suspects_evicted = self._gauge("suspects_evicted", "Of those, clients of whom a test had said something.")
        self.ignored = self._gauge(
            "queries_ignored", "Queries that had no place in the ceilings, since the state began."
        )
        self.models = self._gauge("models", "Models that are remembered.")
        self.learning = self._gauge("models_learning", "Models of which too little is known yet to name an attack.")
        self.state_bytes = self._gauge("state_bytes", "Bytes of state.")

    def _output(self) -> None:
        self.findings = self._counter("findings", "Revisions of findings that were made.", "family", "tier", "status")
        self.open = self._gauge("findings_open", "Findings that are open.")
        self.dropped = self._gauge("findings_dropped", "Signals that opened no finding of their own, in a storm.")
        self.shadow_findings = self._counter(
            "shadow_findings", "Revisions of findings that the shadow made.", "family", "tier", "status"
        )
        self.shadow_broken = self._gauge("shadow_broken", "Partitions on which the shadow has failed.")
        self.verdicts = self._gauge("verdicts", "Findings that people have judged, by their latest word.", "word")
        self.silences = self._gauge("silences_active", "Silences that count now.")
        self.kept_back = self._gauge(
            "alerts_kept_back", "Alerts in the outbox that no sink got, by what kept them back.", "by"
        )
        self.outbox = self._gauge("outbox_alerts", "Alerts accepted and not yet delivered.", "sink")
        self.outbox_full = self._gauge("outbox_full", "1 while reading is paused because the outbox takes nothing.")
        self.held_since = self._gauge(
            "sink_held_since_seconds", "Since when a sink takes nothing, in Unix time; 0.", "sink"
        )
        self.last_success = self._gauge(
            "sink_last_success_seconds", "When a sink last took alerts, in Unix time.", "sink"
        )
        self.responses = self._gauge("responses", "Entries of the response feed that stand.")
        self.responses_dropped = self._gauge("responses_dropped", "Entries that had no place in the response feed.")
        self.responses_written = self._counter(
            "responses_written", "Entries and tombstones written into the topic of responses.", "what"
        )
        self.broken = self._gauge("sink_broken", "1 where the thread of a sink has ended by a fault.", "sink")

    def count_elsewhere(self, name: str, meaning: str, look: Callable[[], Mapping[tuple[str, str], int]]) -> None:
        """Serves a counter that somebody else keeps: `look` gives its values by sink and outcome."""
        self.registry.register(_Elsewhere(f"{PREFIX}_{name}", meaning, look))

    def page(self) -> bytes:
        """The page in Prometheus' text format."""
        return generate_latest(self.registry)

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(f"{PREFIX}_{name}", meaning, labels, registry=self.registry)

    def _gauge(self, name: str, meaning: str, *labels: str) -> Gauge:
        return Gauge(f"{PREFIX}_{name}", meaning, labels, registry=self.registry)


class _Elsewhere(Collector):
    def __init__(self, name: str, meaning: str, look: Callable[[], Mapping[tuple[str, str], int]]) -> None:
        self._name, self._meaning, self._look = name, meaning, look

    def collect(self) -> Iterable[Metric]:
        return self._collect()

    def _collect(self) -> Iterator[Metric]:
        family = CounterMetricFamily(self._name, self._meaning, labels=["sink", "outcome"])
        for labels, value in self._look().items():
            family.add_metric(list(labels), value)
        yield family

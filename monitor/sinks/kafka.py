"""Sink for a topic of Kafka: idempotent, acknowledged by all replicas in sync, keyed by the finding.

A consumer that wants each alert once looks at the header `id`: after a broken connection an alert may come again.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import Any, Final

import kafka
import kafka.errors as said

from monitor.alerts.finding import Finding
from monitor.config.brokers import security
from monitor.config.streams import KafkaSinkSettings
from monitor.config.trouble import Trouble
from monitor.sinks.form import Form
from monitor.sinks.protocol import DELIVERED, Outcome

#: What errors of the client and the brokers mean; the first that fits counts, and whatever fits none is tried again.
MEANS: Final[tuple[tuple[tuple[type[Exception], ...], str, str], ...]] = (
    ((said.MessageSizeTooLargeError, said.RecordListTooLargeError), "refused", "too large for the topic"),
    ((said.InvalidRecordError, said.CorruptRecordError), "refused", "the broker refuses the record"),
    ((said.TopicAuthorizationFailedError, said.ClusterAuthorizationFailedError), "hold", "we may not write there"),
    ((said.SaslAuthenticationFailedError, said.UnsupportedSaslMechanismError), "hold", "the login is refused"),
    ((said.UnknownTopicOrPartitionError, said.InvalidTopicError), "hold", "there is no such topic"),
    ((said.UnsupportedVersionError, said.KafkaConfigurationError), "hold", "the broker does not know what we ask"),
)
_HEADROOM: Final = 1_024  # bytes that a record has beside its value


class KafkaSink:
    """Sends alerts to a topic, and waits until they are acknowledged."""

    def __init__(self, name: str, settings: KafkaSinkSettings) -> None:
        """Nothing is connected to yet."""
        self.name: Final = name
        self.max_batch: Final = settings.batch
        self._settings = settings
        self._form = Form.named(settings.format, settings.link)
        self._producer: kafka.KafkaProducer | None = None
        self._last: dict[str, tuple[int, int]] = {}  # partition and offset by alert, of the last batch
        security(settings.encryption, settings.login)

    def send(self, alerts: Sequence[Finding], doubtful: Collection[str] = ()) -> list[Outcome]:
        """Sends the alerts in their order. A refusal ends an idempotent producer, and with it those behind
        the refused one: each of them is sent once more, alone."""
        self._last = {}
        outcomes = self._batch(alerts)
        if len(alerts) == 1:
            return outcomes
        return [
            self._batch([alert])[0] if outcome.verdict == "refused" else outcome
            for alert, outcome in zip(alerts, outcomes, strict=True)
        ]

    def _batch(self, alerts: Sequence[Finding]) -> list[Outcome]:
        try:
            producer = self._connected()
        except (said.KafkaError, Trouble) as problem:
            self.close()
            return [meant(problem)] * len(alerts)
        sent = [self._sent(producer, alert) for alert in alerts]
        with suppress(said.KafkaError):  # each future says for itself what became of its record
            producer.flush(timeout=self._settings.timeout_s)
        outcomes = [self._outcome(alert, one) for alert, one in zip(alerts, sent, strict=True)]
        if any(outcome != DELIVERED for outcome in outcomes):
            self.close()  # what it still holds would be sent behind our back, and a refusal ends an idempotent producer
        return outcomes

    def read_back(self, alert: Finding) -> str:
        """Where the alert lies. Trouble where it was not sent lately, or the record there is another."""
        partition, offset = self._last.get(alert.id, (-1, -1))
        where = f"topic {self._settings.topic}, partition {partition}, offset {offset}"
        if offset < 0 or self._record(partition, offset) != alert.id:
            raise Trouble(what="the alert was not found", where=where, mend="see the brokers' logs")
        return f"read from {where}"

    def close(self) -> None:
        """Closes the connections; what was not acknowledged is given up, and comes again."""
        if self._producer is not None:
            with suppress(said.KafkaError):  # that it gives something up it says by an error
                self._producer.close(timeout=0)
            self._producer = None

    def _connected(self) -> kafka.KafkaProducer:
        if self._producer is None:
            settings = self._settings
            self._check_topic()
            self._producer = kafka.KafkaProducer(
                **self._options(),
                acks="all",
                enable_idempotence=True,
                compression_type=None if settings.compression == "none" else settings.compression,
                max_request_size=settings.message_bytes + _HEADROOM,
                delivery_timeout_ms=int(settings.timeout_s * 1000),
                request_timeout_ms=int(settings.timeout_s * 1000),
                max_block_ms=int(settings.timeout_s * 1000),
                linger_ms=0,
                batch_size=0,  # a record each: the client never finishes a flush of a batch that it had to split
                metrics_enabled=False,
            )
        return self._producer

    def _options(self) -> dict[str, Any]:
        settings = self._settings
        return {
            "bootstrap_servers": list(settings.brokers),
            "client_id": settings.client_id,
            "bootstrap_timeout_ms": int(settings.timeout_s * 1000),
        } | security(settings.encryption, settings.login)

    def _check_topic(self) -> None:
        """The brokers' error where the topic is not there: a producer's question would have some brokers make it."""
        admin = kafka.KafkaAdminClient(**self._options())
        try:
            [about] = admin.describe_topics([self._settings.topic])
        finally:
            admin.close()
        if about["error_code"]:
            raise said.for_code(about["error_code"])()

    def _sent(self, producer: kafka.KafkaProducer, alert: Finding) -> Any:
        """The future of a record, or the error that kept it from being sent."""
        value = self._form.line(alert)
        if len(value) > self._settings.message_bytes:
            return said.MessageSizeTooLargeError()
        headers = [("id", alert.id.encode()), ("severity", alert.severity.encode()), ("family", alert.family.encode())]
        try:
            return producer.send(self._settings.topic, value, key=alert.finding.encode(), headers=headers)
        except said.KafkaError as problem:
            return problem

    def _outcome(self, alert: Finding, sent: Any) -> Outcome:
        if isinstance(sent, Exception):
            return meant(sent)
        if not sent.is_done:
            return Outcome("retry", "Kafka: not acknowledged in time", doubtful=True)
        if sent.exception is not None:
            return meant(sent.exception)
        self._last[alert.id] = (sent.value.partition, sent.value.offset)
        return DELIVERED

    def _record(self, partition: int, offset: int) -> str:
        """The id in the header of a record; empty where there is none."""
        place = kafka.TopicPartition(self._settings.topic, partition)
        consumer = kafka.KafkaConsumer(**self._options(), enable_auto_commit=False)
        try:
            consumer.assign([place])
            consumer.seek(place, offset)
            found = consumer.poll(timeout_ms=int(self._settings.timeout_s * 1000), max_records=1)
        finally:
            consumer.close(autocommit=False)
        headers = [dict(record.headers) for records in found.values() for record in records]
        return headers[0].get("id", b"").decode() if headers else ""


def meant(problem: Exception) -> Outcome:
    """What an error means. Its text, which may hold addresses, is left out."""
    if isinstance(problem, Trouble):
        return Outcome("hold", problem.what)
    for kinds, verdict, words in MEANS:
        if isinstance(problem, kinds):
            return Outcome("hold" if verdict == "hold" else "refused", f"Kafka: {words}")
    return Outcome("retry", f"Kafka: {type(problem).__name__}", doubtful=True)

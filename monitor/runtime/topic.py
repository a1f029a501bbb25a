"""The compacted topic of responses: read back what we wrote in an earlier life, write entries and tombstones."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Any, Protocol

import kafka
import kafka.errors

from monitor.config.brokers import security
from monitor.config.response import FeedSettings
from monitor.config.trouble import Trouble
from monitor.formats.responses import written_by

_POLL = 200  # milliseconds


class Topic(Protocol):
    """Where entries are written, by key; Trouble where it takes nothing now."""

    @property
    def writer(self) -> str:
        """Our name in the keys."""
        ...

    def known(self) -> dict[bytes, bytes]:
        """What stands in it of ours, by key."""
        ...

    def put(self, changes: Mapping[bytes, bytes | None]) -> None:
        """Write values and tombstones (None); all of them are safe when this returns."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


class KafkaTopic:
    """The topic on real brokers. The producer is made with the first write, and anew after a failure."""

    def __init__(self, settings: FeedSettings) -> None:
        self._settings = settings
        self._producer: Any = None
        self.writer = settings.writer or socket.gethostname()

    def known(self) -> dict[bytes, bytes]:
        """What stands in it of ours, read from the beginning to where it ends now."""
        consumer = None
        try:
            consumer = kafka.KafkaConsumer(
                **self._options(), enable_auto_commit=False, allow_auto_create_topics=False, metrics_enabled=False
            )
            numbers = consumer.partitions_for_topic(self._settings.topic)
            if not numbers:
                raise self._trouble("there is no such topic", "create it with cleanup.policy=compact")
            places = [kafka.TopicPartition(self._settings.topic, number) for number in sorted(numbers)]
            consumer.assign(places)
            consumer.seek_to_beginning(*places)
            return self._read(consumer, consumer.end_offsets(places))
        except kafka.errors.KafkaError as problem:
            raise self._trouble(f"Kafka says {type(problem).__name__}", "check brokers, encryption and login") from None
        finally:
            if consumer is not None:
                consumer.close()

    def _read(self, consumer: Any, ends: Mapping[Any, int]) -> dict[bytes, bytes]:
        found: dict[bytes, bytes] = {}
        while any(consumer.position(place) < end for place, end in ends.items()):
            for records in consumer.poll(timeout_ms=_POLL).values():
                for record in records:
                    if not written_by(record.key, self.writer):
                        continue
                    if record.value is None:
                        found.pop(record.key, None)
                    else:
                        found[record.key] = record.value
        return found

    def put(self, changes: Mapping[bytes, bytes | None]) -> None:
        """Write values and tombstones, acknowledged by all replicas."""
        try:
            if self._producer is None:
                self._producer = kafka.KafkaProducer(**self._options(), acks="all", linger_ms=20)
            sent = [self._producer.send(self._settings.topic, key=key, value=value) for key, value in changes.items()]
            self._producer.flush(timeout=self._settings.connect_seconds)
            for one in sent:
                one.get(timeout=self._settings.connect_seconds)
        except kafka.errors.KafkaError as problem:
            self.close()
            raise self._trouble(f"Kafka says {type(problem).__name__}", "check brokers, topic and rights") from None

    def close(self) -> None:
        """Let go of the producer."""
        if self._producer is not None:
            self._producer.close(timeout=1)
            self._producer = None

    def _options(self) -> dict[str, Any]:
        return {
            "bootstrap_servers": list(self._settings.brokers),
            "client_id": "probewatch-responses",
            "bootstrap_timeout_ms": int(self._settings.connect_seconds * 1000),
            **security(self._settings.encryption, self._settings.login),
        }

    def _trouble(self, what: str, mend: str) -> Trouble:
        return Trouble(what=what, where=f"response.kafka, topic {self._settings.topic}", mend=mend)

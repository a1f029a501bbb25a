"""Writes records into a topic, one by one: for drills, which put marked records where a log is read from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import kafka

from monitor.config.brokers import security
from monitor.config.sources import KafkaSettings
from monitor.sources.client import connect, mending

_PATIENCE = 30.0  # seconds that a record may take


class Send(Protocol):
    """Hands one record over, and returns once the brokers have it."""

    def __call__(self, key: bytes, payload: bytes) -> None:
        """`key` decides on the partition. Trouble where the brokers do not take it."""


@contextmanager
def sending(settings: KafkaSettings) -> Iterator[Send]:
    """Sends to the first topic of the settings; Trouble where it does not exist or the brokers cannot be reached."""
    connect(settings, member=False).close()
    with mending(settings):
        producer = kafka.KafkaProducer(
            bootstrap_servers=list(settings.brokers),
            client_id=settings.client_id,
            acks="all",
            allow_auto_create_topics=False,
            max_block_ms=int(settings.connect_seconds * 1000),
            metrics_enabled=False,
            **security(settings.encryption, settings.login),
        )

    def send(key: bytes, payload: bytes) -> None:
        with mending(settings):
            producer.send(settings.topics[0], payload, key=key).get(_PATIENCE)

    try:
        yield send
    finally:
        producer.close(timeout=_PATIENCE)

"""The Kafka client as we use it: with all its libraries, settings of ours, and errors that say how to mend them."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Set
from contextlib import contextmanager
from typing import Any, Final

import kafka
import kafka.errors
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.coordinator.assignors.range import RangePartitionAssignor

from monitor.config.brokers import security
from monitor.config.sources import KafkaSettings
from monitor.config.trouble import Trouble

LIBRARIES: Final = ("crc32c", "lz4.frame", "zstandard", "snappy")
ASSIGNORS: Final = {"range": RangePartitionAssignor, "cooperative-sticky": CooperativeStickyAssignor}
HEARTBEATS: Final = 10  # in one session, so that a few may be lost
MEND: Final[tuple[tuple[type[Exception] | tuple[type[Exception], ...], str], ...]] = (
    (kafka.errors.TopicAuthorizationFailedError, "allow our user to read and describe the topics"),
    (kafka.errors.GroupAuthorizationFailedError, "allow our user to read the consumer group"),
    (kafka.errors.AuthorizationError, "allow our user to read the topics and the group"),
    (
        (kafka.errors.SaslAuthenticationFailedError, kafka.errors.UnsupportedSaslMechanismError),
        "check the user, the password and the mechanism of the login",
    ),
    (kafka.errors.FencedInstanceIdError, "give every process of the group an `instance` of its own"),
    (
        (kafka.errors.KafkaTimeoutError, kafka.errors.KafkaConnectionError),
        "check the addresses, the network, the encryption, and the login with its password",
    ),
    (kafka.errors.KafkaConfigurationError, "check the settings of the source"),
    (kafka.errors.BrokerResponseError, "see the brokers' logs"),
)


def check_libraries() -> None:
    """Trouble where a library is missing that some topic may need: found out later, it would cost us the topic.

    crc32c is needed too: without it every checksum is computed in Python, for fifteen times the time."""
    for library in LIBRARIES:
        try:
            importlib.import_module(library)
        except ImportError as problem:
            raise Trouble(
                what=f"the library {library} is missing, and record batches cannot be read without it",
                where="this Python environment",
                mend="pip install 'kafka-python[crc32c,lz4,zstd,snappy]'",
            ) from problem


def connect(settings: KafkaSettings, *, member: bool) -> kafka.KafkaConsumer:
    """A client that knows its brokers, as a member of the group that has not joined yet, or without any group.

    Trouble where the brokers cannot be reached or a topic does not exist."""
    membership = {"group_id": settings.group, "group_instance_id": settings.instance} if member else {}
    with mending(settings):
        options = _options(settings) | membership | security(settings.encryption, settings.login)
        consumer = kafka.KafkaConsumer(**options)
    try:
        with mending(settings):
            _check_topics(settings, consumer.topics())
    except Trouble:
        consumer.close()
        raise
    return consumer


@contextmanager
def mending(settings: KafkaSettings) -> Iterator[None]:
    """Turns the client's errors that a person can mend into Trouble."""
    try:
        yield
    except kafka.errors.KafkaError as problem:
        for kinds, mend in MEND:
            if isinstance(problem, kinds):
                raise Trouble(
                    what=f"Kafka says {type(problem).__name__}",
                    where=f"brokers {', '.join(settings.brokers)}, group {settings.group}",
                    mend=mend,
                ) from problem
        raise


def _check_topics(settings: KafkaSettings, topics: Set[str]) -> None:
    missing = sorted(set(settings.topics) - topics)
    if missing:
        raise Trouble(
            what=f"there is no topic {missing[0]}, or we may not see it",
            where=f"brokers {', '.join(settings.brokers)}",
            mend="create it, allow our user to describe it, or correct its name",
        )


def _options(settings: KafkaSettings) -> dict[str, Any]:
    session = int(settings.session_seconds * 1000)
    return {
        "bootstrap_servers": list(settings.brokers),
        "client_id": settings.client_id,
        "enable_auto_commit": False,
        # we look offsets up ourselves: reading that jumps over expired records has to be seen
        "auto_offset_reset": "none",
        "isolation_level": "read_committed",
        "partition_assignment_strategy": (ASSIGNORS[settings.assignment](),),
        "allow_auto_create_topics": False,
        "max_partition_fetch_bytes": settings.fetch_bytes,
        "session_timeout_ms": session,
        "heartbeat_interval_ms": session // HEARTBEATS,
        "max_poll_interval_ms": int(settings.step_seconds * 1000),
        "bootstrap_timeout_ms": int(settings.connect_seconds * 1000),
        "metrics_enabled": False,
    }

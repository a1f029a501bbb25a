"""The compacted topic on a real Kafka: entries, tombstones, a restart in between, and another writer beside."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from clock import Clock
from findings import CLIENT, EXAMPLE, finding
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.admin import NewTopic
from services.launch import Server

from monitor.config.response import FeedSettings, ResponseSettings
from monitor.config.sinks import OutboxSettings
from monitor.config.trouble import Trouble
from monitor.runtime.metrics import Metrics
from monitor.runtime.responses import Responses
from monitor.runtime.topic import KafkaTopic
from monitor.sinks.outbox import Outbox

pytestmark = pytest.mark.servers

FIRST = replace(EXAMPLE, revision=1, status="open")
OTHER = finding(client="c1.other", episode=2, revision=1, status="open")


@pytest.fixture
def name(kafka: Server) -> Iterator[str]:
    topic = f"responses-{uuid.uuid4().hex[:8]}"
    admin = KafkaAdminClient(bootstrap_servers=kafka.address)
    admin.create_topics([NewTopic(topic, 2, 1, topic_configs={"cleanup.policy": "compact"})])
    yield topic
    admin.close()


def messages(address: str, topic: str) -> list[tuple[list[str], dict[str, object] | None]]:
    """Everything in the topic, by partition and offset."""
    consumer = KafkaConsumer(bootstrap_servers=address, enable_auto_commit=False)
    places = [TopicPartition(topic, number) for number in range(2)]
    consumer.assign(places)
    consumer.seek_to_beginning(*places)
    ends, found = consumer.end_offsets(places), []
    while any(consumer.position(place) < end for place, end in ends.items()):
        for records in consumer.poll(timeout_ms=200).values():
            found += [(orjson.loads(one.key), one.value and orjson.loads(one.value)) for one in records]
    consumer.close()
    return found


def test_entries_and_tombstones_through_a_restart(kafka: Server, name: str, tmp_path: Path) -> None:
    clock = Clock(1_795_300_000.0)
    outbox = Outbox(tmp_path / "outbox.db", [], OutboxSettings(), clock)
    settings = ResponseSettings(delay_minutes=0, minutes=30)

    def life(writer: str) -> Responses:
        feed = FeedSettings(brokers=(kafka.address,), topic=name, writer=writer)
        return Responses(settings, outbox.history.standing, KafkaTopic(feed), {CLIENT: "key-123"}, Metrics(), clock)

    first, beside = life("one"), life("two")
    outbox.accept([FIRST, OTHER])
    first.refresh()
    beside.refresh()
    outbox.accept([replace(EXAMPLE, revision=3, status="closed")])
    first.refresh()
    first.close()
    clock.now += 1_800  # the other entry expires while nobody runs
    again = life("one")
    again.refresh()
    again.refresh()
    found = messages(kafka.address, name)
    assert sorted(value is None for key, value in found if key == ["one", "credit", CLIENT]) == [False, True]
    assert sorted(value is None for key, value in found if key == ["one", "credit", "c1.other"]) == [False, True]
    assert all(value is not None for key, value in found if key[0] == "two"), "one writer ends nothing of another's"
    (entry, *_) = [value for key, value in found if key == ["two", "credit", CLIENT]]
    assert entry is not None
    assert (entry["action"], entry["finding"]) == ("throttle", EXAMPLE.finding)
    assert "key-123" not in str(found)
    assert again._topic is not None
    assert again._topic.known() == {}
    for one in (beside, again):
        one.close()
    outbox.close()


def test_a_topic_that_is_not_there_is_said(kafka: Server) -> None:
    topic = KafkaTopic(FeedSettings(brokers=(kafka.address,), topic=f"absent-{uuid.uuid4().hex[:8]}"))
    with pytest.raises(Trouble, match="no such topic"):
        topic.known()

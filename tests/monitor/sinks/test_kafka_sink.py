"""The topic sink against a real Kafka: acknowledged, keyed by the finding, in order, once where nothing breaks."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import kafka
import kafka.errors
import orjson
import pytest
from findings import EXAMPLE, finding, several
from services.launch import Server

from monitor.config.streams import KafkaSinkSettings
from monitor.config.trouble import Trouble
from monitor.formats.cef import render_cef
from monitor.formats.native import parse
from monitor.sinks.kafka import KafkaSink, meant
from monitor.sinks.protocol import Outcome


def settings(broker: str, topic: str, **more: Any) -> KafkaSinkSettings:
    return KafkaSinkSettings.model_validate({"type": "kafka", "brokers": [broker], "topic": topic} | more)


def records(server: Server, topic: str) -> list[Any]:
    """Everything in the topic, in the order of its partitions."""
    consumer = kafka.KafkaConsumer(bootstrap_servers=server.address, enable_auto_commit=False)
    places = [kafka.TopicPartition(topic, one) for one in sorted(consumer.partitions_for_topic(topic))]
    consumer.assign(places)
    consumer.seek_to_beginning(*places)
    ends, found = consumer.end_offsets(places), []
    while any(consumer.position(place) < end for place, end in ends.items()):
        found += [record for several in consumer.poll(timeout_ms=500).values() for record in several]
    consumer.close()
    return sorted(found, key=lambda one: (one.partition, one.offset))


@pytest.mark.servers
def test_revisions_of_a_finding_stay_in_order_under_its_key(kafka: Server, topic: Callable[..., str]) -> None:
    name = topic(partitions=4)
    alerts = [finding(episode=n % 7, revision=n // 7) for n in range(42)]
    sink = KafkaSink("bus", settings(kafka.address, name, batch=50))
    assert {one.verdict for one in sink.send(alerts)} == {"delivered"}
    found = records(kafka, name)
    assert sorted(parse(one.value).id for one in found) == sorted(one.id for one in alerts)
    for one in found:
        told = parse(one.value)
        assert one.key == told.finding.encode()
        assert dict(one.headers) == {"id": told.id.encode(), "severity": b"high", "family": b"inversion"}
    for key in {one.key for one in found}:
        mine = [parse(one.value).revision for one in found if one.key == key]
        assert mine == sorted(mine)
    assert len({one.partition for one in found}) > 1
    assert f"topic {name}" in sink.read_back(alerts[3])
    with pytest.raises(Trouble, match="not found"):
        sink.read_back(finding(episode=99))
    sink.close()


@pytest.mark.servers
def test_a_line_of_another_form_is_carried_as_it_is(kafka: Server, topic: Callable[..., str]) -> None:
    name = topic()
    for form, compression in (("cef", "gzip"), ("ocsf", "none")):
        sink = KafkaSink("bus", settings(kafka.address, name, format=form, compression=compression))
        assert sink.send([EXAMPLE]) == [Outcome("delivered")]
        sink.close()
    line, tree = records(kafka, name)
    assert line.value.decode() == render_cef(EXAMPLE)
    assert orjson.loads(tree.value)["class_uid"] == 2004


@pytest.mark.servers
def test_one_alert_that_is_too_large_costs_no_other(kafka: Server, topic: Callable[..., str]) -> None:
    name = topic(max_message_bytes="3000")
    large = finding(episode=1, members=tuple(f"c1.{n:016}" for n in range(400)))
    larger = replace(large, members=large.members * 40)
    sink = KafkaSink("bus", settings(kafka.address, name, compression="none", message_bytes=100_000))
    outcomes = [sink.send([one])[0] for one in (several(1)[0], large, larger)]
    assert [one.verdict for one in outcomes] == ["delivered", "refused", "refused"]
    assert {one.reason for one in outcomes[1:]} == {"Kafka: too large for the topic"}
    mixed = sink.send([several(2)[1], larger, several(3)[2]])
    assert [one.verdict for one in mixed] == ["delivered", "refused", "delivered"]
    sink.close()


@pytest.mark.servers
def test_alerts_that_are_too_large_together_only_all_arrive(kafka: Server, topic: Callable[..., str]) -> None:
    name = topic(max_message_bytes="3000")
    sink = KafkaSink("bus", settings(kafka.address, name, compression="none"))
    assert {one.verdict for one in sink.send(several(60))} == {"delivered"}
    assert len(records(kafka, name)) == 60
    sink.close()


@pytest.mark.servers
def test_a_topic_that_is_not_there_holds_and_is_not_made(kafka: Server) -> None:
    sink = KafkaSink("bus", settings(kafka.address, "no-such-topic-of-alerts", timeout_s=2))
    [outcome] = sink.send([EXAMPLE])
    assert (outcome.verdict, outcome.reason) == ("hold", "Kafka: there is no such topic")
    sink.close()


@pytest.mark.servers
def test_brokers_that_are_away_are_tried_again_and_nothing_is_sent_behind_our_back(
    kafka: Server, topic: Callable[..., str]
) -> None:
    name = topic()
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    sink = KafkaSink("bus", settings(f"127.0.0.1:{port}", name, timeout_s=1))
    [outcome] = sink.send([EXAMPLE])
    assert (outcome.verdict, outcome.doubtful) == ("retry", True)
    assert str(port) not in outcome.reason
    sink.close()
    assert records(kafka, name) == []


@pytest.mark.parametrize(
    ("problem", "verdict"),
    [
        (kafka.errors.MessageSizeTooLargeError(), "refused"),
        (kafka.errors.TopicAuthorizationFailedError(), "hold"),
        (kafka.errors.ClusterAuthorizationFailedError(), "hold"),
        (kafka.errors.SaslAuthenticationFailedError(), "hold"),
        (kafka.errors.UnknownTopicOrPartitionError(), "hold"),
        (kafka.errors.NotEnoughReplicasError(), "retry"),
        (kafka.errors.KafkaTimeoutError(), "retry"),
        (kafka.errors.RequestTimedOutError(), "retry"),
        (kafka.errors.KafkaConnectionError("10.1.2.3:9092"), "retry"),
        (Trouble(what="the secret is empty", where="file x", mend="y"), "hold"),
    ],
)
def test_what_each_error_means(problem: Exception, verdict: str) -> None:
    outcome = meant(problem)
    assert outcome.verdict == verdict
    assert outcome.doubtful == (verdict == "retry")
    assert "10.1.2.3" not in outcome.reason

"""Topics read to their end, beside a group and without one."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from kafka import KafkaProducer
from services.launch import Server

from monitor.config.sources import KafkaSettings
from monitor.record.raw import Partition, RawBatch
from monitor.sources.kafkalog import KafkaLog
from monitor.sources.reading import everything

pytestmark = pytest.mark.servers


def test_a_log_ends_where_it_ended_when_it_was_opened(kafka: Server, topic: Callable[..., str]) -> None:
    full, empty = topic(partitions=3), topic()
    producer = KafkaProducer(bootstrap_servers=kafka.address)
    for number in range(300):
        producer.send(full, b"%d" % number, partition=number % 3)
    producer.flush()
    log = KafkaLog(KafkaSettings(brokers=(kafka.address,), topics=(full, empty), records=50))
    assert log.assigned() == {Partition(full, 0), Partition(full, 1), Partition(full, 2), Partition(empty, 0)}
    assert (log.progress().read, log.progress().total) == (0, 300)
    assert not log.finished
    found = [arrival for arrival in everything(log) if isinstance(arrival, RawBatch)]
    producer.close()
    assert (log.progress().read, log.progress().total, log.finished) == (300, 300, True)
    assert sorted(int(payload) for batch in found for payload in batch.payloads) == list(range(300))


def test_the_last_record_may_be_hidden(kafka: Server, topic: Callable[..., str]) -> None:
    name = topic()
    producer = KafkaProducer(bootstrap_servers=kafka.address, transactional_id=name)
    producer.init_transactions()
    for said in (b"kept", b"aborted"):
        producer.begin_transaction()
        producer.send(name, said)
        producer.commit_transaction() if said == b"kept" else producer.abort_transaction()
    producer.close()
    log = KafkaLog(KafkaSettings(brokers=(kafka.address,), topics=(name,)))
    assert [payload for batch in everything(log) if isinstance(batch, RawBatch) for payload in batch.payloads] == [
        b"kept"
    ]

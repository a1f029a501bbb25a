"""A consumer group on a real Kafka: joining, leaving, committing, pausing, and what goes wrong."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from uuid import uuid4

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from services.launch import Server

from monitor.config.sources import KafkaSettings
from monitor.config.trouble import Trouble
from monitor.record.raw import Partition, RawBatch
from monitor.sources.kafka import KafkaSource
from monitor.sources.protocol import Assignment, Quarantined

pytestmark = pytest.mark.servers

Joined = Callable[..., "Member"]
MakeTopic = Callable[..., str]
PATIENCE = 30.0


class Member:
    """A source and the loop around it, with what it has seen."""

    def __init__(self, source: KafkaSource, starts: Mapping[Partition, int] | None = None) -> None:
        self.source = source
        self.starts = starts or {}
        self.seen: dict[Partition, list[bytes]] = {}
        self.next: dict[Partition, int] = {}
        self.quarantined: list[Quarantined] = []
        self.changes: list[Assignment] = []

    @property
    def count(self) -> int:
        return sum(map(len, self.seen.values()))

    def step(self, timeout: float = 0.2) -> None:
        for change in self.source.changes():
            self.changes.append(change)
            for partition in change.gained:
                self.source.seek(partition, self.starts.get(partition))
        for arrival in self.source.poll(timeout):
            self.next[arrival.partition] = arrival.next_offset
            if isinstance(arrival, RawBatch):
                self.seen.setdefault(arrival.partition, []).extend(arrival.payloads)
            else:
                self.quarantined.append(arrival)

    def until(self, condition: Callable[[], bool], *others: Member) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, (self.seen.keys(), self.changes)
            for member in (self, *others):
                member.step()


@pytest.fixture
def join(kafka: Server) -> Iterator[Joined]:
    members: list[Member] = []

    def make(topic: str, starts: Mapping[Partition, int] | None = None, **settings: object) -> Member:
        values = {"brokers": (kafka.address,), "topics": (topic,), "group": topic, "session_seconds": 6} | settings
        members.append(Member(KafkaSource(KafkaSettings.model_validate(values)), starts))
        return members[-1]

    yield make
    for member in members:
        member.source.close()


@pytest.fixture
def produce(kafka: Server) -> Iterator[Callable[..., None]]:
    producer = KafkaProducer(bootstrap_servers=kafka.address)

    def send(topic: str, count: int, partitions: int = 4) -> None:
        for number in range(count):
            producer.send(topic, b"%d" % number, partition=number % partitions)
        producer.flush()

    yield send
    producer.close()


def test_a_group_shares_the_partitions_and_takes_over_what_a_member_leaves(
    join: Joined, produce: Callable[..., None], topic: MakeTopic
) -> None:
    name = topic(partitions=4)
    produce(name, 400)
    one = join(name)
    one.until(lambda: one.count == 400)
    assert one.source.commit(one.next)
    two = join(name)
    one.until(lambda: len(two.source.assigned()) == 2 == len(one.source.assigned()), two)
    assert one.source.assigned().isdisjoint(two.source.assigned())
    one.step()
    # what stayed with the first member was no change to it: its loop was only told of what it lost
    assert one.changes[1:] == [Assignment(frozenset(), two.source.assigned())]
    produce(name, 40)
    one.until(lambda: one.count + two.count == 440, two)
    assert all(len(payloads) == 10 for payloads in two.seen.values())
    assert not one.source.commit(dict.fromkeys(two.source.assigned(), 110))
    assert two.source.commit(two.next)
    two.source.close()
    one.until(lambda: len(one.source.assigned()) == 4)
    one.step()
    produce(name, 4)
    one.until(lambda: one.count + two.count == 444)


def test_one_request_tells_which_partitions_the_group_counts_as_ours(
    join: Joined, produce: Callable[..., None], topic: MakeTopic, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = topic(partitions=4)
    produce(name, 400)
    one, commit, requests = join(name), KafkaConsumer.commit, []

    def counted(self: KafkaConsumer, offsets: Mapping[TopicPartition, object], **others: object) -> None:
        requests.append(len(offsets))
        commit(self, offsets, **others)

    monkeypatch.setattr(KafkaConsumer, "commit", counted)
    one.until(lambda: one.count == 400)
    everything = [Partition(name, number) for number in range(4)]
    assert one.source.confirm([*everything, Partition(name, 4)]) == set(everything)
    assert requests == [4]
    two = join(name)
    one.until(lambda: len(two.source.assigned()) == 2 == len(one.source.assigned()), two)
    assert one.source.confirm(everything) == one.source.assigned()
    assert one.source.confirm(two.source.assigned()) == frozenset()
    assert requests == [4, 2], "nobody is asked about what is known to be another's"


def test_reading_goes_on_where_the_group_left_off(join: Joined, produce: Callable[..., None], topic: MakeTopic) -> None:
    name = topic(partitions=1)
    produce(name, 100, partitions=1)
    one = join(name, records=30)
    one.until(lambda: one.count >= 30)
    only = Partition(name, 0)
    assert one.source.commit({only: 30})
    one.source.close()
    two = join(name)
    two.until(lambda: two.count == 70)
    assert two.seen[only][0] == b"30"


def test_a_snapshot_counts_more_than_what_was_committed(
    join: Joined, produce: Callable[..., None], topic: MakeTopic
) -> None:
    name = topic(partitions=1)
    produce(name, 100, partitions=1)
    member = join(name, starts={Partition(name, 0): 95})
    member.until(lambda: member.count == 5)
    assert member.seen[Partition(name, 0)] == [b"95", b"96", b"97", b"98", b"99"]


def test_nothing_comes_before_the_loop_has_said_where_to_start(
    join: Joined, produce: Callable[..., None], topic: MakeTopic
) -> None:
    name = topic(partitions=1)
    produce(name, 10, partitions=1)
    member = join(name)
    while not member.source.assigned():
        assert list(member.source.poll(0.2)) == []
    assert list(member.source.poll(1.0)) == []
    member.until(lambda: member.count == 10)


def test_a_static_member_that_comes_back_moves_nothing(
    join: Joined, produce: Callable[..., None], topic: MakeTopic
) -> None:
    name = topic(partitions=4)
    one, two = join(name, instance="one", session_seconds=20), join(name, instance="two", session_seconds=20)
    one.until(lambda: len(one.source.assigned()) == 2 == len(two.source.assigned()), two)
    one.step()
    had, changes = two.source.assigned(), len(one.changes)
    two.source.close()
    again = join(name, instance="two", session_seconds=20)
    one.until(lambda: again.source.assigned() == had, again)
    produce(name, 8)
    one.until(lambda: one.count + again.count == 8, again)
    assert len(one.changes) == changes


def test_a_paused_partition_is_silent_and_stays_ours(
    join: Joined, produce: Callable[..., None], topic: MakeTopic
) -> None:
    name = topic(partitions=2)
    member = join(name)
    member.until(lambda: len(member.source.assigned()) == 2)
    member.step()
    paused = Partition(name, 0)
    member.source.pause([paused])
    produce(name, 20, partitions=2)
    member.until(lambda: member.count == 10)
    member.step(1.0)
    assert paused not in member.seen
    assert paused in member.source.assigned()
    member.source.resume([paused])
    member.until(lambda: member.count == 20)


def test_lag_is_what_lies_in_the_log_and_was_not_handed_over(
    join: Joined, produce: Callable[..., None], topic: MakeTopic
) -> None:
    name = topic(partitions=1)
    produce(name, 100, partitions=1)
    member = join(name, records=40)
    member.until(lambda: member.count == 40)
    assert member.source.lag() == {Partition(name, 0): 60}
    member.until(lambda: member.count == 100)
    assert member.source.lag() == {Partition(name, 0): 0}


def test_latest_starts_behind_what_is_there(join: Joined, produce: Callable[..., None], topic: MakeTopic) -> None:
    name = topic(partitions=1)
    produce(name, 10, partitions=1)
    member = join(name, start="latest")
    member.until(lambda: bool(member.changes))
    member.step()
    produce(name, 3, partitions=1)
    member.until(lambda: member.count == 3)


def test_records_that_have_expired_are_said_and_jumped_over(
    kafka: Server, join: Joined, produce: Callable[..., None], topic: MakeTopic
) -> None:
    name = topic(partitions=1)
    produce(name, 100, partitions=1)
    admin = KafkaAdminClient(bootstrap_servers=kafka.address)
    admin.delete_records({TopicPartition(name, 0): 60})
    admin.close()
    member = join(name, starts={Partition(name, 0): 20})
    member.until(lambda: member.count == 40)
    assert member.quarantined == [Quarantined(Partition(name, 0), 20, 60, "expired")]


def test_a_topic_made_anew_is_read_from_its_start(join: Joined, produce: Callable[..., None], topic: MakeTopic) -> None:
    name = topic(partitions=1)
    produce(name, 5, partitions=1)
    member = join(name, starts={Partition(name, 0): 5_000})
    member.until(lambda: member.count == 5)
    assert member.quarantined == [Quarantined(Partition(name, 0), 5_000, 0, "log-restarted")]


def test_a_topic_that_is_not_there_is_said(kafka: Server) -> None:
    missing = f"absent-{uuid4().hex}"
    with pytest.raises(Trouble, match=f"no topic {missing}"):
        KafkaSource(KafkaSettings(brokers=(kafka.address,), topics=(missing,)))

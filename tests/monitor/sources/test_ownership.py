"""What rebalances come to: an eager one takes everything and gives most of it back."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st
from kafka import TopicPartition

from monitor.record.raw import Partition
from monitor.sources.ownership import Ownership
from monitor.sources.protocol import Assignment


class Silenced:
    """The two calls of a consumer that may be made on its I/O thread."""

    def __init__(self) -> None:
        self.paused: set[TopicPartition] = set()
        self.sought: set[TopicPartition] = set()

    def pause(self, *partitions: TopicPartition) -> None:
        self.paused.update(partitions)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self.sought.add(partition)


def theirs(*numbers: int) -> list[TopicPartition]:
    return [TopicPartition("log", number) for number in numbers]


def ours(numbers: Iterable[int]) -> frozenset[Partition]:
    return frozenset(Partition("log", number) for number in numbers)


def test_new_partitions_are_silent_until_they_are_sought() -> None:
    consumer = Silenced()
    ownership = Ownership(consumer)
    ownership.on_partitions_assigned(theirs(0, 1))
    assert consumer.paused == consumer.sought == set(theirs(0, 1))
    assert ownership.settle().changes == (Assignment(ours([0, 1]), frozenset()),)


def test_what_comes_back_with_the_next_assignment_was_kept() -> None:
    ownership = Ownership(Silenced())
    ownership.on_partitions_assigned(theirs(0, 1, 2))
    ownership.settle()
    ownership.on_partitions_revoked(theirs(0, 1, 2))
    assert ownership.settle().changes == ()
    assert ownership.owned == frozenset()
    ownership.on_partitions_assigned(theirs(1, 2, 3))
    settled = ownership.settle()
    assert settled.changes == (Assignment(ours([3]), ours([0])),)
    assert settled.kept == ours([1, 2])
    assert ownership.owned == ours([1, 2, 3])


def test_what_was_lost_comes_back_as_new() -> None:
    ownership = Ownership(Silenced())
    ownership.on_partitions_assigned(theirs(0, 1))
    ownership.settle()
    ownership.on_partitions_lost(theirs(0, 1))
    ownership.on_partitions_assigned(theirs(1))
    settled = ownership.settle()
    assert settled.changes == (Assignment(frozenset(), ours([0, 1])), Assignment(ours([1]), frozenset()))
    assert settled.kept == frozenset()


@given(st.lists(st.tuples(st.booleans(), st.sets(st.integers(0, 5)), st.booleans()), max_size=12))
def test_who_follows_the_changes_knows_what_is_ours(rebalances: list[tuple[bool, set[int], bool]]) -> None:
    ownership, followed = Ownership(Silenced()), set[Partition]()
    held: set[int] = set()
    for lost, numbers, looks in rebalances:
        (ownership.on_partitions_lost if lost else ownership.on_partitions_revoked)(theirs(*held))
        ownership.on_partitions_assigned(theirs(*numbers))
        held = numbers
        if looks:
            for change in ownership.settle().changes:
                assert change.lost <= followed
                followed -= change.lost
                assert not change.gained & followed
                followed |= change.gained
            assert followed == ownership.owned == ours(held)


def test_what_a_cooperative_rebalance_takes_is_lost_at_once() -> None:
    ownership = Ownership(Silenced(), eager=False)
    ownership.on_partitions_assigned(theirs(0, 1))
    ownership.settle()
    ownership.on_partitions_revoked(theirs(1))  # and no assignment follows: nothing was added
    settled = ownership.settle()
    assert (settled.changes, settled.kept) == ((Assignment(frozenset(), ours([1])),), frozenset())
    assert ownership.owned == ours([0])
    ownership.on_partitions_assigned(theirs(2))
    assert ownership.settle().changes == (Assignment(ours([2]), frozenset()),)

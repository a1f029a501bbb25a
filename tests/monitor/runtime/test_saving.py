"""Snapshots that are written beside the loop: it goes on, and commits what was copied, not what came since."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest
from standin import Log, make_engine, record
from test_loop import Process

from monitor.record.raw import Partition
from monitor.runtime.folder import SnapshotFolder
from monitor.runtime.keys import OPEN_KEYS
from monitor.runtime.saving import Saving
from monitor.runtime.snapshots import Snapshot

P0, P1 = Partition("queries", 0), Partition("queries", 1)


class SlowFolder(SnapshotFolder):
    """A folder on a disk that takes its time: nothing is written before the test lets it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.may, self.problem, self.asked = Event(), None, 0  # type: Event, Exception | None, int

    def save(self, snapshot: Snapshot) -> None:
        self.asked += 1
        assert self.may.wait(20)
        if self.problem is not None:
            raise self.problem
        super().save(snapshot)


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as one:
        yield one


@pytest.fixture
def disk(tmp_path: Path, executor: ThreadPoolExecutor) -> Iterator[SlowFolder]:
    """Lets its writers go before the executor waits for them."""
    disk = SlowFolder(tmp_path / "snapshots")
    yield disk
    disk.may.set()


@pytest.fixture
def process(tmp_path: Path, disk: SlowFolder, executor: ThreadPoolExecutor) -> Process:
    """A daemon's loop over a log of two partitions, ten records of each a turn, a snapshot after as many."""
    log = Log({part: [record(f"client-{part.number}-{at % 3}", at) for at in range(90)] for part in (P0, P1)})
    return Process(tmp_path, log, size=10, every=10, elsewhere=disk, executor=executor)


def snapshots(process: Process, outcome: str) -> float:
    return process.value("snapshots_total", outcome=outcome)


def settle(process: Process, disk: SlowFolder) -> None:
    """Let the disk work, and wait until it has."""
    disk.may.set()
    while process.partitions.busy:
        pass


def test_the_stream_goes_on_and_what_was_copied_is_committed(process: Process, disk: SlowFolder) -> None:
    process.step(4)
    assert process.value("queries_total") == 80
    assert process.log.committed == {}
    assert disk.asked == 1, "one at a time"
    settle(process, disk)
    process.source.paused = {P0, P1}
    process.step()
    assert process.log.committed[P0] == 10, "the state of the first turn, though forty have been read"
    kept = next(SnapshotFolder(disk._shelf._folder).load(P0, OPEN_KEYS.epoch))
    assert isinstance(kept, Snapshot)
    assert (kept.next_offset, int(kept.arrays["counts"].sum())) == (10, 10)


def test_the_other_partition_is_next_and_the_end_waits_for_all(process: Process, disk: SlowFolder) -> None:
    disk.may.set()
    process.loop.run(lambda: False)
    assert process.log.committed == {P0: 90, P1: 90}
    assert snapshots(process, "failed") == 0
    again = process.partitions.take(P0)
    assert again == 90


def test_a_disk_that_fails_costs_a_snapshot_and_the_next_is_whole(process: Process, disk: SlowFolder) -> None:
    disk.problem = OSError(28, "No space left on device")
    process.step()
    settle(process, disk)
    process.step()
    assert process.log.committed == {}
    assert snapshots(process, "failed") >= 1
    disk.problem = None
    process.clock.now += 3_600
    process.loop.run(lambda: False)
    assert process.log.committed == {P0: 90, P1: 90}


def test_a_partition_that_leaves_meanwhile_is_not_committed(process: Process, disk: SlowFolder) -> None:
    process.step()
    process.source.rebalance(lost=[P0])
    process.step()
    settle(process, disk)
    process.step()
    assert P0 not in process.log.committed
    assert snapshots(process, "saved") >= 1, "it was written for whoever has it now"


def test_one_that_comes_back_begins_with_what_was_being_written(process: Process, disk: SlowFolder) -> None:
    process.step()
    process.source.rebalance(lost=[P0])
    process.source.rebalance(gained=[P0])
    disk.may.set()
    process.step()
    assert process.partitions.origins[str(P0)]["next_offset"] == 10
    process.loop.run(lambda: False)
    assert process.log.committed == {P0: 90, P1: 90}


def test_engines_are_renewed_after_the_old_state_is_written(process: Process, disk: SlowFolder) -> None:
    process.step()
    disk.may.set()
    process.partitions.renew(make_engine, "d")
    assert disk.asked == 1
    assert not process.partitions.busy
    process.loop.run(lambda: False)
    assert process.log.committed == {P0: 90, P1: 90}


def test_a_fault_of_ours_ends_the_loop(process: Process, disk: SlowFolder) -> None:
    disk.problem = ValueError("the array would have to be pickled")
    process.step()
    disk.may.set()
    with pytest.raises(ValueError, match="pickled"):
        process.loop.run(lambda: False)


def test_one_at_a_time(executor: ThreadPoolExecutor, tmp_path: Path) -> None:
    store = SlowFolder(tmp_path)
    saving: Saving[str] = Saving(store, executor)
    snapshot = Snapshot(P0, 1, "c", "k", {})
    saving.begin(snapshot, "first")
    assert saving.ended(wait=False) is None
    with pytest.raises(RuntimeError, match="being written"):
        saving.begin(snapshot, "second")
    store.may.set()
    assert saving.ended(wait=True) == ("first", None)
    assert saving.about is None
    assert saving.ended(wait=True) is None

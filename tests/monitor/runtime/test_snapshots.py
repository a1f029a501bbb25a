import os
from hashlib import blake2b
from pathlib import Path

import numpy as np
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.config.trouble import Trouble
from monitor.record.raw import Partition
from monitor.runtime import generations as generations_module
from monitor.runtime import sealed
from monitor.runtime.folder import SnapshotFolder
from monitor.runtime.snapshots import FencedError, Refused, Snapshot

HERE = Partition("queries", 3)


def snapshot(offset: int, partition: Partition = HERE) -> Snapshot:
    arrays = {"counts": np.arange(offset, dtype=np.int64), "names": np.array([b"a", b"bc"]), "empty": np.zeros((0, 4))}
    return Snapshot(partition, offset, "c0ffee", "1", arrays)


def newest(store: SnapshotFolder, partition: Partition = HERE, epoch: str = "1") -> Snapshot | Refused | None:
    return next(store.load(partition, epoch), None)


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.snapshot"))


def changed(offset: int, word: str = "b") -> Snapshot:
    """What changed since the snapshot before."""
    return Snapshot(HERE, offset, "c0ffee", "1", {"counts": np.array([offset]), word: np.zeros(3)}, partial=True)


def offsets(store: SnapshotFolder) -> list[int | str]:
    """Of all that is kept, newest first: the offset, or why it is refused."""
    return [kept.next_offset if isinstance(kept, Snapshot) else kept.reason for kept in store.load(HERE, "1")]


def flip(file: Path, place: int = -100) -> None:
    content = bytearray(file.read_bytes())
    content[place] ^= 1
    file.write_bytes(content)


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    SnapshotFolder(tmp_path).save(snapshot(7))
    loaded = newest(SnapshotFolder(tmp_path))
    assert isinstance(loaded, Snapshot)
    assert (loaded.partition, loaded.next_offset, loaded.config_hash, loaded.key_epoch) == (HERE, 7, "c0ffee", "1")
    for name, array in snapshot(7).arrays.items():
        assert loaded.arrays[name].dtype == array.dtype
        assert np.array_equal(loaded.arrays[name], array)


@pytest.mark.parametrize("keep", [1, 3, 5])
def test_the_last_generations_are_kept(tmp_path: Path, keep: int) -> None:
    store = SnapshotFolder(tmp_path, keep)
    for offset in range(1, 13):
        store.save(snapshot(offset))
    assert offsets(store) == [12, 11, 10, 9, 8][: max(keep, 2)]  # one shares nothing with the newest
    assert len(files(tmp_path)) == max(keep, 2)


def test_changes_are_loaded_with_what_they_build_on(tmp_path: Path) -> None:
    store = SnapshotFolder(tmp_path)
    assert not store.follows(HERE)
    store.save(snapshot(500))
    for offset in (501, 502):
        assert store.follows(HERE)
        store.save(changed(offset))
    loaded = newest(SnapshotFolder(tmp_path))
    assert isinstance(loaded, Snapshot)
    assert (loaded.next_offset, loaded.partial) == (502, False)
    assert set(loaded.arrays) == {"counts", "names", "empty"}
    assert [change["counts"].tolist() for change in loaded.changes] == [[501], [502]]


def test_a_whole_one_is_due_when_changes_have_come_to_as_much(tmp_path: Path) -> None:
    store, count = SnapshotFolder(tmp_path), 0
    store.save(snapshot(1_000))
    while store.follows(HERE):
        count += 1
        store.save(changed(2_000 + count))
    whole, *parts = sorted(file.stat().st_size for file in reversed(files(tmp_path)))[::-1]
    assert sum(parts) >= whole > sum(parts[:-1])
    for _ in range(60):
        store.save(changed(3_000) if store.follows(HERE) else snapshot(40_000))
    numbers = [file.name.split("-")[-1] for file in files(tmp_path)]
    assert max(numbers.count(base) for base in numbers) <= generations_module.CHAIN + 1


def test_a_broken_whole_one_takes_its_changes_along_and_leaves_the_one_that_shares_nothing(tmp_path: Path) -> None:
    store = SnapshotFolder(tmp_path, keep=2)
    store.save(snapshot(300))
    store.save(changed(301))
    store.save(snapshot(400))
    for offset in (401, 402, 403):
        store.save(changed(offset))
    assert offsets(store) == [403, 402, 401, 400, 301, 300]
    whole = next(file for file in files(tmp_path) if "-000000003-000000003" in file.name)
    flip(whole)
    torn = "torn or changed: the checksum of an array is wrong"
    assert offsets(SnapshotFolder(tmp_path)) == [torn, torn, torn, torn, 301, 300]
    whole.unlink()
    gone = "generation 3, on which it builds, is missing"
    assert offsets(SnapshotFolder(tmp_path)) == [gone, gone, gone, 301, 300]


def test_changes_of_another_chain_are_refused(tmp_path: Path) -> None:
    """A folder that was put together from two backups."""
    for name, word in (("one", "b"), ("two", "c")):
        store = SnapshotFolder(tmp_path / name)
        store.save(snapshot(300))
        store.save(changed(301, word))
        store.save(changed(302))
    middle = files(tmp_path / "one")[1]
    middle.write_bytes((tmp_path / "two" / middle.name).read_bytes())
    assert offsets(SnapshotFolder(tmp_path / "one")) == ["generation 2 is not the one on which it builds", 301, 300]


def test_changes_without_anything_to_build_on_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="needs one before it"):
        SnapshotFolder(tmp_path).save(changed(1))


def test_whoever_takes_a_partition_locks_its_former_owner_out(tmp_path: Path) -> None:
    one, two = SnapshotFolder(tmp_path), SnapshotFolder(tmp_path)
    one.take(HERE)
    one.save(snapshot(1))
    two.take(HERE)
    with pytest.raises(FencedError, match="another process has taken the partition"):
        one.save(snapshot(2))
    assert offsets(two) == [1]
    two.save(snapshot(3))
    with pytest.raises(FencedError):
        one.save(snapshot(4))
    assert offsets(one) == [3, 1]
    one.take(HERE)
    one.save(snapshot(5))
    assert offsets(two) == [5, 3, 1]


def test_what_was_being_written_at_a_takeover_stands_behind_all_that_follows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = SnapshotFolder(tmp_path), SnapshotFolder(tmp_path)
    one.save(snapshot(1))
    link = os.link

    def slow(temporary: Path, file: Path) -> None:
        monkeypatch.undo()
        two.take(HERE)
        link(temporary, file)

    monkeypatch.setattr(os, "link", slow)
    with pytest.raises(FencedError):
        one.save(snapshot(9))
    two.save(snapshot(2))
    assert offsets(two) == [2, 9, 1]
    assert not one.follows(HERE)


def test_two_that_take_at_once_have_terms_of_their_own(tmp_path: Path) -> None:
    one, two = SnapshotFolder(tmp_path), SnapshotFolder(tmp_path)
    one.take(HERE)
    (tmp_path / "claim-queries-3.000002").write_text("somebody who was quicker")
    two.take(HERE)
    assert (tmp_path / "claim-queries-3.000003").exists()


def test_a_folder_without_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    one = SnapshotFolder(tmp_path)
    one.save(snapshot(1))
    assert offsets(one) == [1]
    (tmp_path / "queries-3.000001-000000002-000000002.snapshot").write_bytes(b"")
    with pytest.raises(FencedError, match="another process writes it"):
        one.save(snapshot(2))


def test_a_snapshot_of_the_version_before_is_migrated(tmp_path: Path) -> None:
    header = {"version": 1, "topic": "queries", "partition": 3, "next_offset": 7, "config_hash": "c", "key_epoch": "1"}
    file = tmp_path / "queries-3.000000041.snapshot"
    sealed.write(file, tmp_path / "x.writing", b"probewatch snapshot\n", header, snapshot(7).arrays)
    store = SnapshotFolder(tmp_path)
    loaded = newest(store)
    assert isinstance(loaded, Snapshot)
    assert (loaded.next_offset, loaded.migrated) == (7, "read from a file of version 1")
    assert np.array_equal(loaded.arrays["counts"], np.arange(7))
    [(place, _, told)] = store.latest()
    assert (place, told["next_offset"]) == (str(file), 7)
    store.save(snapshot(8))
    assert offsets(store) == [8, 7]
    flip(file)
    assert offsets(store) == [8, "torn or changed: the checksum is wrong"]


def test_partitions_do_not_see_each_other(tmp_path: Path) -> None:
    store = SnapshotFolder(tmp_path)
    others = [Partition("queries", 33), Partition("queries-3", 3), Partition("../queries", 3), Partition("q.1", 3)]
    for number, partition in enumerate(others):
        store.save(snapshot(number + 1, partition))
    assert newest(store) is None
    assert [found.next_offset for p in others if isinstance(found := newest(store, p), Snapshot)] == [1, 2, 3, 4]
    assert all(file.parent == tmp_path for file in files(tmp_path))


def test_a_torn_one_is_refused_and_the_one_before_is_used(tmp_path: Path) -> None:
    store = SnapshotFolder(tmp_path)
    store.save(snapshot(1))
    store.save(snapshot(2))
    os.truncate(files(tmp_path)[-1], files(tmp_path)[-1].stat().st_size - 100)
    refused, before = store.load(HERE, "1")
    assert refused == Refused(str(files(tmp_path)[-1]), "torn or changed: the checksum of an array is wrong", 2)
    assert isinstance(before, Snapshot)
    assert before.next_offset == 1


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_flipped_or_cut_file_is_ever_loaded(tmp_path: Path, data: st.DataObject) -> None:
    """Neither the whole snapshot nor any of the changes: what is loaded is what was saved, and of an earlier offset."""
    folder = tmp_path / str(len(list(tmp_path.iterdir())))
    store = SnapshotFolder(folder)
    store.save(snapshot(300))
    for offset in (301, 302):
        store.save(changed(offset))
    at = data.draw(st.integers(0, 2))
    file = files(folder)[at]
    good = file.read_bytes()
    place = data.draw(st.integers(0, len(good) - 1))
    if data.draw(st.booleans()):
        bad = good[:place]
    else:
        bad = good[:place] + bytes([good[place] ^ 1 << data.draw(st.integers(0, 7))]) + good[place + 1 :]
    file.write_bytes(bad)
    found = list(store.load(HERE, "1"))
    assert [isinstance(one, Snapshot) for one in found] == [False] * (3 - at) + [True] * at
    for one in found:
        if isinstance(one, Snapshot):
            assert one.arrays["counts"].tobytes() == np.arange(300).tobytes()
            assert [change["counts"].tolist() for change in one.changes] == [[301], [302]][: one.next_offset - 300]


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=300), header=st.booleans())
def test_bytes_that_are_no_snapshot_are_refused_and_not_repeated(tmp_path: Path, content: bytes, header: bool) -> None:
    start = b"probewatch snapshot 2\n"
    if header:  # somebody who knows the form, and has no more than a checksum
        start += blake2b(content.replace(b"\n", b"") + b"\n", digest_size=16).digest()
        content = content.replace(b"\n", b"") + b"\n"
    (tmp_path / "queries-3.000001-000000001-000000001.snapshot").write_bytes(start + content)
    refused = newest(SnapshotFolder(tmp_path))
    assert isinstance(refused, Refused)
    assert refused.reason in (
        "torn or changed: the checksum of its header is wrong",
        "its header cannot be read",
        "its header is incomplete",
    )


@pytest.mark.parametrize(
    "table",
    [None, 7, [7], [["a", "|O", [1], 0]], [["a", "<i8", [-1], 0]], [["a", [["x"]], [1], 0]], [["a", "<i8", ["b"], 0]]],
)
def test_a_table_of_arrays_that_nobody_wrote_is_refused(tmp_path: Path, table: object) -> None:
    about = {"topic": "queries", "partition": 3, "next_offset": 7, "config_hash": "c", "key_epoch": "1", "version": 2}
    line = orjson.dumps(about | {"before": "", "arrays": table}) + b"\n"
    digest = blake2b(line, digest_size=16).digest()
    file = tmp_path / "queries-3.000001-000000001-000000001.snapshot"
    file.write_bytes(b"probewatch snapshot 2\n" + digest + line)
    refused = newest(SnapshotFolder(tmp_path))
    assert isinstance(refused, Refused)
    assert "table of arrays" in refused.reason
    assert refused.next_offset == 7


def test_a_foreign_file_is_refused(tmp_path: Path) -> None:
    store = SnapshotFolder(tmp_path)
    store.save(snapshot(1, Partition("queries", 4)))
    there = tmp_path / "queries-3.000001-000000001-000000001.snapshot"
    files(tmp_path)[0].rename(there)
    assert newest(store) == Refused(str(there), "of another partition, queries-4", 1)
    (tmp_path / "queries-3.000001-000000002-000000002.snapshot").write_bytes(b"PK\x03\x04 something else")
    assert offsets(store) == ["not a snapshot", "of another partition, queries-4"]


def test_a_later_version_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = SnapshotFolder(tmp_path)
    with monkeypatch.context() as later:
        later.setattr(generations_module, "VERSION", 3)
        store.save(snapshot(1))
    assert offsets(store) == ["version 3, and this program reads versions 1 to 2"]


def test_the_newest_of_each_partition_is_told_without_its_state(tmp_path: Path) -> None:
    store = SnapshotFolder(tmp_path)
    store.save(snapshot(1))
    store.save(snapshot(2))
    store.save(snapshot(5, Partition("a.b", 0)))
    (tmp_path / "other-1.000001-000000001-000000001.snapshot").write_bytes(b"something else")
    assert [header["next_offset"] for _, _, header in store.latest()] == [5, 2]


def test_another_key_is_refused(tmp_path: Path) -> None:
    store = SnapshotFolder(tmp_path)
    store.save(snapshot(1))
    refused = newest(store, epoch="2")
    assert isinstance(refused, Refused)
    assert refused.reason == "made with key 1, and the key is now 2"


def test_objects_are_never_unpickled(tmp_path: Path) -> None:
    store = SnapshotFolder(tmp_path)
    with pytest.raises(ValueError, match="pickle"):
        store.save(Snapshot(HERE, 1, "", "1", {"objects": np.array([print], dtype=object)}))
    assert newest(store) is None


def test_a_rest_of_a_killed_writer_does_no_harm(tmp_path: Path) -> None:
    store = SnapshotFolder(tmp_path)
    ours, theirs = (f"{stem}.000001-000000001-000000001.snapshot" for stem in ("queries-3", "queries-3.x-0"))
    (tmp_path / f"{ours}.77.writing").write_bytes(b"half")
    (tmp_path / f"{theirs}.77.writing").write_bytes(b"somebody else's, who may be alive")
    assert newest(store) is None
    store.save(snapshot(2))
    names = sorted(file.name for file in tmp_path.iterdir())
    assert names == ["claim-queries-3.000001", ours, f"{theirs}.77.writing"]


def test_a_full_disk_leaves_the_one_before_and_no_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = SnapshotFolder(tmp_path)
    store.save(snapshot(300))

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as now:
        now.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            store.save(changed(301))
    assert len(list(tmp_path.iterdir())) == 2  # a claim and a snapshot
    assert offsets(store) == [300]
    assert not store.follows(HERE)  # nobody knows what is there: the next one has to be whole
    store.save(snapshot(302))
    assert offsets(store) == [302, 300]


def test_files_are_nobody_elses_business(tmp_path: Path) -> None:
    SnapshotFolder(tmp_path).save(snapshot(1))
    assert {file.stat().st_mode & 0o777 for file in tmp_path.iterdir()} == {0o600}


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Trouble, match="cannot be made") as caught:
        SnapshotFolder(tmp_path / "file" / "folder")
    assert "runtime.state" in caught.value.mend

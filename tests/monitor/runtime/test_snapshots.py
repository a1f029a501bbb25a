import io
import os
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.config.trouble import Trouble
from monitor.record.raw import Partition
from monitor.runtime import folder as folder_module
from monitor.runtime.folder import SnapshotFolder
from monitor.runtime.snapshots import Refused, Snapshot

HERE = Partition("queries", 3)


def snapshot(offset: int, partition: Partition = HERE) -> Snapshot:
    arrays = {"counts": np.arange(offset, dtype=np.int64), "names": np.array([b"a", b"bc"]), "empty": np.zeros((0, 4))}
    return Snapshot(partition, offset, "c0ffee", "1", arrays)


def newest(store: SnapshotFolder, partition: Partition = HERE, epoch: str = "1") -> Snapshot | Refused | None:
    return next(store.load(partition, epoch), None)


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*"))


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    SnapshotFolder(tmp_path).save(snapshot(7))
    loaded = newest(SnapshotFolder(tmp_path))
    assert isinstance(loaded, Snapshot)
    assert (loaded.partition, loaded.next_offset, loaded.config_hash, loaded.key_epoch) == (HERE, 7, "c0ffee", "1")
    for name, array in snapshot(7).arrays.items():
        assert loaded.arrays[name].dtype == array.dtype
        assert np.array_equal(loaded.arrays[name], array)


def test_the_last_two_generations_are_kept(tmp_path: Path) -> None:
    store = SnapshotFolder(tmp_path)
    for offset in range(1, 13):
        store.save(snapshot(offset))
    assert [kept.next_offset for kept in store.load(HERE, "1") if isinstance(kept, Snapshot)] == [12, 11]
    assert len(files(tmp_path)) == 2


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
    assert isinstance(refused, Refused)
    assert refused == Refused(str(files(tmp_path)[-1]), "torn or changed: the checksum is wrong")
    assert isinstance(before, Snapshot)
    assert before.next_offset == 1


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_flipped_or_cut_file_is_ever_loaded(tmp_path: Path, data: st.DataObject) -> None:
    store = SnapshotFolder(tmp_path)
    store.save(snapshot(5))
    [*_, file] = files(tmp_path)
    good = file.read_bytes()
    place = data.draw(st.integers(0, len(good) - 1))
    if data.draw(st.booleans()):
        bad = good[:place]
    else:
        bad = good[:place] + bytes([good[place] ^ data.draw(st.integers(1, 255))]) + good[place + 1 :]
    file.write_bytes(bad)
    assert isinstance(newest(store), Refused)
    file.unlink()


def test_a_foreign_file_is_refused(tmp_path: Path) -> None:
    store = SnapshotFolder(tmp_path)
    store.save(snapshot(1, Partition("queries", 4)))
    files(tmp_path)[0].rename(tmp_path / "queries-3.000000001.snapshot")
    assert newest(store) == Refused(str(tmp_path / "queries-3.000000001.snapshot"), "of another partition, queries-4")
    (tmp_path / "queries-3.000000002.snapshot").write_bytes(b"PK\x03\x04 something else")
    assert newest(store) == Refused(str(tmp_path / "queries-3.000000002.snapshot"), "not a snapshot")


def test_another_version_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = SnapshotFolder(tmp_path)
    with monkeypatch.context() as later:
        later.setattr(folder_module, "VERSION", 2)
        store.save(snapshot(1))
    refused = newest(store)
    assert isinstance(refused, Refused)
    assert refused.reason == "version 2, and this program reads version 1"


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
    (tmp_path / "queries-3.77.writing").write_bytes(b"half")
    (tmp_path / "queries-4.77.writing").write_bytes(b"somebody else's, who may be alive")
    assert newest(store) is None
    store.save(snapshot(2))
    assert [file.name for file in files(tmp_path)] == ["queries-3.000000001.snapshot", "queries-4.77.writing"]


def test_a_full_disk_leaves_the_one_before_and_no_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = SnapshotFolder(tmp_path)
    store.save(snapshot(1))

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as now:
        now.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            store.save(snapshot(2))
    assert len(files(tmp_path)) == 1
    kept = newest(store)
    assert isinstance(kept, Snapshot)
    assert kept.next_offset == 1


def test_arrays_are_stored_as_they_are(tmp_path: Path) -> None:
    SnapshotFolder(tmp_path).save(snapshot(1000))
    body = files(tmp_path)[0].read_bytes()
    archive = ZipFile(io.BytesIO(body[body.index(b"PK\x03\x04") :]))
    assert all(entry.compress_size == entry.file_size for entry in archive.infolist())


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Trouble, match="cannot be made") as caught:
        SnapshotFolder(tmp_path / "file" / "folder")
    assert "runtime.state" in caught.value.mend

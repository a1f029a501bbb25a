"""The list of erased clients on a shelf, and a store that is left with its newest generation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from monitor.config.trouble import Trouble
from monitor.record.raw import Partition
from monitor.runtime.erased import listed, remember
from monitor.runtime.folder import FolderShelf, SnapshotFolder
from monitor.runtime.snapshots import Snapshot

HERE, THERE = Partition("requests/odd", 0), Partition("requests", 11)


def snapshot(partition: Partition, offset: int, partial: bool = False) -> Snapshot:
    return Snapshot(partition, offset, "c", "1:k", {"a": np.arange(64)}, partial=partial)


def test_marks_add_up_and_never_go_back(tmp_path: Path) -> None:
    shelf = FolderShelf(tmp_path)
    assert listed(shelf) == {}
    remember(shelf, ["m"], {HERE: 7})
    remember(shelf, ["m", "n"], {HERE: 5, THERE: 3})
    assert listed(shelf) == {"m": {str(HERE): 7, str(THERE): 3}, "n": {str(HERE): 5, str(THERE): 3}}
    assert [file.name for file in tmp_path.iterdir()] == ["erasures-000002.json"]


def test_two_who_erase_at_once_lose_nothing(tmp_path: Path) -> None:
    """The other one's piece is there under the number that we would have taken."""
    shelf = FolderShelf(tmp_path)
    remember(shelf, ["m"], {HERE: 7})

    class Late(FolderShelf):
        def read(self, name: str, most: int | None = None) -> bytes:
            content = super().read(name, most)
            (tmp_path / "erasures-000002.json").write_text('{"other": {"requests-11": 9}}')
            return content

    remember(Late(tmp_path), ["n"], {THERE: 1})
    assert listed(shelf).keys() == {"m", "n", "other"}


@pytest.mark.parametrize("content", ["[1]", "{", '{"m": 1}', '{"m": {"p": "x"}}'])
def test_a_piece_that_cannot_be_read_is_no_empty_list(tmp_path: Path, content: str) -> None:
    (tmp_path / "erasures-000001.json").write_text(content)
    with pytest.raises(Trouble, match="list of erased clients"):
        listed(FolderShelf(tmp_path))


def test_a_shelf_that_takes_nothing_is_told(tmp_path: Path) -> None:
    with pytest.raises(Trouble, match="list of erased clients"):
        remember(FolderShelf(tmp_path / "nowhere"), ["m"], {HERE: 7})


def test_all_generations_but_the_newest_go_whoever_wrote_them(tmp_path: Path) -> None:
    first, second = SnapshotFolder(tmp_path), SnapshotFolder(tmp_path)
    for offset, partial in ((1, False), (2, True), (3, False), (4, True)):
        first.save(snapshot(HERE, offset, partial))
    first.save(snapshot(THERE, 1))
    with pytest.raises(ValueError, match="builds on others"):
        first.purge(HERE)
    second.take(HERE)
    second.save(snapshot(HERE, 5))
    second.purge(HERE)
    kept = [file.name for file in tmp_path.iterdir() if file.suffix == ".snapshot"]
    assert sorted(name.partition(".")[0] for name in kept) == ["requests%2Fodd-0", "requests-11"]
    assert second.partitions() == [HERE, THERE]

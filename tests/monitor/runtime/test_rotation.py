"""Two keys from settings: what they need, what they share, and which snapshots they open."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from monitor.config.keys import KeySettings
from monitor.config.trouble import Trouble
from monitor.record.keys import Keys
from monitor.record.pseudonyms import former_of
from monitor.record.raw import Partition
from monitor.runtime.folder import SnapshotFolder
from monitor.runtime.keys import key_name, keys_of, sketches_name
from monitor.runtime.metrics import Metrics
from monitor.runtime.partitions import Partitions
from monitor.runtime.snapshots import Snapshot

HERE = Partition("requests", 0)


def keep(folder: Path, name: str, content: bytes) -> dict[str, str]:
    (folder / name).write_text(b64encode(content).decode() + "\n")
    return {"file": str(folder / name)}


def two(folder: Path, **more: Any) -> KeySettings:
    old = keys_of(KeySettings.model_validate({"secret": keep(folder, "old", bytes(range(32))), "epoch": "1"}))
    former = {"secret": keep(folder, "old", bytes(range(32))), "epoch": "1"}
    sketches = keep(folder, "sketches", old.sketches)
    tree = {"secret": keep(folder, "new", bytes(range(1, 33))), "epoch": "2", "former": former, "sketches": sketches}
    return KeySettings.model_validate(tree | more)


def test_both_keys_share_the_key_of_sketches(tmp_path: Path) -> None:
    keys = keys_of(two(tmp_path))
    old = keys_of(KeySettings.model_validate({"secret": {"file": str(tmp_path / "old")}, "epoch": "1"}))
    assert keys.former is not None
    assert keys.former == old
    assert (keys.sketches, sketches_name(keys)) == (old.sketches, sketches_name(old))
    assert key_name(keys) != key_name(old) == key_name(keys.former)
    assert former_of(keys.names.client("key-1")) == old.names.client("key-1") != keys.names.client("key-1")
    assert keys.names.epochs == ("2", "1")
    assert "former" not in repr(keys)


def test_what_does_not_fit_together_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="same epoch"):
        two(tmp_path, epoch="1")
    with pytest.raises(ValidationError, match=r"needs keys\.sketches"):
        two(tmp_path, sketches=None)
    with pytest.raises(Trouble, match="no key of sketches"):
        keys_of(two(tmp_path, sketches=keep(tmp_path, "short", b"abc")))


class Nothing:
    def __init__(self, arrays: Any) -> None:
        self.arrays = arrays


def partitions(folder: Path, keys: Keys, former: Keys | None) -> Partitions:
    return Partitions(
        lambda partition, arrays: Nothing(arrays),  # type: ignore[arg-type,return-value]
        SnapshotFolder(folder),
        lambda: 0.0,
        Metrics(),
        config_hash="c",
        key_epoch=key_name(keys),
        former_epoch=None if former is None else key_name(former),
    )


def test_the_state_of_the_key_before_is_gone_on_from_and_no_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keys = keys_of(two(tmp_path))
    assert keys.former is not None
    folder = tmp_path / "snapshots"
    SnapshotFolder(folder).save(Snapshot(HERE, 7, "c", key_name(keys.former), {}))
    assert partitions(folder, keys, None).take(HERE) is None
    assert "snapshot refused" in caplog.text
    caplog.clear()
    assert partitions(folder, keys, keys.former).take(HERE) == 7
    assert "refused" not in caplog.text
    SnapshotFolder(folder).save(Snapshot(HERE, 9, "c", key_name(keys), {}))
    assert partitions(folder, keys, keys.former).take(HERE) == 9
    assert partitions(folder, Keys.derive(b"x", "3"), Keys.derive(b"y", "4")).take(HERE) is None

"""What was learnt as a file: whole or refused with a reason, of one key, and part of the configuration's hash."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import recorded

from monitor.config.settings import Settings
from monitor.config.trouble import Trouble
from monitor.record.keys import Keys
from monitor.runtime import sealed
from monitor.runtime.learnt import config_hash, load, save

OTHER = Keys.derive(bytes(range(1, 33)), "test")


@pytest.fixture(scope="module")
def lesson() -> dict[str, Any]:
    engine = recorded.engine()
    engine.feed(recorded.decoded(recorded.records(lambda _, label, __: not label["attack"])[:3_000]))
    return engine.lesson()


@pytest.fixture
def file(tmp_path: Path, lesson: dict[str, Any]) -> Path:
    save(tmp_path / "learnt", lesson, recorded.KEYS, [{"model": "m"}])
    return tmp_path / "learnt"


def settings(file: Path | None) -> Settings:
    return Settings.model_validate({"runtime": {} if file is None else {"learnt": file}})


def test_what_was_written_is_read(file: Path, lesson: dict[str, Any]) -> None:
    found = load(file, recorded.KEYS, recorded.every())
    assert sorted({model for model, _ in found.views}) == ["digits", "hi"]
    arrays = [array for view in found.views.values() for array in view.values()]
    assert len(arrays) == len(lesson) - 1, "all but the head"
    assert oct(file.stat().st_mode)[-3:] == "600"
    assert [one.name for one in file.parent.iterdir()] == ["learnt"], "nothing is left over"


def test_another_key_is_refused(file: Path) -> None:
    with pytest.raises(Trouble, match=r"it was made with key \w+, and the key is now \w+") as caught:
        load(file, OTHER, recorded.every())
    assert "probewatch learn" in caught.value.mend


def test_a_torn_or_changed_file_is_refused(file: Path) -> None:
    whole = file.read_bytes()
    os.truncate(file, len(whole) - 9)
    with pytest.raises(Trouble, match="the checksum is wrong"):
        load(file, recorded.KEYS, recorded.every())
    file.write_bytes(b"something else")
    for look in (lambda: load(file, recorded.KEYS, recorded.every()), lambda: config_hash(settings(file))):
        with pytest.raises(Trouble, match="not a file of what was learnt"):
            look()


def test_another_version_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.runtime.learnt.VERSION", 2)
    with pytest.raises(Trouble, match="version 1, and this program reads version 2"):
        load(file, recorded.KEYS, recorded.every())


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(Trouble, match="No such file"):
        config_hash(settings(tmp_path / "none"))
    with pytest.raises(Trouble, match="No such file"):
        load(tmp_path / "none", recorded.KEYS, recorded.every())
    with pytest.raises(Trouble, match="cannot be written"):
        save(tmp_path / "none" / "learnt", {}, recorded.KEYS, [])


def test_the_configuration_is_another_one_with_it(file: Path, tmp_path: Path) -> None:
    bare, with_it = config_hash(settings(None)), config_hash(settings(file))
    assert bare == Settings().config_hash()
    assert len(with_it) == 16
    assert with_it != bare
    save(tmp_path / "again", {"head": np.zeros(3, np.uint8)}, recorded.KEYS, [])
    assert config_hash(settings(tmp_path / "again")) not in (bare, with_it)


def test_headers_are_read_without_what_follows(tmp_path: Path) -> None:
    sealed.write(tmp_path / "f", tmp_path / "t", b"magic\n", {"a": 1}, {"x": np.zeros(1_000)})
    digest, header = sealed.peek(tmp_path / "f", b"magic\n", "a file")
    assert (len(digest), header) == (32, {"a": 1})
    with pytest.raises(ValueError, match="not a file"):
        sealed.peek(tmp_path / "f", b"other\n", "a file")
    (tmp_path / "g").write_bytes(b"magic\n" + bytes(16) + b"[]\n")
    with pytest.raises(ValueError, match="no object"):
        sealed.peek(tmp_path / "g", b"magic\n", "a file")

"""Bytes of records that could not be read: kept only with the operator's key, and opened by nothing else."""

from __future__ import annotations

import sqlite3
from base64 import b64encode
from pathlib import Path

import numpy as np
import pytest

from monitor.config.secret import Secret
from monitor.config.sinks import OutboxSettings
from monitor.config.trouble import Trouble
from monitor.record.raw import Partition, RawBatch
from monitor.record.rejected import Rejected
from monitor.sinks.outbox import Outbox
from monitor.sinks.sealing import Sealer, sealer

ONLY = Partition("log", 3)
BYTES = [b"{broken: tattle-Quagmire", b"good", b"{also broken" * 9]
REJECTED = [Rejected(ONLY, at, "not-json", "record: JSON was expected", len(BYTES[at])) for at in (0, 2)]


def batch() -> RawBatch:
    return RawBatch(ONLY, BYTES, np.arange(3), np.full(3, -1), 3)


@pytest.fixture
def key(tmp_path: Path) -> Secret:
    (tmp_path / "key").write_bytes(b64encode(bytes(range(32))))
    return Secret(file=tmp_path / "key")


def keeping(folder: Path, **settings: object) -> Outbox:
    """An outbox that has been given the rejected records and all that the loop has of them."""
    outbox = Outbox(folder / "outbox.db", ["a"], OutboxSettings(**settings))
    outbox.reject(REJECTED, outbox.contents(REJECTED, batch()))
    return outbox


def test_without_a_key_no_byte_is_kept(tmp_path: Path) -> None:
    outbox = keeping(tmp_path)
    assert [letter.kept for letter in outbox.dead_letters("record")] == [False, False]
    with pytest.raises(Trouble, match="not kept"):
        outbox.letters.content(1)
    outbox.close()
    assert not [file for file in tmp_path.iterdir() if b"Quagmire" in file.read_bytes()]


def test_with_a_key_they_come_back_and_lie_there_encrypted(tmp_path: Path, key: Secret) -> None:
    outbox = keeping(tmp_path, letters_key=key, letters_bytes=40)
    newest, oldest = outbox.dead_letters("record")
    assert (oldest.kept, newest.kept) == (True, False), "the other one is too long"
    assert outbox.letters.content(oldest.number) == BYTES[0]
    outbox.close()
    assert not [file for file in tmp_path.iterdir() if b"Quagmire" in file.read_bytes()]


def test_another_key_another_place_and_a_changed_byte_open_nothing(tmp_path: Path, key: Secret) -> None:
    keeping(tmp_path, letters_key=key).close()
    (tmp_path / "other").write_bytes(bytes(31).hex().encode() + b"01")
    other = Outbox(tmp_path / "outbox.db", ["a"], OutboxSettings(letters_key=Secret(file=tmp_path / "other")))
    with pytest.raises(Trouble, match="another key, or changed"):
        other.letters.content(1)
    other.close()
    with sqlite3.connect(tmp_path / "outbox.db") as database:
        database.execute("UPDATE letters SET sealed = (SELECT sealed FROM letters WHERE number = 1) WHERE number = 2")
    swapped = Outbox(tmp_path / "outbox.db", ["a"], OutboxSettings(letters_key=key))
    with pytest.raises(Trouble, match="another key, or changed"):
        swapped.letters.content(2)
    with pytest.raises(Trouble, match="no such letter"):
        swapped.letters.content(77)
    swapped.close()
    without = Outbox(tmp_path / "outbox.db", ["a"])
    with pytest.raises(Trouble, match="no key to open it"):
        without.letters.content(1)
    without.close()
    one = Sealer(bytes(32))
    sealed = one.seal(b"x", "here")
    assert one.open(sealed, "here") == b"x"
    assert one.seal(b"x", "here") != sealed, "the same bytes twice do not look the same"
    for at in range(len(sealed)):
        changed = bytearray(sealed)
        changed[at] ^= 1
        with pytest.raises(ValueError, match="changed"):
            one.open(bytes(changed), "here")


@pytest.mark.parametrize("written", [b"short", b"AAAA", b"?" * 44])
def test_a_key_that_is_none_is_refused_and_not_repeated(tmp_path: Path, written: bytes) -> None:
    (tmp_path / "key").write_bytes(written)
    with pytest.raises(Trouble) as caught:
        sealer(Secret(file=tmp_path / "key"))
    assert written.decode() not in str(caught.value)


def test_an_outbox_of_the_earlier_form_goes_on(tmp_path: Path, key: Secret) -> None:
    keeping(tmp_path).close()
    with sqlite3.connect(tmp_path / "outbox.db") as database:
        database.execute("ALTER TABLE letters DROP COLUMN sealed")
        database.execute("DROP TABLE told")
        database.execute("PRAGMA user_version=1")
    outbox = keeping(tmp_path, letters_key=key)
    assert len(outbox.dead_letters("record")) == 2
    more = [Rejected(ONLY, 1, "not-json", "later", 4)]
    outbox.reject(more, outbox.contents(more, batch()))
    assert outbox.letters.content(outbox.dead_letters("record")[0].number) == b"good"
    outbox.close()

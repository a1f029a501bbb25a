"""Where keys come from, and what is said about one that cannot be used."""

from __future__ import annotations

import json
import os
from base64 import b64encode
from pathlib import Path

import pytest

from monitor.config.trouble import Trouble
from monitor.record.keys import Keys, create_key_file, load_keys

SECRET = b64encode(bytes(range(32))).decode()
EXPECTED = Keys.derive(bytes(range(32)), "2026-11")


def key_file(path: Path, content: str, mode: int = 0o600) -> Path:
    path.write_text(content)
    path.chmod(mode)
    return path


@pytest.mark.parametrize(
    "content",
    [
        f'epoch = "2026-11"\nsecret = "{SECRET}"\n',
        json.dumps({"epoch": "2026-11", "secret": bytes(range(32)).hex()}),
        f"epoch = '2026-11'\nsecret = '{SECRET.replace('+', '-').replace('/', '_')}'",
    ],
)
def test_files(tmp_path: Path, content: str) -> None:
    path = key_file(tmp_path / "key", content)
    assert load_keys(path, {}) == EXPECTED
    assert load_keys(None, {"PROBEWATCH_KEY_FILE": str(path)}) == EXPECTED


def test_the_environment() -> None:
    assert load_keys(None, {"PROBEWATCH_KEY": f"2026-11:{SECRET}"}) == EXPECTED
    assert load_keys(None, {"PROBEWATCH_KEY": SECRET}).epoch == "1"


def test_uses_and_epochs_have_keys_of_their_own() -> None:
    other = Keys.derive(bytes(range(32)), "2026-12")
    assert len({EXPECTED.pseudonyms, EXPECTED.sketches, other.pseudonyms, other.sketches, bytes(range(32))}) == 5


def test_printing_keys_shows_none() -> None:
    assert repr(EXPECTED) == "Keys(epoch='2026-11', apart=False)"


def test_a_new_key_file(tmp_path: Path) -> None:
    path = tmp_path / "state" / "key.toml"
    made = create_key_file(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_keys(path, {}) == made
    assert create_key_file(tmp_path / "other") != made
    with pytest.raises(Trouble, match="cannot be written"):
        create_key_file(path)
    assert load_keys(path, {}) == made


@pytest.mark.parametrize(
    ("content", "mode", "what"),
    [
        (f'secret = "{SECRET}"', 0o604, "read or changed by others"),
        (f'secret = "{SECRET}"', 0o620, "read or changed by others"),
        ('secret = "c2hvcnQgc2VjcmV0"', 0o600, "has 12 bytes, and 32 are needed"),
        ('secret = "not-a-secret!"', 0o600, "neither base64 nor hexadecimal"),
        ("secret = ", 0o600, "no key"),
        ('{"secret": 5}', 0o600, "no key"),
        ("[]", 0o600, "no key"),
        (f'secret = "{SECRET}"\nepoch = "a b"', 0o600, "epoch"),
    ],
)
def test_what_cannot_be_used(tmp_path: Path, content: str, mode: int, what: str) -> None:
    path = key_file(tmp_path / "key", content, mode)
    with pytest.raises(Trouble, match=what) as trouble:
        load_keys(path, {})
    assert str(path) in trouble.value.where
    assert trouble.value.mend
    assert SECRET not in str(trouble.value)


def test_missing_keys(tmp_path: Path) -> None:
    with pytest.raises(Trouble, match="there is no key"):
        load_keys(None, {})
    with pytest.raises(Trouble, match="cannot be read"):
        load_keys(tmp_path / "none", {})


def test_a_secret_mounted_for_the_group_is_fine(tmp_path: Path) -> None:
    assert load_keys(key_file(tmp_path / "key", f'secret = "{SECRET}"', 0o440), {}).epoch == "1"
    assert os.access(tmp_path / "key", os.R_OK)

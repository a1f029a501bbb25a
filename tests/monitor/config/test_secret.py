from pathlib import Path

import pytest

from monitor.config.secret import Secret
from monitor.config.trouble import Trouble


def test_one_line_break_at_the_end_is_not_part_of_the_secret(tmp_path: Path) -> None:
    for written, read in [
        (b"a\n", b"a"),
        (b"a\r\n", b"a"),
        (b"a\n\n", b"a\n"),
        (b"a", b"a"),
        (b"\xff\x00", b"\xff\x00"),
    ]:
        (tmp_path / "s").write_bytes(written)
        assert Secret(file=tmp_path / "s").read() == read


def test_the_environment_is_read_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = Secret(env="A_SECRET")
    monkeypatch.setenv("A_SECRET", "one")
    assert secret.text() == "one"
    monkeypatch.setenv("A_SECRET", "two")
    assert secret.text() == "two"


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(Trouble, match="cannot be read: No such file") as caught:
        Secret(file=tmp_path / "s").read()
    assert caught.value.where == f"file {tmp_path}/s"


def test_a_missing_variable() -> None:
    with pytest.raises(Trouble, match="not set") as caught:
        Secret(env="NO_SUCH_VARIABLE").read()
    assert caught.value.where == "environment variable NO_SUCH_VARIABLE"


def test_an_empty_secret(tmp_path: Path) -> None:
    (tmp_path / "s").write_bytes(b"\n")
    with pytest.raises(Trouble, match="empty"):
        Secret(file=tmp_path / "s").read()


def test_text_that_is_none_keeps_its_bytes_to_itself(tmp_path: Path) -> None:
    (tmp_path / "s").write_bytes(b"hunter2\xff")
    with pytest.raises(Trouble, match="not text") as caught:
        Secret(file=tmp_path / "s").text()
    assert caught.value.__cause__ is None
    assert "hunter2" not in str(caught.value)

"""The audit log's chain: what was changed, removed, reordered or cut off is found, and what was not is whole."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.config.settings import Settings
from monitor.config.trouble import Trouble
from monitor.runtime import audit
from monitor.runtime.accounts import account

AT = datetime(2026, 11, 24, tzinfo=UTC)
Lines = list[bytes]


def written(folder: Path, lines: int = 5) -> Path:
    file = folder / "audit.log"
    for n in range(lines):
        audit.append(file, AT, "pseudonym client", n, "2026-11", {"of": "x"} if n % 2 else None)
    return file


def tampered(folder: Path, change: Callable[[Lines], Lines]) -> audit.Broken | None:
    file = written(folder)
    file.write_bytes(b"".join(change(file.read_bytes().splitlines(keepends=True))))
    return audit.verify(file)[1]


def test_an_untouched_log_is_whole(tmp_path: Path) -> None:
    file = written(tmp_path)
    head, broken = audit.verify(file)
    assert (head.lines, broken) == (5, None)
    assert audit.verify(file, audit.Head.read(str(head))) == (head, None)
    assert oct(file.stat().st_mode & 0o777) == oct((tmp_path / "audit.log.head").stat().st_mode & 0o777) == "0o600"


@pytest.mark.parametrize(
    ("change", "line", "what"),
    [
        (lambda lines: [*lines[:2], lines[2].replace(b'"count":2', b'"count":1'), *lines[3:]], 3, "changed"),
        (lambda lines: [*lines[:2], *lines[3:]], 3, "removed"),
        (lambda lines: lines[1:], 1, "removed"),
        (lambda lines: [lines[0], lines[2], lines[1], *lines[3:]], 2, "another order"),
        (lambda lines: [*lines, lines[-1]], 6, "another order"),
        (lambda lines: lines[:-1], 5, "5 lines were written"),
        (lambda lines: [], 1, "5 lines were written"),
        (lambda lines: [*lines[:-1], lines[-1][:-1]], 5, "torn"),
        (lambda lines: [lines[0], b"hello\n", *lines[1:]], 2, "no line"),
        (lambda lines: [lines[0], b"[1]\n", *lines[1:]], 2, "no line"),
        (lambda lines: [lines[0].replace(b"{", b"{ ", 1), *lines[1:]], 1, "changed"),
    ],
)
def test_tampering_is_found_where_it_was_done(
    tmp_path: Path, change: Callable[[Lines], Lines], line: int, what: str
) -> None:
    broken = tampered(tmp_path, change)
    assert broken is not None
    assert broken.line == line
    assert what in broken.what


@given(at=st.integers(0, 1_500), bit=st.integers(0, 7))
def test_no_bit_can_be_turned(tmp_path_factory: pytest.TempPathFactory, at: int, bit: int) -> None:
    file = written(tmp_path_factory.mktemp("audit"))
    content = bytearray(file.read_bytes())
    content[at % len(content)] ^= 1 << bit
    file.write_bytes(bytes(content))
    assert audit.verify(file)[1] is not None


def test_a_log_that_was_made_anew_is_found_by_a_head_that_was_noted_elsewhere(tmp_path: Path) -> None:
    head, _ = audit.verify(written(tmp_path))
    for file in tmp_path.iterdir():
        file.unlink()
    file = written(tmp_path, lines=1)
    for n in range(4):
        audit.append(file, AT, "another", n, "2026-11")
    assert audit.verify(file)[1] is None  # a whole chain, by whoever may write the file
    broken = audit.verify(file, head)[1]
    assert broken is not None
    assert "another line" in broken.what


def test_the_chain_goes_on_after_a_torn_line(tmp_path: Path) -> None:
    file = written(tmp_path)
    with file.open("ab") as log:
        log.write(b'{"n":6,"time":"2026')
    audit.append(file, AT, "erasure", 1, "2026-11")
    head, broken = audit.verify(file)
    assert (head.lines, broken) == (6, None)


def test_nothing_is_added_to_what_is_no_audit_log(tmp_path: Path) -> None:
    file = tmp_path / "audit.log"
    file.write_bytes(b"something else\n")
    with pytest.raises(Trouble, match="is no line of it"):
        audit.append(file, AT, "erasure", 1, "2026-11")
    assert file.read_bytes() == b"something else\n"
    file.write_bytes(b"x" * 70_000)
    with pytest.raises(Trouble, match="is no line of it"):
        audit.append(file, AT, "erasure", 1, "2026-11")


def test_a_log_that_is_not_there_cannot_be_verified(tmp_path: Path) -> None:
    with pytest.raises(Trouble, match="cannot be read"):
        audit.verify(tmp_path / "audit.log")
    (tmp_path / "audit.log.head").write_text("nonsense")
    (tmp_path / "audit.log").touch()
    with pytest.raises(Trouble, match="a head is"):
        audit.verify(tmp_path / "audit.log")


def write_many(file: Path) -> None:
    for n in range(20):
        audit.append(file, AT, "pseudonym client", n, "1")


def test_processes_that_write_at_once_make_one_chain(tmp_path: Path) -> None:
    file = tmp_path / "audit.log"
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=write_many, args=(file,)) for _ in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    head, broken = audit.verify(file)
    assert (head.lines, broken) == (60, None)


def test_a_start_is_written_down_and_what_was_set_anew(tmp_path: Path) -> None:
    file = tmp_path / "audit.log"
    first = Settings()
    second = Settings.model_validate({"engine": {"tenant": "acme"}})
    for given_settings in (first, first, second, second):
        account(file, given_settings, "2026-11")
    lines = [json.loads(line) for line in file.read_bytes().splitlines()]
    assert [line["action"] for line in lines] == ["settings", "key use", "key use", "settings", "key use", "key use"]
    assert lines[3]["detail"]["changed"] == ["engine"]
    assert "acme" not in file.read_text()
    assert audit.verify(file)[1] is None

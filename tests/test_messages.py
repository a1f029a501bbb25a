"""Every message for people stands in a test: what is wrong is said, and somebody has read it."""

from __future__ import annotations

import ast
import io
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from installed import KEY

from monitor.cli.root import root
from monitor.config.runtime import BucketSettings
from monitor.config.settings import Settings
from monitor.config.trouble import Trouble
from monitor.formats.native import parse
from monitor.record.keys import load_keys
from monitor.record.raw import Partition
from monitor.runtime import forgetting
from monitor.runtime.bucket import BucketShelf
from monitor.runtime.lock import only_process
from monitor.runtime.metrics import Metrics
from monitor.runtime.partitions import Partitions
from monitor.runtime.running import announced, ask, page
from monitor.runtime.tables import Table
from monitor.sources.folders import partitions

REPOSITORY = Path(__file__).parents[1]
#: Messages that no test has brought about yet.
UNREAD = {
    "no family is called that",
    "no test has such a name",
    "there is no partition",
    "the address:",
    "the alert was not found:",
    "the alert was not found",
}
WINDOW = 14  # letters of a message that have to stand in a test


def messages() -> Iterator[tuple[str, list[str]]]:
    """Each Trouble with what it says, without what it is about."""
    for file in sorted((REPOSITORY / "monitor").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Trouble":
                assert {word.arg for word in node.keywords} == {"what", "where", "mend"} or node.keywords[0].arg is None
                what = next((word.value for word in node.keywords if word.arg == "what"), None)
                parts = what.values if isinstance(what, ast.JoinedStr) else [what]
                said = [part.value.strip() for part in parts if isinstance(part, ast.Constant)]
                if said:
                    yield f"{file.relative_to(REPOSITORY)}:{node.lineno}", [str(one) for one in said]


def test_every_message_stands_in_a_test() -> None:
    tests = " ".join(file.read_text() for file in (REPOSITORY / "tests").rglob("*.py"))
    known = re.sub(r"\s+", " ", tests)
    found = list(messages())
    assert len(found) > 80

    def stands(parts: list[str]) -> bool:
        if UNREAD & set(parts) or all(len(part) < 8 for part in parts):  # the latter are put together elsewhere
            return True
        pieces = (part[at : at + WINDOW] for part in parts for at in range(max(1, len(part) - WINDOW + 1)))
        return any(len(piece) >= min(WINDOW, 8) and piece in known for piece in pieces)

    assert [(place, parts) for place, parts in found if not stands(parts)] == []


def said(*arguments: str) -> str:
    result = CliRunner(env={"PROBEWATCH_KEY": KEY}).invoke(root, list(arguments))
    assert result.exit_code == 2
    assert "where:" in result.stderr
    assert "mend:" in result.stderr
    return result.stderr


def test_a_detector_that_is_not_there() -> None:
    assert "what:  no detector is called zzz" in said("detectors", "explain", "zzz")


def test_a_line_that_is_no_finding() -> None:
    with pytest.raises(Trouble, match="not a finding: not JSON"):
        parse(b"{")


def test_a_file_that_is_no_key(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("epoch = 1\n")
    (tmp_path / "key").chmod(0o600)
    with pytest.raises(Trouble, match="the file is no key"):
        load_keys(tmp_path / "key")


def test_tables_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b\n1,x\n")
    with pytest.raises(Trouble, match="rows with texts in them are no vectors"):
        Table.look(tmp_path / "a.csv", frozenset(), frozenset(), vector=True)
    (tmp_path / "b.csv").write_text('a,b\n1,"x"y\n')
    with pytest.raises(Trouble, match="it is no CSV:"):
        Table.look(tmp_path / "b.csv", frozenset(), frozenset(), vector=False)


def test_a_folder_without_logs(tmp_path: Path) -> None:
    with pytest.raises(Trouble, match="the folder holds no log"):
        partitions([tmp_path])


def test_a_library_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(Trouble, match="the library for object stores is missing"):
        BucketShelf(BucketSettings(name="bucket"))


def test_a_partition_that_cannot_be_erased(monkeypatch: pytest.MonkeyPatch) -> None:
    partitions = object.__new__(Partitions)
    monkeypatch.setattr(Partitions, "save", lambda *_: None)
    monkeypatch.setattr(Partitions, "saved", lambda *_, **__: {})
    with pytest.raises(Trouble, match="q-0 is not erased: the snapshot cannot be written"):
        forgetting._write_anew(Partition("q", 0), partitions, None)  # type: ignore[arg-type]


def test_a_daemon_that_does_not_answer(tmp_path: Path) -> None:
    """Somebody holds the lock, and nobody listens."""
    settings = Settings.model_validate({"runtime": {"state": str(tmp_path)}})
    nobody = announced(tmp_path, "127.0.0.1", 1)
    with only_process(tmp_path), nobody, pytest.raises(Trouble, match="the daemon does not answer: "):
        ask(settings, "/live")
    with pytest.raises(Trouble, match="the state folder: No such file"), announced(tmp_path / "no", "", 1):
        pass


def test_a_daemon_that_says_something_else(tmp_path: Path) -> None:
    from monitor.config.runtime import HealthSettings
    from monitor.config.secret import Secret
    from monitor.runtime.health import HealthServer, Pulse

    (tmp_path / "token").write_text("sesame\n")
    listening = HealthSettings(port=0, token=Secret(file=tmp_path / "token"))
    own = Settings.model_validate({"runtime": {"state": str(tmp_path)}})
    told = own.model_copy(update={"health": listening})
    with (
        HealthServer(listening, Pulse(time.monotonic, 60), Metrics()) as server,
        only_process(tmp_path),
        announced(tmp_path, "127.0.0.1", server.port),
    ):
        with pytest.raises(Trouble, match="the daemon wants another token"):
            page(own, "/live")
        with pytest.raises(Trouble, match="the daemon answered 404 for /other"):
            page(told, "/other")
        assert page(told, "/live")["ready"] is False


def test_a_daemon_that_does_not_reload(tmp_path: Path) -> None:
    """A process that takes the signal and does nothing about it."""
    code = "import signal, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN); print(1, flush=True); sys.stdin.read()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    (tmp_path / "p.toml").write_text(f'[runtime]\nstate = "{tmp_path}"\n')
    with subprocess.Popen([sys.executable, "-c", code], **pipes) as deaf:  # type: ignore[call-overload]
        assert isinstance(deaf.stdout, io.BufferedReader)
        deaf.stdout.read(1)
        with only_process(tmp_path):
            (tmp_path / "daemon.json").write_text(f'{{"pid": {deaf.pid}, "address": "127.0.0.1", "port": 1}}')
            assert "what:  no answer in 1 seconds" in said("reload", "--wait", "1", "--config", f"{tmp_path}/p.toml")
        os.kill(deaf.pid, signal.SIGTERM)


def test_several_silences_begin_alike(tmp_path: Path) -> None:
    given = ("silence", "add", "--model", "m", "--for", "1h", "--reason", "x", "--config", f"{tmp_path}/p.toml")
    (tmp_path / "p.toml").write_text(f'[runtime]\nstate = "{tmp_path}"\n')
    for _ in range(2):
        assert CliRunner().invoke(root, list(given)).exit_code == 0
    assert "what:  2 silences begin like that" in said("silence", "expire", "", "--config", f"{tmp_path}/p.toml")


def test_verdicts_without_an_outbox(tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text(f'[runtime]\nstate = "{tmp_path}"\n')
    assert "what:  there is no outbox" in said("feedback", "list", "--config", f"{tmp_path}/p.toml")

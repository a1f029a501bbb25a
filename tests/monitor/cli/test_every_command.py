"""What holds for all commands: their examples run, they speak JSON, and they are in the manual page."""

from __future__ import annotations

import os
import pty
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner
from findings import finding
from installed import KEY, REPOSITORY, environment, metadata
from probing import write

from detectors.novelty import looked_at
from detectors.scoring.kinds import code, place
from detectors.sketch.queries import ROWS
from monitor.alerts.silences import Matchers, Silence
from monitor.cli.man import EXITS, page
from monitor.cli.root import COMMANDS, root
from monitor.formats.native import encode
from monitor.runtime.audit import append
from monitor.sinks.outbox import Outbox

#: Examples that are read and not run, and what they would need.
READ = {
    "run": "goes on for ever; tests/monitor/runtime/test_daemon_process.py runs it",
    "reload": "a daemon; test_reload.py runs it",
    "top": "a daemon; test_reload.py runs it",
    "tap": "a daemon; test_reload.py runs it",
    "feedback pull": "Elasticsearch; test_workflow.py runs it",
    "siem install": "Elasticsearch; tests/monitor/siem has one",
    "dead-letters show": "a letter with the number 17; test_sealing.py has one",
    "key sketches": "a folder of the system; test_rotation.py runs it",
    "demo": "half a minute; test_demo.py runs it",
    "learn": "a week of logs; test_learning.py runs it",
    "sinks test": "that sink; tests/monitor/cli has one",
    "explain": "the log of its finding; test_examples.py runs it",
    "key pseudonyms": "a folder of the system",
    "siem verify": "Elasticsearch; tests/monitor/siem has one",
    "siem uninstall": "Elasticsearch; tests/monitor/siem has one",
    "test": "scenario files; test_examples.py runs it",
    "tune": "a week of logs; test_examples.py runs it",
}
#: What may have nothing to say on standard output here.
SILENT = {
    "replay",
    "drill",
    "detectors attacks",
    "siem page",
    "alerts list",
    "dead-letters list",
    "feedback list",
    "feedback report",
    "profile list",
}
#: What prints a document, bytes or a program, and no rows.
DOCUMENTS = {
    "run",
    "dead-letters show",
    "profile settings",
    "detectors page",
    "detectors attacks",
    "siem page",
    "config schema",
    "config page",
    "record schema",
    "record page",
    "completion",
    "man",
    "demo",
}


def leaves() -> Iterator[tuple[str, click.Command]]:
    def below(name: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
        if not isinstance(command, click.Group):
            yield name, command
            return
        for inner, child in command.commands.items():
            yield from below(f"{name} {inner}", child)

    for name, (module, _) in COMMANDS.items():
        yield from below(name, import_module(f"monitor.cli.{module}").command)


LEAVES = dict(leaves())


def example(command: click.Command) -> tuple[str, list[str], str]:
    """What the example pipes in, its arguments, and the file into which it writes."""
    assert command.help is not None
    found = re.search(r"Example: (.*)", " ".join(command.help.split()))
    assert found is not None
    piped, _, line = found[1].rpartition(" | ")
    line, _, out = line.partition(" > ")
    words = shlex.split(line)
    assert words[0] == "probewatch"
    return piped.removeprefix("echo ") + "\n" * bool(piped), words[1:], out


@pytest.fixture(scope="module")
def place_of_work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all that the examples name."""
    folder = tmp_path_factory.mktemp("examples")
    names = looked_at(ROWS)
    kind = {"kind": code(place(ROWS, names, np.full(len(names), 0.5))), "clients": "1"}
    new = {"family": "novelty", "tier": "novelty", "members": ("m1",), "labels": kind}
    found = finding(finding="5d41402a" * 4, revision=1, **new)
    for name in ("alerts.ndjson", "monday-new.ndjson"):
        (folder / name).write_bytes(encode(found) + b"\n")
    [log] = write(folder, 300, partitions=1)
    shutil.copy(log, folder / "day.ndjson")
    (folder / "train.csv").write_text("age,outcome\n1,2\n2,3\n")
    (folder / "probewatch.toml").write_text(
        f'[source.files]\npaths = ["{folder}/day.ndjson"]\n[runtime]\nstate = "{folder}/state"\n'
        f'[sinks.search]\ntype = "file"\npath = "{folder}/out.ndjson"\n'
    )
    outbox = Outbox(folder / "state" / "outbox.db", ["search"])
    outbox.accept([found])
    outbox.silencing.add(Silence("3fa2bbbb", Matchers(model="m"), 1, 2**60, "x", "ann", 1))
    outbox.close()
    append(folder / "state" / "audit.log", datetime(2026, 1, 1, tzinfo=UTC), "test", 1, "1")
    return folder


@pytest.mark.parametrize("name", [name for name in LEAVES if name not in READ])
def test_the_example_runs(name: str, place_of_work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given, arguments, _ = example(LEAVES[name])
    folder = tmp_path / "here"
    shutil.copytree(place_of_work, folder)
    log = "alerts.ndjson" if name == "compare" else "day.ndjson"
    shutil.copy(folder / log, folder / "monday.ndjson")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PROBEWATCH_KEY", KEY)
    monkeypatch.setenv("PROBEWATCH_CONFIG", "probewatch.toml")
    monkeypatch.setenv("PROBEWATCH__RUNTIME__STATE", str(folder / "state"))
    if name == "replay":
        arguments = [one.removesuffix(".zst") for one in arguments]
    if name == "profile forget":
        CliRunner().invoke(root, example(LEAVES["profile name"])[1])
        arguments[-1] = finding().model
    result = CliRunner().invoke(root, arguments, input=given or None)
    assert result.exit_code == 0, result.output
    assert result.stdout or name in SILENT


@pytest.mark.parametrize("name", READ)
def test_the_example_is_understood(name: str, place_of_work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place_of_work)
    command, arguments = LEAVES[name], example(LEAVES[name])[1]
    inner = arguments[len(name.split()) :]
    with command.make_context(name, inner, resilient_parsing=False) as context:
        assert context.params is not None


@pytest.mark.parametrize("name", [name for name in LEAVES if name not in DOCUMENTS])
def test_it_speaks_json(name: str) -> None:
    assert any("--json" in parameter.opts for parameter in LEAVES[name].params)


def test_what_is_left_out_is_there() -> None:
    assert set(READ) | DOCUMENTS <= set(LEAVES)


# --- the manual page and completion -----------------------------------------------------------------------------------


def test_the_manual_page_is_current_and_whole() -> None:
    made = "\n".join(page(root)) + "\n"
    assert (REPOSITORY / "deploy" / "probewatch.1").read_text() == made, "run `make pages`"
    for name, command in LEAVES.items():
        assert f".SS {name}".replace("-", "\\-") in made
        options = {max(one.opts, key=len) for one in command.params if isinstance(one, click.Option)}
        assert [option for option in options if option.replace("-", "\\-") not in made] == []
    manual = (REPOSITORY / "deploy" / "docs" / "operating.md").read_text()
    assert [exit for exit in EXITS if f"| {exit} |" not in manual] == []


@pytest.mark.skipif(shutil.which("groff") is None, reason="there is no groff")
def test_groff_finds_nothing_wrong_with_it() -> None:
    text = "\n".join(page(root)) + "\n"
    done = subprocess.run(["groff", "-man", "-Tutf8", "-ww"], input=text, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert "silence add" in done.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_get_what_they_have_to_read(shell: str) -> None:
    printed = CliRunner().invoke(root, ["completion", shell])
    assert printed.exit_code == 0
    assert f"_PROBEWATCH_COMPLETE={shell}_complete" in printed.stdout


@pytest.mark.parametrize(
    ("line", "offers"),
    [("probewatch sil", "silence"), ("probewatch silence e", "expire"), ("probewatch feedback 5d41 f", "false")],
)
def test_bash_completes(line: str, offers: str) -> None:
    words = line.split()
    given = {"_PROBEWATCH_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    result = CliRunner(env=given).invoke(root, [], prog_name="probewatch")
    assert f"plain,{offers}" in result.stdout.splitlines()


# --- colours and progress ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("variables", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True)])
def test_colours_on_a_terminal_unless_somebody_minds(
    place_of_work: Path, tmp_path: Path, variables: dict[str, str], coloured: bool
) -> None:
    ours, theirs = pty.openpty()
    given = environment(metadata(tmp_path / "package"), TERM="xterm", **variables)
    command = [sys.executable, "-m", "monitor.cli", "alerts", "show", "5d41402a", "--file", "alerts.ndjson"]
    kept = {name: value for name, value in given.items() if name != "NO_COLOR" or name in variables}
    subprocess.run(command, cwd=place_of_work, env=kept, stdout=theirs, stdin=subprocess.DEVNULL, check=True)
    os.close(theirs)
    printed = os.read(ours, 100_000)
    os.close(ours)
    assert b"revision" in printed
    assert (b"\x1b[" in printed) == coloured


def test_no_progress_where_nobody_looks(place_of_work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROBEWATCH_KEY", KEY)
    result = CliRunner().invoke(root, ["replay", str(place_of_work / "day.ndjson"), "--alerts", "-", "--json"])
    assert result.exit_code == 0
    assert "\r" not in result.stderr
    assert len(result.stderr.splitlines()) == 1, "one line of JSON"

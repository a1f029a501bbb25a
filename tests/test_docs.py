"""The manual is true: its commands run and print what it says, its pages are those the code makes, nothing is left out.

In a page, a block marked `console` holds commands after `$ ` and what they print, `...` standing for any text. All
blocks of a page run in one folder, in their order. A block with a file's name behind its language becomes that file.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from findings import EXAMPLE
from kafka import KafkaProducer
from probing import records
from services.launch import Server

from detectors.checks import check_all
from detectors.registry import registered
from monitor.cli.root import COMMANDS
from monitor.config.load import load
from monitor.formats.native import render
from monitor.record.decode import Decoder
from monitor.record.keys import make_keys
from monitor.record.raw import Partition, RawBatch
from monitor.runtime.metrics import Metrics

REPOSITORY = Path(__file__).parents[1]
MANUAL = REPOSITORY / "deploy" / "docs"
README = REPOSITORY / "README.md"
PAGES = {str(p.relative_to(REPOSITORY)): p for p in (*sorted(REPOSITORY.glob("*.md")), *sorted(MANUAL.rglob("*.md")))}
FENCE = re.compile(r"^```(\w*) ?(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)[^)]*\)")
KEY = "a2V5LWZvci10aGUtbWFudWFsLWtleS1mb3ItdGhlLW1hbnVhbA=="  # the manual's own, so that its output stays the same


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    language: str
    file: str
    text: str

    def dialogue(self) -> Iterator[tuple[str, str]]:
        """Commands, each with what it should print."""
        for part in re.split(r"^\$ ", self.text, flags=re.MULTILINE)[1:]:
            command, _, expected = part.partition("\n")
            yield command, expected


def blocks(page: Path) -> list[Block]:
    return [Block(*found) for found in FENCE.findall(page.read_text())]


def executable(command: str) -> str:
    """The command; for one of make, what the Makefile would run, as the packages are installed already."""
    if not command.startswith("make "):
        return command
    question = [
        "make",
        "--no-print-directory",
        "--dry-run",
        "--old-file=.venv/runtime",
        "--old-file=.venv/dev",
        command.removeprefix("make "),
    ]
    said = subprocess.run(question, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    return said.replace(".venv/bin/", "")


def answer(command: str, folder: Path, **variables: str) -> str:
    """What the command prints on a terminal of 100 columns; AssertionError where it fails."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PROBEWATCH")}
    done = subprocess.run(
        ["bash", "-c", executable(command)],
        cwd=folder,
        env=kept | {"PATH": path, "COLUMNS": "100"} | variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, f"$ {command}\n{done.stdout}"
    return done.stdout


def stripped(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def fits(expected: str, printed: str) -> bool:
    pattern = ".*?".join(re.escape(part) for part in stripped(expected).split("..."))
    return re.fullmatch(pattern, stripped(printed), re.DOTALL) is not None


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the commands of a page run; the key of the demo is there, so that pseudonyms are always the same."""
    (tmp_path / "probewatch-demo").mkdir()
    (tmp_path / "probewatch-demo" / "key.toml").write_text(f'epoch = "1"\nsecret = "{KEY}"\n')
    (tmp_path / "probewatch-demo" / "key.toml").chmod(0o600)
    return tmp_path


@pytest.mark.docs
@pytest.mark.parametrize("name", [name for name, page in PAGES.items() if "```console" in page.read_text()])
def test_commands_print_what_the_page_says(name: str, folder: Path) -> None:
    for block in blocks(PAGES[name]):
        if block.file:
            (folder / block.file).write_text(block.text)
        for command, expected in block.dialogue() if block.language == "console" else ():
            printed = answer(command, folder)
            assert fits(expected, printed), f"$ {command}\n{printed}\nand {name} says\n{expected}"


@pytest.mark.servers
def test_the_settings_of_the_readme_watch_a_topic(kafka: Server, topic: Callable[..., str], tmp_path: Path) -> None:
    """As they stand there, but for the address and the topic."""
    (settings,) = [block for block in blocks(README) if block.file == "probewatch.toml"]
    (tmp_path / settings.file).write_text(settings.text)
    (tmp_path / "probewatch.key").write_text(KEY)
    name = topic()
    with KafkaProducer(bootstrap_servers=kafka.address) as producer:
        for client, line in records(8_000):
            told = datetime.fromisoformat(json.loads(line)["time"])  # records far from the log's own time are rejected
            producer.send(name, line, key=client.encode(), timestamp_ms=int(told.timestamp() * 1000))
    given = {"BROKERS": f'["{kafka.address}"]', "TOPICS": f'["{name}"]', "GROUP": name}
    variables = {f"PROBEWATCH__SOURCE__KAFKA__{key}": value for key, value in given.items()}
    variables["PROBEWATCH__HEALTH__PORT"] = "0"
    assert f"{name} (1 partitions)" in answer("probewatch check --config probewatch.toml", tmp_path, **variables)
    watched = "while kill -0 $! && ! test -s alerts.ndjson; do sleep 0.2; done; kill $!; wait $!"
    answer(f"timeout 180 probewatch run --config probewatch.toml & {watched}", tmp_path, **variables)
    first = json.loads((tmp_path / "alerts.ndjson").read_bytes().splitlines()[0])
    assert (first["revision"], first["status"], first["lineage"]["topic"]) == (1, "open", name)


@pytest.mark.docs
@pytest.mark.parametrize("page", ["config", "record", "detectors"])
def test_generated_pages_are_current(page: str, tmp_path: Path) -> None:
    file = MANUAL / {"config": "settings.md", "record": "record.md", "detectors": "detectors.md"}[page]
    assert answer(f"probewatch {page} page", tmp_path) == file.read_text(), (
        f"run `probewatch {page} page > deploy/docs/{file.name}`"
    )


def test_a_wildcard_stands_for_any_text_and_nothing_else_does() -> None:
    assert fits("one ... three\n...\nfive", "one two three  \nfour\nfour\nfive\n")
    assert not fits("one ... three", "one two four")
    assert not fits("1.5", "145")


def test_the_page_of_detectors_holds_each_of_them() -> None:
    text = (MANUAL / "detectors.md").read_text()
    assert [name for name in registered() if f"\n## {name}\n" not in text] == []


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_is_in_the_manual(name: str) -> None:
    assert f"`probewatch {name}" in (MANUAL / "operating.md").read_text()


@pytest.mark.parametrize("name", sorted(family.name for family in Metrics().registry.collect()))
def test_every_metric_is_in_the_manual(name: str) -> None:
    assert f"`{name}" in (MANUAL / "operating.md").read_text()


def paths(tree: Any, above: str = "") -> Iterator[str]:
    """The fields of a finding as its page names them: `evidence[].test`."""
    if isinstance(tree, dict) and above != "labels":
        for key, value in tree.items():
            yield from paths(value, f"{above}.{key}" if above else key)
    elif isinstance(tree, list) and tree and isinstance(tree[0], dict):
        yield from paths(tree[0], f"{above}[]")
    else:
        yield above


@pytest.mark.parametrize("field", sorted(set(paths(render(EXAMPLE)))))
def test_every_field_of_a_finding_is_explained(field: str) -> None:
    assert f"| `{field}` |" in (MANUAL / "findings.md").read_text()


@pytest.mark.parametrize("name", sorted({detector.family for detector in registered().values()}))
def test_every_family_is_in_the_readme(name: str) -> None:
    assert f"`{name}`" in README.read_text()


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name: str) -> None:
    page = PAGES[name]
    assert [link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()] == []


def test_every_promise_is_held_by_tests_that_are_there() -> None:
    named = re.findall(r"`(tests/[\w/.]+\.py)(?:::(\w+))?`", (MANUAL / "promises.md").read_text())
    assert len(named) > 40
    absent = [file for file, name in named if f"def {name}" not in (REPOSITORY / file).read_text()]
    assert not absent


def test_every_decision_is_in_the_list() -> None:
    folder = MANUAL / "decisions"
    known = (folder / "README.md").read_text()
    assert [file.name for file in folder.glob("[0-9]*.md") if f"]({file.name})" not in known] == []


@pytest.mark.parametrize("name", [name for name, page in PAGES.items() if "```json record" in page.read_text()])
def test_records_in_the_manual_can_be_read(name: str) -> None:
    for block in (block for block in blocks(PAGES[name]) if block.file.startswith("record")):
        payload = json.dumps(json.loads(block.text)).encode()
        batch = RawBatch(Partition("manual", 0), [payload], np.array([0]), np.array([-1]), 1)
        decoded = Decoder(make_keys(KEY, "1", "the manual")).decode(batch)
        assert decoded.rejected == []
        assert (len(decoded.queries), decoded.unknown_fields) == (1, 0)


@pytest.mark.parametrize("file", [*MANUAL.parent.glob("*.toml")], ids=lambda file: file.name)
def test_example_settings_are_good(file: Path) -> None:
    assert load(file, {}).settings.sinks


def test_the_detector_that_contributing_shows_passes_every_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = next(block for block in blocks(REPOSITORY / "CONTRIBUTING.md") if block.file.startswith("detectors/"))
    (tmp_path / "shown.py").write_text(shown.text)
    monkeypatch.syspath_prepend(tmp_path)
    module = __import__("shown")
    found = [one for one in vars(module).values() if isinstance(one, type) and one.__module__ == "shown"]
    assert len(found) == 1
    check_all(found[0]())

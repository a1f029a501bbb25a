"""The demo as a process: what it writes, whom it names, what it keeps to itself."""

import json
import re
import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path
from shlex import split

import pytest
from installed import REPOSITORY, Invoke, metadata, run

from monitor.alerts.finding import Finding
from monitor.cli.demo import keys_in
from monitor.console.recordings import Label, labels, recording
from monitor.formats.native import parse
from monitor.record.keys import load_keys

FAMILIES = ("inversion", "attribute-inference", "membership-inference", "evasion", "extraction", "property-inference")
LINK = "https://atlas.mitre.org/"


@dataclass(frozen=True)
class Demo:
    folder: Path
    package: Path
    done: subprocess.CompletedProcess[str]
    findings: bytes
    labels: dict[str, Label]
    again: bytes

    def named(self) -> dict[str, set[str]]:
        """Families by client."""
        found: dict[str, set[str]] = {}
        for one in self.parsed():
            if one.tier == "named":
                for client in one.members if one.client is None else (one.client,):
                    found.setdefault(client, set()).add(one.family)
        return found

    def parsed(self) -> list[Finding]:
        return [parse(line) for line in self.findings.splitlines()]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    entry_points = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["entry-points"]
    package = metadata(tmp_path_factory.mktemp("package"), entry_points["probewatch.detectors"])
    folder = tmp_path_factory.mktemp("demo")
    key = folder / "key.toml"
    key.write_text(f'epoch = "1"\nsecret = "{"5a" * 32}"\n')  # so that this test says the same every day
    key.chmod(0o600)
    done = run(package, "demo", "--out", folder)
    first = (folder / "findings.ndjson").read_bytes()
    run(package, "demo", "--out", folder)
    return Demo(
        folder, package, done, first, labels(recording(), load_keys(key)), (folder / "findings.ndjson").read_bytes()
    )


def test_it_runs_and_tells(demo: Demo) -> None:
    assert demo.done.returncode == 0, demo.done.stderr
    for head in ("NAMED", "HONEST LOOK-ALIKES", "MISSED", "FILES", "NEXT"):
        assert re.search(rf"^{head}\b", demo.done.stdout, re.MULTILINE), head
    assert "100%" in demo.done.stderr
    assert "\x1b" not in demo.done.stdout + demo.done.stderr
    paths = str(demo.folder)
    assert max(len(line) for line in demo.done.stdout.splitlines() if paths not in line) <= 100


def test_the_findings_can_be_read_again(demo: Demo) -> None:
    found = demo.parsed()
    assert {one.status for one in found} >= {"open", "closed"}


@pytest.mark.parametrize("family", FAMILIES)
def test_an_attacker_of_each_family_is_named_as_such(demo: Demo, family: str) -> None:
    attackers = {client for client, label in demo.labels.items() if label.family == family}
    assert any(family in demo.named().get(client, ()) for client in attackers)


def test_no_honest_client_of_a_known_kind_is_named(demo: Demo) -> None:
    named = demo.named()
    honest = {client: label for client, label in demo.labels.items() if not label.attack and not label.unseen}
    accused = {f"{label.kind} as {sorted(named[client])}" for client, label in honest.items() if client in named}
    assert not accused


def test_a_second_run_gives_the_same_bytes(demo: Demo) -> None:
    assert demo.again == demo.findings


def test_a_finding_can_be_explained_with_what_lies_beside_it(demo: Demo) -> None:
    [(finding, rest)] = re.findall(r"^  probewatch explain (\w+) (.*)$", demo.done.stdout, re.MULTILINE)
    told = {one.finding[:12]: one for one in demo.parsed()}[finding]
    assert not demo.labels[str(told.client)].attack  # an honest client that was named comes first
    key = {"PROBEWATCH_KEY_FILE": str(demo.folder / "key.toml")}
    result = run(demo.package, "explain", finding, *split(rest), **key)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "the same, bit for bit" in result.stdout
    assert "A FALSE ALARM IF" in result.stdout


def test_a_new_kind_of_traffic_gets_a_name_and_is_told_no_more(demo: Demo, tmp_path: Path) -> None:
    """What the demo's last lines say, command by command; then the settings that hold it for good."""
    [name] = re.findall(r"^  probewatch (profile name .*)$", demo.done.stdout, re.MULTILINE)
    kind = next(one for one in demo.parsed() if one.finding.startswith(split(name)[2]))
    assert (kind.tier, kind.model) == ("novelty", "renewals")
    assert {demo.labels[client].kind for client in kind.members} == {"row-poller"}
    key = {"PROBEWATCH_KEY_FILE": str(demo.folder / "key.toml")}
    settings = demo.folder / "probewatch.toml"
    assert run(demo.package, "run", "--config", settings, **key).returncode == 0
    named = run(demo.package, *split(name), **key)
    assert named.returncode == 0, named.stderr
    listed = [json.loads(line) for line in run(demo.package, "profile", "list", "--json", "--config", settings, **key)
              .stdout.splitlines()]  # fmt: skip
    assert [one["findings"] for one in listed if one["name"] == "probes"] == [[kind.finding]]
    lines = run(demo.package, "profile", "settings", kind.finding, "--name", "probes",
                "--file", demo.folder / "findings.ndjson").stdout  # fmt: skip
    (tmp_path / "probewatch.toml").write_text(lines)
    played = ("replay", demo.folder / "renewals.ndjson.zst", "--config", tmp_path / "probewatch.toml")
    assert run(demo.package, *played, "--alerts", tmp_path / "after.ndjson", **key).returncode == 0
    after = [parse(line) for line in (tmp_path / "after.ndjson").read_bytes().splitlines()]
    before = {one.finding for one in demo.parsed() if one.model == "renewals"}
    assert {one.finding for one in after} < before
    assert kind.finding not in {one.finding for one in after}


def test_no_raw_name_leaves_the_recording(demo: Demo) -> None:
    names = {name for path in recording().labels for name in json.loads(path.read_bytes())}
    told = demo.done.stdout + demo.done.stderr + (demo.folder / "report.html").read_text() + demo.findings.decode()
    assert names
    assert not [name for name in names if name in told]


def test_the_page_loads_nothing(demo: Demo) -> None:
    page = (demo.folder / "report.html").read_text()
    given = re.findall(r'\b(?:src|href|srcset|data|action|poster)="([^"]*)"', page)
    assert given
    assert all(one.startswith(LINK) for one in given)
    assert not re.search(r"url\(|@import|<link\b|<iframe\b|<img\b", page)


def test_what_cannot_be_written_is_said(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "findings.ndjson").mkdir()
    result = invoke("demo", "--out", tmp_path)
    assert result.exit_code == 2
    assert "findings.ndjson" in result.stderr
    assert "mend:" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_key_is_made_once(tmp_path: Path) -> None:
    made = keys_in(tmp_path / "out")
    assert keys_in(tmp_path / "out") == made
    assert (tmp_path / "out" / "key.toml").stat().st_mode & 0o777 == 0o600

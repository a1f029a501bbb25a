"""The manual as a site: it builds, every page has its place, every link and anchor leads somewhere, pages that the
program makes are current, and figures of capacity are those of the benchmarks."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from detectors.registry import registered
from detectors.taxonomy import FAMILIES, GAP
from monitor.console.attacks import attack_pages

REPOSITORY = Path(__file__).parents[1]
MANUAL = REPOSITORY / "deploy" / "docs"
RESULTS = REPOSITORY / "tests" / "benchmarks" / "results"


def build(repository: Path, site: Path) -> subprocess.CompletedProcess[str]:
    settings = repository / "deploy/manual/properdocs.yml"
    command = [sys.executable, "-m", "properdocs", "build", "--config-file", settings, "--site-dir", site]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The repository as far as pages lead to it; what links lead to outside the manual is there, and empty."""
    copied = tmp_path / "repository"
    shutil.copytree(REPOSITORY / "deploy", copied / "deploy")
    led = ("benchmarks/README.md", "chaos/results/kills.md", "golden/cut.py", "schemas/kibana-dashboards-9.5.json")
    for name in ("README.md", *(f"tests/{one}" for one in led)):
        (copied / name).parent.mkdir(parents=True, exist_ok=True)
        (copied / name).touch()
    return copied


def test_the_manual_builds_and_every_link_leads_somewhere(tmp_path: Path) -> None:
    done = build(REPOSITORY, tmp_path)
    assert done.returncode == 0, done.stderr
    built = {str(page.relative_to(tmp_path).with_suffix("")) for page in tmp_path.rglob("*.html")}
    pages = {str(page.relative_to(MANUAL).with_suffix("")) for page in MANUAL.rglob("*.md")}
    assert {name.replace("README", "index") for name in pages} <= built
    shown = (tmp_path / "quickstart.html").read_text()
    assert "```" not in shown
    assert 'class="language-' in shown


@pytest.mark.parametrize(
    ("added", "said"),
    [
        ("[x](nowhere.md)", "nowhere.md"),
        ("[x](detectors.md#nothing)", "#nothing"),
        ("[x](../../nowhere/at/all.py)", "all.py"),
    ],
)
def test_a_link_that_leads_nowhere_stops_the_build(copy: Path, tmp_path: Path, added: str, said: str) -> None:
    with (copy / "deploy/docs/limits.md").open("a") as page:
        page.write(f"\n{added}\n")
    done = build(copy, tmp_path / "site")
    assert done.returncode != 0
    assert said in done.stderr


def test_a_page_without_a_place_stops_the_build_and_folders_take_theirs_in(copy: Path, tmp_path: Path) -> None:
    folder = copy / "deploy/docs/sinks"
    folder.mkdir(exist_ok=True)
    (folder / "pager-of-a-test.md").write_text("# A pager of a test\n\n[back](../README.md)\n")
    done = build(copy, tmp_path / "site")
    assert done.returncode == 0, done.stderr
    assert "A pager of a test" in (tmp_path / "site/index.html").read_text()
    (copy / "deploy/docs/lost.md").write_text("# Lost\n")
    done = build(copy, tmp_path / "site")
    assert done.returncode != 0
    assert "lost.md" in done.stderr


def test_pages_of_attacks_are_current_and_there_is_one_for_each_family() -> None:
    made = attack_pages(list(registered().values()))
    folder = MANUAL / "attacks"
    assert {page.name: page.read_text() for page in folder.glob("*.md")} == made, "run `make pages`"
    assert set(made) == {"README.md", *(f"{name}.md" for name in FAMILIES if name != GAP)}


@pytest.mark.parametrize("name", sorted({detector.family for detector in registered().values()} - {"campaign"}))
def test_a_page_of_an_attack_has_all_that_its_detectors_say(name: str) -> None:
    text = (MANUAL / "attacks" / f"{name}.md").read_text()
    told = [detector for detector in registered().values() if detector.family == name]
    assert told
    for detector in told:
        assert [test for test in detector.tests if f"`{detector.name}/{test}`" not in text] == []


def test_figures_of_capacity_are_those_of_the_benchmarks() -> None:
    rows = re.findall(r"^\|(.+)\| (`\w.*`) \|$", (MANUAL / "capacity.md").read_text(), re.MULTILINE)
    assert len(rows) == 8
    for row, source in rows:
        known = set(re.findall(r"\d[\d,.]*\d|\d", (RESULTS / source.strip("`")).read_text()))
        figures = [one for one in re.findall(r"\d[\d,.]*\d|\d", row) if one not in ("1", "48", "10")]
        assert [one for one in figures if one not in known] == [], source

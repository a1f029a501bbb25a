"""Who may import whom, and what lies where: the contracts of pyproject.toml, and a few that have to be looked up."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[1]
TOP = {
    "deploy",
    "detectors",
    "monitor",
    "tests",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "Makefile",
    "README.md",
    "constraints.txt",
    "pyproject.toml",
}
BELOW_ATTACKS = (
    "detectors.contract",
    "detectors.taxonomy",
    "detectors.sketch",
    "detectors.features",
    "detectors.scoring",
)
FRAMEWORK = {"__init__", "checks", "contract", "registry", "taxonomy"}  # modules of detectors that are no attack

# Built from halves, so that this file does not hold what it looks for: folders of somebody's machine, package hosts
FOREIGN = [left + right for left, right in (
    ("/wo", "rk/"), ("/ro", "ot/"), ("/ho", "me/"), ("/Us", "ers/"), ("py", "pi.org"), ("pythonho", "sted.org"),
    ("maven", ".org"), ("mave", "n.apache.org/repo"), ("elastic", ".co/maven"), ("npm", "js.org"), ("local", "host:80"),
)]  # fmt: skip


@cache
def project() -> dict[str, Any]:
    return tomllib.loads((REPOSITORY / "pyproject.toml").read_text())


def tracked() -> list[Path]:
    """The files under version control; without git, as in a source archive, those that are there."""
    asked = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if asked.returncode != 0:
        pytest.skip("not a checkout: what is tracked is not known")
    return [REPOSITORY / name for name in asked.stdout.split("\0") if name and (REPOSITORY / name).exists()]


def attacks() -> dict[str, Path]:
    """The modules of detectors by name that hold an attack."""
    files = (REPOSITORY / "detectors").glob("*.py")
    return {f"detectors.{file.stem}": file for file in files if file.stem not in FRAMEWORK}


def imported(file: Path) -> Iterator[str]:
    """Modules that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: imports are absolute"
            yield str(node.module)


def test_contracts_hold() -> None:
    """import-linter names both modules, the line, and the chain between them."""
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-logo"]
    done = subprocess.run([*command, "--no-cache"], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", sorted(attacks()))
def test_an_attack_knows_nothing_of_others(name: str) -> None:
    """So that one can be read alone, and deleted."""
    known = [module for module in imported(attacks()[name]) if module.split(".")[0] in ("detectors", "monitor")]
    wrong = [f"{name} imports {module}" for module in known if not module.startswith(BELOW_ATTACKS)]
    assert wrong == [], f"attacks import from {', '.join(BELOW_ATTACKS)} alone"


def test_nobody_knows_an_attack_by_name() -> None:
    """So that ours and other people's are alike. Novelty alone gets something from the settings: its vote's weight."""
    files = [file for file in (REPOSITORY / "detectors").rglob("*.py") if f"detectors.{file.stem}" not in attacks()]
    files += (REPOSITORY / "monitor").rglob("*.py")
    known = [(file, module) for file in files for module in imported(file) if module in attacks()]
    wrong = {f"{file.relative_to(REPOSITORY)} imports {module}" for file, module in known}
    assert wrong <= {"monitor/runtime/engines.py imports detectors.novelty"}


def test_every_attack_is_registered_and_every_entry_point_leads_to_one() -> None:
    points = project()["project"]["entry-points"]["probewatch.detectors"]
    assert {value.partition(":")[0] for value in points.values()} == set(attacks())


def test_only_what_the_house_has_stands_at_the_top() -> None:
    top = {file.relative_to(REPOSITORY).parts[0] for file in tracked()}
    assert {name for name in top if not name.startswith(".")} == TOP


def test_nothing_of_a_machine_or_a_registry_is_written_down() -> None:
    found = []
    for file in tracked():
        content = file.read_bytes()
        found += [f"{file.relative_to(REPOSITORY)}: {word}" for word in FOREIGN if word.encode() in content]
    assert found == []


def test_every_referenced_decision_exists() -> None:
    """Constants in code carry the number of their note."""
    notes = {file.name[:4] for file in (REPOSITORY / "deploy" / "docs" / "decisions").glob("[0-9]*.md")}
    sources = [file for package in ("detectors", "monitor") for file in (REPOSITORY / package).rglob("*.py")]
    named = {(file.name, number) for file in sources for number in re.findall(r"decision (\d{4})", file.read_text())}
    assert named
    assert [f"{name}: decision {number}" for name, number in sorted(named) if number not in notes] == []

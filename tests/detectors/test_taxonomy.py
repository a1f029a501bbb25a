"""The taxonomy: every id stands in the pinned table under that name, and nobody else writes one."""

from __future__ import annotations

import ast
import csv
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from detectors.taxonomy import ATLAS_EDITION, FAMILIES, UnknownFamily, family

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "tests/schemas/taxonomy.csv"
ID = re.compile(r"AML\.(?:TA?|M|CS)\d{4}(?:\.\d{3})?|NISTAML\.\d{3}|(?:ML|LLM)\d\d:20\d\d")


def pinned() -> dict[str, dict[str, str]]:
    lines = [line for line in TABLE.read_text().splitlines() if not line.startswith("#")]
    return {row["id"]: row for row in csv.DictReader(lines)}


def ids() -> Iterator[tuple[str, str | None]]:
    """Every id of the taxonomy with its name, None where we give none."""
    for entry in FAMILIES.values():
        for technique in entry.techniques:
            yield technique.id, technique.name
            yield technique.tactic.id, technique.tactic.name
            if technique.parent is not None:
                yield technique.parent.id, technique.parent.name
        yield from ((mitigation.id, mitigation.name) for mitigation in entry.mitigations)
        yield from ((other, None) for other in (*entry.owasp, *entry.nist))


def test_every_id_stands_in_the_pinned_table_under_that_name() -> None:
    table = pinned()
    for identifier, name in ids():
        assert identifier in table, identifier
        assert name in (None, table[identifier]["name"]), identifier


def test_tactics_and_parents_are_those_of_the_pinned_table() -> None:
    table = pinned()
    for entry in FAMILIES.values():
        for technique in entry.techniques:
            row = table[technique.parent.id if technique.parent else technique.id]
            assert technique.tactic.id in row["tactics"].split()
            assert (technique.parent is not None) == (technique.id.count(".") == 2)
            assert technique.parent is None or technique.id.startswith(technique.parent.id + ".")


def test_the_edition_is_that_of_the_pinned_table() -> None:
    assert f"ATLAS {ATLAS_EDITION}" in TABLE.read_text()


def test_the_families_are_those_that_findings_may_carry() -> None:
    assert set(FAMILIES) == {
        *("inversion", "attribute-inference", "property-inference", "membership-inference", "extraction", "evasion"),
        *("backdoor-probing", "llm-leakage", "cost", "access", "novelty", "campaign", "gap"),
    }
    assert all(name == entry.name for name, entry in FAMILIES.items())


def test_an_unknown_family_is_named_with_those_that_exist() -> None:
    with pytest.raises(UnknownFamily, match=r"'magic' is not an attack family; there are inversion, "):
        family("magic")


def strings(source: str) -> Iterator[tuple[str, bool]]:
    """Every string of a module, and whether it is documentation."""
    tree = ast.parse(source)
    documentation = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value, id(node) in documentation


def test_nobody_else_writes_an_id() -> None:
    wrong, table = [], pinned()
    for path in [*(ROOT / "detectors").rglob("*.py"), *(ROOT / "monitor").rglob("*.py")]:
        if path.name == "taxonomy.py":
            continue
        for text, documentation in strings(path.read_text()):
            found = set(ID.findall(text))
            wrong += [
                f"{path.name}: {identifier}" for identifier in found if not documentation or identifier not in table
            ]
    assert not wrong, "ids belong into detectors/taxonomy.py (manual texts may cite pinned ones): " + "; ".join(wrong)


def test_the_check_sees_an_id_in_code_and_an_unknown_one_in_a_manual_text() -> None:
    found = dict(strings('"""Like AML.T9999."""\nTECHNIQUE = "AML.T0024.003"\n'))
    assert found == {"Like AML.T9999.": True, "AML.T0024.003": False}
    assert ID.findall(" ".join(found)) == ["AML.T9999", "AML.T0024.003"]


def test_an_entry_has_a_page_of_its_own_sort() -> None:
    entry = family("inversion")
    technique, mitigation = entry.techniques[0], entry.mitigations[0]
    assert technique.reference == f"https://atlas.mitre.org/techniques/{technique.id}"
    assert technique.tactic.reference == f"https://atlas.mitre.org/tactics/{technique.tactic.id}"
    assert mitigation.reference == f"https://atlas.mitre.org/mitigations/{mitigation.id}"

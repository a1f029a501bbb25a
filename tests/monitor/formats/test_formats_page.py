"""The page about formats shows what the forms are today: golden files, severities, names."""

from __future__ import annotations

import os
import re
from pathlib import Path

from monitor.formats.catalogue import RENDERERS
from monitor.formats.severity import LEVELS

HERE = Path(__file__).parent
PAGE = HERE.parents[2] / "deploy" / "docs" / "formats.md"
EXAMPLE = re.compile(r"^```(\w+) (golden/\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def shown(found: re.Match[str]) -> str:
    """The block with what the golden file holds; a mark of the order of bytes can not be seen on a page."""
    text = (HERE / found[2]).read_text().replace("\ufeff", "")
    return f"```{found[1]} {found[2]}\n{text}```"


def test_examples_are_the_golden_files() -> None:
    page = PAGE.read_text()
    current = EXAMPLE.sub(shown, page)
    if "UPDATE_GOLDEN" in os.environ:
        PAGE.write_text(current)
    assert len(EXAMPLE.findall(page)) >= 5
    assert PAGE.read_text() == current


def test_every_form_has_its_line() -> None:
    assert [name for name in RENDERERS if f"\n| `{name}` |" not in PAGE.read_text()] == []


def test_the_table_of_severities_is_the_one_that_is_used() -> None:
    for name, of in LEVELS.items():
        numbers = (of.elastic, of.ocsf, of.cef, of.leef, of.pagerduty, of.sentinel, of.syslog, of.otel)
        assert f"| {name} | {' | '.join(map(str, numbers))} |" in PAGE.read_text()

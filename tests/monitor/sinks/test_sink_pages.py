"""Every kind of sink has its page, and the settings on it work."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from monitor.config.load import load
from monitor.config.sinks import SinkSettings

MANUAL = Path(__file__).parents[3] / "deploy" / "docs" / "sinks"
FENCE = re.compile(r"^```toml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
KINDS = sorted(
    get_args(kind.model_fields["type"].annotation)[0] for kind in get_args(get_args(SinkSettings)[0])
)  # what the settings know
PAGES = {kind: MANUAL / f"{'file' if kind == 'stdout' else kind}.md" for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_the_settings_of_the_page_work(kind: str, tmp_path: Path) -> None:
    found: set[str] = set()
    for text in FENCE.findall(PAGES[kind].read_text()):
        (tmp_path / "probewatch.toml").write_text(text)
        found |= {section.type for section in load(tmp_path / "probewatch.toml", {}).settings.sinks.values()}
    assert kind in found


def test_the_overview_links_every_page() -> None:
    overview = (MANUAL / "README.md").read_text()
    pages = [page.name for page in MANUAL.glob("*.md") if page.name != "README.md"]
    assert pages
    assert [name for name in pages if f"({name})" not in overview] == []


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_says_what_answers_mean_what_is_bounded_and_how_to_test(kind: str) -> None:
    text = PAGES[kind].read_text()
    assert "what it means |" in text
    assert re.search(r"Test(:|\b)|probewatch sinks test", text)
    assert "imit" in text or kind in {"file", "stdout"}

"""The page: well-formed whatever the findings say, and nothing of a hostile record in it but text."""

from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest
from findings import STARTED, finding, findings, several
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.alerts.finding import Finding
from monitor.console.cases import account, cases
from monitor.console.page import page
from monitor.console.play import HOUR, Played, Traffic
from monitor.console.recordings import Label, Recording
from monitor.runtime.replay import Tally

VOID = {"meta", "br"}
HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(1)>${title}\x1b[2J\u202e'
HONEST = Label("poller", None, attack=False, unseen=False, variant="", queries=40)
ATTACKER = Label("nes", "evasion", attack=True, unseen=True, variant="slow", queries=12)


class Walk(HTMLParser):
    """Fails where a tag is closed that is not open; counts elements."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: Counter[str] = Counter()
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen[tag] += 1
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag


def walked(text: str) -> Walk:
    walk = Walk()
    walk.feed(text)
    walk.close()
    assert not walk.open
    return walk


def drawn(*found: Finding, labels: dict[str, Label] | None = None) -> str:
    who = {"honest": HONEST, "attacker": ATTACKER} if labels is None else labels
    start = STARTED // HOUR
    traffic = Traffic(hours={start: 100, start + 30: 20}, clients=2, models={"credit": 120})
    recorded = Recording((Path("day.ndjson"),), (Path("day.labels.json"),), {"credit": ("race",)})
    played = Played(recorded, traffic, found, Tally(records=120, queries=120), seconds=0.5)
    grouped = cases(found)
    return page(played, grouped, account(grouped, who), who)


def test_a_hostile_model_name_is_text() -> None:
    text = drawn(finding(model=HOSTILE, client=HOSTILE, title=HOSTILE, reason=HOSTILE, response=(HOSTILE,)))
    walk = walked(text)
    assert walk.seen["script"] == 1  # ours
    assert walk.seen["img"] == 0
    assert not [name for name, _ in walk.attributes if name.startswith("on")]
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "alert(1)" in text


def test_a_campaign_is_one_row_with_all_its_members() -> None:
    text = drawn(finding(members=("aaaa", "bbbb"), family="campaign"))
    assert "2 clients" in text
    assert "aaaa, bbbb" in text


def test_episodes_of_one_client_are_one_row() -> None:
    walk = walked(drawn(*several(3)))
    assert walk.seen["details"] == 1


def test_a_page_without_findings() -> None:
    text = drawn()
    walked(text)
    assert "Nobody was named." in text
    assert "nes slow" in text


@pytest.mark.parametrize("element", ["h1", "main", "footer"])
def test_what_every_page_has_once(element: str) -> None:
    assert walked(drawn(finding())).seen[element] == 1


def test_pictures_have_names() -> None:
    walk = walked(drawn(finding()))
    named = [value for name, value in walk.attributes if name == "aria-label"]
    assert len(named) == walk.seen["svg"] > 1
    assert all(named)


def test_whoever_was_honest_is_said_to_be() -> None:
    assert "in truth honest: poller" in drawn(finding(client="honest"))
    assert "in truth evasion: nes" in drawn(finding(client="attacker", family="extraction"))


@given(found=st.lists(findings, max_size=4, unique_by=lambda one: one.finding))
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
def test_any_finding_makes_a_well_formed_page(found: list[Finding]) -> None:
    walked(drawn(*found))

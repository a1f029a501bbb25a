import json
import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from formcases import CASES, hostile_findings
from hypothesis import given, settings
from kafka import KafkaProducer
from services.launch import Server

from monitor.alerts.finding import Finding
from monitor.cli.root import root
from monitor.config.settings import Settings
from monitor.console.drills.making import drilled
from monitor.console.explained.comparing import compared
from monitor.console.explained.explaining import explained
from monitor.console.explained.page import page
from monitor.console.explained.plots import evalues, timeline
from monitor.console.explained.text import lines, tree
from monitor.console.explained.tracing import Block, Seen, Trace
from monitor.formats.native import encode, parse
from monitor.runtime.keys import OPEN_KEYS
from monitor.runtime.replay import Tally, judged
from monitor.runtime.weaving import woven
from monitor.sinks.outbox import Outbox

START = 1_795_255_200_000_000


@cache
def drill(family: str) -> tuple[bytes, ...]:
    """A log with one attack in it; `campaign` with the ordinary queries of forty clients before it."""
    return tuple(record.payload for record in drilled(family, {}, "mallory", START))


def stored(folder: Path, family: str) -> tuple[Path, Path, list[Finding]]:
    """The log, its alerts, and the revisions of the first finding of that family."""
    log, alerts = folder / "queries-0.ndjson", folder / "alerts.ndjson"
    log.write_bytes(b"".join(line + b"\n" for line in drill(family)))
    assert call("replay", log, "--alerts", alerts).exit_code == 0
    found = [parse(line) for line in alerts.read_bytes().splitlines()]
    first = next(one for one in found if family in (one.family, "campaign" if one.members else ""))
    return log, alerts, [one for one in found if one.finding == first.finding]


def call(*arguments: str | Path) -> Result:
    return CliRunner().invoke(root, [str(one) for one in arguments])


@pytest.fixture(autouse=True)
def _no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROBEWATCH_KEY", raising=False)


class Reader(HTMLParser):
    """Notes what a page would load, and that every element is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.loads += [tag for name, _ in attrs if name in ("src", "srcset", "data")]
        if tag in ("link", "script", "iframe", "img"):
            self.loads.append(tag)
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("family", ["extraction", "inversion", "campaign", "access"])
def test_a_finding_is_made_again_bit_for_bit_and_shown(tmp_path: Path, family: str) -> None:
    log, alerts, revisions = stored(tmp_path, family)
    page = tmp_path / "page.html"
    result = call("explain", revisions[0].finding[:12], "--file", alerts, "--log", log, "--html", page, "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert (told["again"]["verdict"], told["again"]["revisions"]) == ("same", len(revisions))
    assert told["numbers"]
    assert told["silent_with"]
    assert told["queries"][-1]["offset"] <= len(drill(family))
    if family != "access":  # which is counted query by query
        assert any(test["strength"] >= test["needed"] for test in told["tests"])
        assert max(value for _, value in told["paths"][told["leading"]]) >= 1_000
    text = page.read_text()
    reader = Reader()
    reader.feed(text)
    assert reader.open == []
    assert reader.loads == []
    assert "url(" not in text
    assert "mallory" not in text + result.output
    people = call("explain", revisions[0].finding, "--file", alerts, "--log", log)
    assert re.search(r"(all \d+ revisions are|both revisions are|the revision is) the same, bit for bit", people.stdout)
    assert "SILENT WITH" in people.stdout


def test_the_number_that_kept_it_from_silence_is_that_of_the_gate(tmp_path: Path) -> None:
    """A test speaks where all of its gates do: on the honest side of its limit each of them stays below the stake."""
    log, alerts, revisions = stored(tmp_path, "extraction")
    told = json.loads(call("explain", revisions[0].finding, "--file", alerts, "--log", log, "--json").stdout)
    for one in told["silent_with"]:
        if "at_most" in one:
            assert one["value"] > one["at_most"]
        else:
            assert one["value"] < one["at_least"]


def test_other_settings_or_another_log_say_what_differs(tmp_path: Path) -> None:
    log, alerts, revisions = stored(tmp_path, "extraction")
    changed = replace(revisions[0], risk=1.0)
    alerts.write_bytes(encode(changed) + b"\n")
    result = call("explain", changed.finding, "--file", alerts, "--log", log)
    assert result.exit_code == 1
    assert "and not the same" in result.stdout
    assert f"revision 1: risk is {revisions[0].risk}, and 1.0 is stored" in result.stdout
    (tmp_path / "p.toml").write_text('[engine]\ntenant = "other"\n')
    other = call("explain", changed.finding, "--file", alerts, "--log", log, "--config", tmp_path / "p.toml")
    assert other.exit_code == 1
    assert "does not bring this finding about" in other.stdout
    assert f"it was made with the settings {changed.lineage.config_hash}" in other.stdout


def test_a_finding_speaks_for_itself_where_its_log_is_gone(tmp_path: Path) -> None:
    _, alerts, revisions = stored(tmp_path, "extraction")
    page = tmp_path / "page.html"
    result = call("explain", revisions[0].finding, "--file", alerts, "--html", page)
    assert result.exit_code == 0, result.output
    assert "not made again: there is no log" in result.stdout
    assert "MISSING" in result.stdout
    assert "name it with --log" in result.stdout
    assert "What is missing on this page" in page.read_text()


def test_the_log_of_the_settings_and_the_outbox_are_enough(tmp_path: Path) -> None:
    log, _, revisions = stored(tmp_path, "extraction")
    outbox = Outbox(tmp_path / "outbox.db", [])
    outbox.accept(revisions)
    outbox.close()
    (tmp_path / "p.toml").write_text(f'[source.files]\npaths = ["{log}"]\n[runtime]\nstate = "{tmp_path}"\n')
    result = call("explain", revisions[0].finding[:8], "--config", tmp_path / "p.toml")
    assert result.exit_code == 0, result.output
    assert "bit for bit" in result.stdout


def test_what_explain_cannot_do(tmp_path: Path) -> None:
    _, alerts, revisions = stored(tmp_path, "access")
    for arguments, what in (
        (["zz", "--file", alerts], "no finding begins like that"),
        ([revisions[0].finding, "--file", alerts, "--log", tmp_path / "no.ndjson"], "there is no such file or folder"),
        ([revisions[0].finding, "--file", alerts, "--html", tmp_path / "no" / "page.html"], "cannot be written"),
        ([revisions[0].finding, "--file", alerts, "--log", tmp_path], "no file is the log"),
    ):
        if what == "no file is the log":
            (tmp_path / "queries-0.ndjson").rename(tmp_path / "a.ndjson")
            (tmp_path / "b.ndjson").write_text("")
        result = call("explain", *arguments)
        assert result.exit_code == 2, result.output
        assert what in result.stderr


def test_a_broken_comparison_is_seen() -> None:
    made = list(judged(woven([drilled("access", {}, "m", START)], "log"), Settings(), OPEN_KEYS, Tally()))
    own = [one for one in made if one.finding == made[0].finding]
    assert compared(own, own, []).verdict == "same"
    assert compared(own, [], ["why"]).verdict == "absent"
    other = [replace(one, evalue=one.evalue * (1 + 1e-12)) for one in own]
    assert compared(own, other, []).verdict == "differs"


@pytest.mark.servers
def test_a_finding_is_made_again_from_kafka(kafka: Server, topic: Callable[..., str], tmp_path: Path) -> None:
    name = topic()
    with KafkaProducer(bootstrap_servers=kafka.address) as producer:
        for line in drill("extraction"):
            producer.send(name, line, key=b"one", partition=0)
    log = tmp_path / f"{name}-0.ndjson"
    log.write_bytes(b"".join(line + b"\n" for line in drill("extraction")))
    assert call("replay", log, "--alerts", tmp_path / "a.ndjson").exit_code == 0
    wanted = parse((tmp_path / "a.ndjson").read_bytes().splitlines()[0])
    assert (wanted.lineage.topic, wanted.lineage.partition) == (name, 0)
    (tmp_path / "p.toml").write_text(
        f'[source.kafka]\nbrokers = ["{kafka.address}"]\ntopics = ["{name}"]\n[records]\nskew_days = 30000\n'
    )
    again = call("explain", wanted.finding, "--file", tmp_path / "a.ndjson", "--config", tmp_path / "p.toml", "--json")
    told = json.loads(again.stdout)["again"]
    # the settings of the topic allow for older records, and so have another hash; all else is the same
    assert told["differences"] == [] or all("config_hash" in one for one in told["differences"])
    assert told["revisions"] >= 1
    gone = call(
        "explain", wanted.finding, "--file", tmp_path / "a.ndjson", "--config", write_gone(tmp_path, name), "--json"
    )
    assert gone.exit_code == 0
    assert json.loads(gone.stdout)["again"]["verdict"] == "no log"


def write_gone(folder: Path, name: str) -> Path:
    """Settings of brokers that nobody answers at."""
    path = folder / "gone.toml"
    path.write_text(f'[source.kafka]\nbrokers = ["127.0.0.1:1"]\ntopics = ["{name}"]\nconnect_seconds = 1\n')
    return path


@pytest.mark.parametrize("name", sorted(CASES))
def test_every_kind_of_finding_speaks_for_itself(name: str) -> None:
    told = explained([CASES[name]], Settings(), OPEN_KEYS, [], lambda _: None)
    assert told.compared.verdict == "no log"
    assert told.missing
    assert any("e-value" in line for line in lines(told))
    json.dumps(tree(told))


@given(hostile_findings())
@settings(max_examples=40, deadline=None)
def test_no_finding_breaks_a_page_or_steers_a_terminal(hostile: Finding) -> None:
    told = explained([hostile], Settings(), OPEN_KEYS, [], lambda _: None)
    reader = Reader()
    reader.feed(page(told))
    assert (reader.open, reader.loads) == ([], [])
    for line in lines(told):
        assert click.unstyle(line).isprintable()


def test_a_page_speaks_of_shades_only_where_there_are_some() -> None:
    """Blocks of several streams end with the same query, and the one that counted may be any of them."""
    bare = explained([CASES["named"]], Settings(), OPEN_KEYS, [], lambda _: None)
    test = ("inversion", "climb")

    def drawn(*gathered: float) -> str:
        trace = Trace()
        trace.queries.extend(Seen(n, n, n, 0.9, 0, False, False, 0) for n in range(20))
        trace.blocks.extend(
            Block(20, 19, stream, {}, {test: one}, {}, {}, {}, {}, {}, None) for stream, one in enumerate(gathered)
        )
        return timeline(replace(bare, trace=trace))

    assert "Shaded" not in drawn()
    assert "Shaded" not in drawn(0.0, 0.0)
    for gathered in ((0.6,), (0.6, 0.0), (0.0, 0.6), (0.6, 0.6)):
        assert drawn(*gathered).count('class="counted"') == 1
        assert "Shaded: blocks that counted" in drawn(*gathered)
    assert page(bare).count("Shaded") == page(bare).count('class="area"') == 0


def test_blocks_of_several_clients_are_no_path() -> None:
    paths = {("novelty", "profiles"): ((20, 4.0), (30, 9.0), (20, 6.0))}
    assert evalues(paths, 4.0, 20).count('class="path') == 2
    assert evalues(paths, 4.0, 20, alone=False).count('class="path') == 0
    assert "a block of one of the clients" in evalues(paths, 4.0, 20, alone=False)


def test_a_name_that_is_no_pseudonym_is_nobody(tmp_path: Path) -> None:
    log, alerts, revisions = stored(tmp_path, "access")
    alerts.write_bytes(encode(replace(revisions[0], client="hunter2", members=())) + b"\n")
    result = call("explain", revisions[0].finding, "--file", alerts, "--log", log)
    assert result.exit_code == 1
    assert "Traceback" not in result.output


def test_no_colour_is_respected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, alerts, revisions = stored(tmp_path, "access")
    arguments = ["explain", revisions[0].finding, "--file", str(alerts)]
    assert "\x1b[" in CliRunner().invoke(root, arguments, color=True).stdout
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in CliRunner().invoke(root, arguments, color=True).stdout

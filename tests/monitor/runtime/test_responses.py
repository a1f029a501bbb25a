"""The response feed: from the outbox to the page and the topic, through restarts and faults of the topic."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import orjson
import pytest
from clock import Clock
from findings import CLIENT, EXAMPLE, finding

from monitor.config.load import load
from monitor.config.response import FeedSettings, ResponseSettings
from monitor.config.runtime import HealthSettings
from monitor.config.secret import Secret
from monitor.config.sinks import OutboxSettings
from monitor.config.trouble import Trouble
from monitor.record.keys import Keys
from monitor.record.pseudonyms import text
from monitor.runtime.audit import verify
from monitor.runtime.health import HealthServer, Pulse
from monitor.runtime.metrics import Metrics
from monitor.runtime.responses import Responder, Responses, looked_at, responder, told_names
from monitor.runtime.topic import KafkaTopic
from monitor.sinks.outbox import Outbox

KEYS = Keys.derive(bytes(range(32)), "1")
FIRST = replace(EXAMPLE, revision=1, status="open")
CLOSED = replace(EXAMPLE, revision=3, status="closed")
OTHER = finding(client="c1.other", episode=2, revision=1, status="open", reason="Another one.")


class Compacted:
    """A topic that fails when it is told to; what a real one does is in tests/integration/test_response_topic.py."""

    writer = "here"

    def __init__(self) -> None:
        self.kept: dict[bytes, bytes] = {}
        self.log: list[tuple[bytes, bytes | None]] = []
        self.fails = False

    def known(self) -> dict[bytes, bytes]:
        return dict(self.kept)

    def put(self, changes: Mapping[bytes, bytes | None]) -> None:
        for key, value in changes.items():
            if self.fails and self.log:  # in the middle
                raise Trouble(what="the brokers are away", where="topic", mend="wait")
            self.log.append((key, value))
            if value is None:
                self.kept.pop(key, None)
            else:
                self.kept[key] = value

    def close(self) -> None:
        """Nothing to let go of."""


@pytest.fixture
def clock() -> Clock:
    return Clock(1_795_300_000.0)


@pytest.fixture
def outbox(tmp_path: Path, clock: Clock) -> Iterator[Outbox]:
    box = Outbox(tmp_path / "outbox.db", [], OutboxSettings(), clock)
    yield box
    box.close()


def feed(outbox: Outbox, clock: Clock, topic: Compacted | None = None, **given: Any) -> Responses:
    settings = ResponseSettings(**{"page": True, "delay_minutes": 0} | given)
    return Responses(settings, outbox.history.standing, topic, {CLIENT: "key-123"}, Metrics(), clock)


def told(responses: Responses) -> list[tuple[str, int]]:
    return [(entry["client"], entry["revision"]) for entry in orjson.loads(responses.page.body)["entries"]]


def test_an_entry_stands_from_the_first_alert_to_the_closing_one(outbox: Outbox, clock: Clock) -> None:
    responses = feed(outbox, clock)
    for alert, expected in ((FIRST, [(CLIENT, 1)]), (EXAMPLE, [(CLIENT, 2)]), (CLOSED, [])):
        outbox.accept([alert])
        responses.refresh()
        assert told(responses) == expected


def test_an_entry_expires_where_nothing_more_comes(outbox: Outbox, clock: Clock) -> None:
    responses = feed(outbox, clock, minutes=30)
    outbox.accept([FIRST])
    clock.now += 29 * 60
    responses.refresh()
    assert told(responses) == [(CLIENT, 1)]
    outbox.accept([EXAMPLE])
    clock.now += 29 * 60
    responses.refresh()
    assert told(responses) == [(CLIENT, 2)], "a revision gives it more time"
    clock.now += 60
    responses.refresh()
    assert told(responses) == []


def test_a_restart_makes_the_same_table_from_the_outbox(outbox: Outbox, clock: Clock) -> None:
    outbox.accept([FIRST, EXAMPLE, OTHER])
    before, after = feed(outbox, clock), feed(outbox, clock)
    before.refresh()
    clock.now += 1
    after.refresh()
    assert (before.page.tag, before.page.body) == (after.page.tag, after.page.body)
    assert len(told(after)) == 2


def test_the_topic_gets_what_changed_and_tombstones(outbox: Outbox, clock: Clock) -> None:
    topic = Compacted()
    responses = feed(outbox, clock, topic)
    outbox.accept([FIRST, OTHER])
    responses.refresh()
    responses.refresh()
    assert len(topic.log) == 2, "nothing is said twice"
    outbox.accept([CLOSED])
    responses.refresh()
    assert topic.log[-1][1] is None
    (left,) = topic.kept.values()
    assert json.loads(left)["client"] == "c1.other"
    assert "key-123" not in str(topic.log), "names are for the page alone"


def test_what_ended_while_nobody_ran_gets_its_tombstone(outbox: Outbox, clock: Clock) -> None:
    topic = Compacted()
    outbox.accept([FIRST])
    feed(outbox, clock, topic).refresh()
    clock.now += 3_600
    feed(outbox, clock, topic).refresh()
    assert (topic.kept, topic.log[-1][1]) == ({}, None)


def test_a_topic_that_fails_in_the_middle_is_brought_up_to_date_later(outbox: Outbox, clock: Clock) -> None:
    topic = Compacted()
    responses = feed(outbox, clock, topic)
    outbox.accept([FIRST, OTHER])
    topic.fails = True
    responses.step()
    responses.step()
    assert len(topic.kept) == 1
    assert len(told(responses)) == 2, "the page does not wait for the topic"
    topic.fails = False
    responses.step()
    assert len(topic.kept) == 2


def test_entries_beyond_the_ceiling_are_counted(outbox: Outbox, clock: Clock) -> None:
    responses = feed(outbox, clock, entries=1)
    outbox.accept([finding(members=("c1.a", "c1.b", "c1.c"), status="open", revision=1)])
    responses.refresh()
    assert len(told(responses)) == 1
    assert b"probewatch_responses_dropped 2.0" in responses._metrics.page()


def test_a_flood_of_less_severe_findings_hides_none(outbox: Outbox, clock: Clock) -> None:
    responses = feed(outbox, clock, entries=2)
    outbox.accept([finding(client="c1.worst", severity="critical", status="open", revision=1)])
    outbox.accept([finding(client=f"c1.{n}", severity="high", status="open", revision=1) for n in range(9)])
    outbox.accept([finding(client=f"c1.l{n}", severity="low", status="open", revision=1) for n in range(9)])
    responses.refresh()
    assert ("c1.worst", 1) in told(responses)
    assert len(told(responses)) == 2


@pytest.fixture
def pulse(outbox: Outbox, clock: Clock) -> Pulse:
    outbox.accept([FIRST])
    responses = feed(outbox, clock)
    responses.refresh()
    pulse = Pulse(clock, 60)
    pulse.responses = lambda: responses.page
    return pulse


def ask(server: HealthServer, **headers: str) -> tuple[int, dict[str, str], bytes]:
    request = Request(
        f"http://127.0.0.1:{server.port}/responses", headers={k.replace("_", "-"): v for k, v in headers.items()}
    )
    try:
        with urlopen(request, timeout=5) as answer:
            return answer.status, dict(answer.headers), answer.read()
    except HTTPError as error:
        return error.code, dict(error.headers), error.read()


def test_the_page_is_polled_by_its_tag(pulse: Pulse) -> None:
    with HealthServer(HealthSettings(port=0), pulse, Metrics()) as server:
        status, headers, body = ask(server)
        assert (status, headers["Content-Type"], headers["Cache-Control"]) == (200, "application/json", "no-cache")
        assert orjson.loads(body)["entries"][0]["name"] == "key-123"
        tag = headers["ETag"]
        for asked in (tag, f"W/{tag}", f'"other", {tag}', "*"):
            status, headers, body = ask(server, If_None_Match=asked)
            assert (status, headers["ETag"], body) == (304, tag, b"")
        assert ask(server, If_None_Match='"other"')[0] == 200


def test_the_page_is_behind_the_token_and_off_by_default(pulse: Pulse, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("open sesame")
    settings = HealthSettings(address="0.0.0.0", port=0, token=Secret(file=tmp_path / "token"))
    with HealthServer(settings, pulse, Metrics()) as server:
        assert ask(server)[0] == 401
        assert ask(server, Authorization="Bearer open sesame")[0] == 200
    pulse.responses = None
    with HealthServer(HealthSettings(port=0), pulse, Metrics()) as server:
        assert ask(server)[0] == 404


def test_names_are_found_by_their_pseudonyms_and_audited(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "names").write_text("key-123\n\nkey-456\n" + "x" * 600 + "\n")
    former = Keys.derive(bytes(32), "0")
    found = told_names(tmp_path / "names", replace(KEYS, former=former))
    assert sorted(found.values()) == ["key-123", "key-123", "key-456", "key-456"], "under both keys"
    assert found[text(KEYS.names.client("key-123"))] == "key-123"
    (tmp_path / "p.toml").write_text(
        f'[runtime]\nstate = "{tmp_path}/state"\n[response]\npage = true\nnames = "{tmp_path}/names"\n'
    )
    settings = load(tmp_path / "p.toml", {}).settings
    (tmp_path / "state").mkdir()
    box = Outbox(tmp_path / "state/outbox.db", [], OutboxSettings(), clock)
    made = responder(settings, KEYS, box, Metrics(), clock)
    box.close()
    assert isinstance(made, Responder)
    (line,) = (tmp_path / "state/audit.log").read_text().splitlines()
    assert (json.loads(line)["action"], json.loads(line)["count"]) == ("responses by name", 2)
    assert "key-123" not in line
    assert verify(tmp_path / "state/audit.log")


def test_names_that_cannot_be_read_are_trouble_that_repeats_none(tmp_path: Path) -> None:
    (tmp_path / "names").write_bytes(b"key-\xff\n")
    for file in (tmp_path / "names", tmp_path / "absent"):
        with pytest.raises(Trouble, match="cannot be read") as caught:
            told_names(file, KEYS)
        assert "key-" not in str(caught.value)


def test_nothing_runs_unless_it_is_asked_for(tmp_path: Path, outbox: Outbox, clock: Clock) -> None:
    (tmp_path / "p.toml").write_text("")
    assert responder(load(tmp_path / "p.toml", {}).settings, KEYS, outbox, Metrics(), clock) is None


def test_check_looks_at_the_feed(tmp_path: Path) -> None:
    (tmp_path / "names").write_text("key-123\nkey-456\n")
    feed = FeedSettings(brokers=("127.0.0.1:1",), topic="responses", connect_seconds=1)
    settings = ResponseSettings(page=True, kafka=feed, names=tmp_path / "names")
    told = looked_at(settings, KEYS, connect=False)
    assert told == "the page /responses, 2 names, topic responses, not connected"
    with pytest.raises(Trouble, match="Kafka says"):
        looked_at(settings, KEYS, connect=True)


def test_a_topic_that_cannot_be_reached_is_trouble() -> None:
    topic = KafkaTopic(FeedSettings(brokers=("127.0.0.1:1",), topic="responses", connect_seconds=1))
    for asked in (topic.known, lambda: topic.put({b"k": None})):
        with pytest.raises(Trouble, match="Kafka says"):
            asked()
    topic.close()


def test_the_thread_follows_the_outbox(outbox: Outbox, clock: Clock) -> None:
    made = Responder(feed(outbox, clock))
    outbox.subscribe(made.hear)
    outbox.accept([FIRST])
    with made:
        outbox.accept([OTHER])
    assert len(orjson.loads(made.page.body)["entries"]) >= 1

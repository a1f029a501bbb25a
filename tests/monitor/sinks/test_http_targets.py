"""Targets of HTTP at a receiver on loopback that is strict about what it is sent and answers as a test says."""

from __future__ import annotations

import gzip
import itertools
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import orjson
import pytest
from certificates import Certificates, certificates
from findings import EXAMPLE, finding, several
from loopback import Answer, Call, loopback
from pydantic import TypeAdapter
from standardwebhooks import Webhook
from test_webhook import OLD, keep

from monitor.alerts.finding import Finding
from monitor.config.secret import Secret
from monitor.config.sinks import SinkSettings
from monitor.config.targets import AlertmanagerSettings, SentinelSettings, SplunkSettings, WebhookSettings
from monitor.formats.catalogue import RENDERERS
from monitor.formats.native import moment, render
from monitor.sinks.alertmanager import AlertmanagerSink
from monitor.sinks.build import build_policies, build_sinks
from monitor.sinks.http import Http, Reply, Request, parts
from monitor.sinks.protocol import Outcome, Sink
from monitor.sinks.sentinel import MOST, SentinelSink
from monitor.sinks.splunk import CODES, SplunkSink
from monitor.sinks.webhook import WebhookSink

SECTION: TypeAdapter[SinkSettings] = TypeAdapter(SinkSettings)
SECRET = "0123456789abcdef0123456789abcdef"
LINK = "https://kibana.example.org/app/{finding}"
OPEN = {"networks": ["127.0.0.0/8"]}
RULE = "dcr-" + "0" * 32
ID = "00000000-0000-0000-0000-000000000001"
ACKED = {"text": "Success", "code": 0, "ackId": 7}


def body(call: Call) -> bytes:
    return gzip.decompress(call.body) if call.headers.get("content-encoding") == "gzip" else call.body


def json(tree: Any, status: int = 200, **headers: str) -> Answer:
    return Answer(status, orjson.dumps(tree), {name.replace("_", "-"): value for name, value in headers.items()})


@dataclass(frozen=True)
class Kind:
    """A target: its settings at an address, how it answers when all is well, and what a request has to be."""

    settings: Callable[[Path, str], dict[str, Any]]
    good: Answer
    path: str
    check: Callable[[Call, Finding], None]
    before: Callable[[Call], Answer | None] = lambda call: None

    def sink(self, folder: Path, url: str, **more: Any) -> Sink:
        [sink] = build_sinks({"far": SECTION.validate_python(self.settings(folder, url) | more)})
        return sink


def kept(folder: Path, name: str, text: str) -> dict[str, Path]:
    (folder / name).write_text(text + "\n")
    return {"file": folder / name}


def splunk(call: Call, alert: Finding) -> None:
    assert call.headers["authorization"] == f"Splunk {SECRET}"
    assert len(call.headers["x-splunk-request-channel"]) == 36
    event = orjson.loads(body(call))
    assert event["event"] == render(alert)
    assert event["time"] == alert.updated_at / 1e6
    assert event["sourcetype"] == "probewatch:finding"
    assert event["fields"] == {
        "id": alert.id,
        "finding": alert.finding,
        "family": alert.family,
        "severity": alert.severity,
    }
    assert set(event) == {"time", "host", "source", "sourcetype", "event", "fields"}


def acknowledged(call: Call) -> Answer | None:
    if call.path != "/services/collector/ack":
        return None
    assert orjson.loads(call.body) == {"acks": [7]}
    return json({"acks": {"7": True}})


def sentinel(call: Call, alert: Finding) -> None:
    assert call.headers["authorization"] == "Bearer token-1"
    assert orjson.loads(body(call)) == [RENDERERS["asim"](alert, f"https://kibana.example.org/app/{alert.finding}")]


def login(call: Call) -> Answer | None:
    if "/oauth2/" not in call.path:
        return None
    assert call.path == f"/{ID}/oauth2/v2.0/token"
    assert call.headers["content-type"] == "application/x-www-form-urlencoded"
    assert parse_qs(call.body.decode()) == {
        "grant_type": ["client_credentials"],
        "client_id": [ID],
        "client_secret": [SECRET],
        "scope": ["https://monitor.azure.com/.default"],
    }
    return json({"token_type": "Bearer", "expires_in": 3599, "access_token": "token-1"})


def alertmanager(call: Call, alert: Finding) -> None:
    assert b64decode(call.headers["authorization"].removeprefix("Basic ")) == f"us:{SECRET}".encode()
    first, *ended = orjson.loads(call.body)
    assert first["labels"]["finding"] == alert.finding
    assert first["startsAt"] == moment(alert.raised_at)
    assert first["endsAt"] > first["startsAt"]
    assert first["generatorURL"].endswith(alert.finding)
    assert [one["labels"]["severity"] for one in ended] == ["low", "medium"]


def pagerduty(call: Call, alert: Finding) -> None:
    event = orjson.loads(call.body)
    assert event.pop("routing_key") == SECRET
    assert set(event) == {"event_action", "dedup_key", "client", "payload", "client_url", "links"}
    assert (event["event_action"], event["dedup_key"]) == ("trigger", alert.finding)
    assert event["payload"]["severity"] == "error"


def slack(call: Call, alert: Finding) -> None:
    message = orjson.loads(call.body)
    assert set(message) == {"text", "blocks"}
    assert b"kibana.example.org" in call.body


def teams(call: Call, alert: Finding) -> None:
    message = orjson.loads(call.body)
    [attachment] = message["attachments"]
    assert (message["type"], attachment["content"]["type"]) == ("message", "AdaptiveCard")
    assert b"kibana.example.org" in call.body


KINDS = {
    "splunk": Kind(
        lambda folder, url: {"type": "splunk", "url": url, "token": kept(folder, "token", SECRET)},
        json(ACKED),
        "/services/collector/event",
        splunk,
        acknowledged,
    ),
    "sentinel": Kind(
        lambda folder, url: {
            "type": "sentinel",
            "endpoint": url,
            "login": url,
            "rule": RULE,
            "tenant": ID,
            "client_id": ID,
            "client_secret": kept(folder, "secret", SECRET),
            "link": LINK,
            **OPEN,
        },
        Answer(204),
        f"/dataCollectionRules/{RULE}/streams/Custom-Probewatch?api-version=2023-01-01",
        sentinel,
        login,
    ),
    "alertmanager": Kind(
        lambda folder, url: {
            "type": "alertmanager",
            "urls": [url],
            "link": LINK,
            "basic": {"user": "us", "password": kept(folder, "password", SECRET)},
        },
        Answer(200),
        "/api/v2/alerts",
        alertmanager,
    ),
    "pagerduty": Kind(
        lambda folder, url: {
            "type": "pagerduty",
            "url": url,
            "routing_key": kept(folder, "key", SECRET),
            "link": LINK,
            **OPEN,
        },
        json({"status": "success"}, 202),
        "/v2/enqueue",
        pagerduty,
    ),
    "slack": Kind(
        lambda folder, url: {"type": "slack", "url": kept(folder, "url", f"{url}/T/{SECRET}"), "link": LINK, **OPEN},
        Answer(200, b"ok"),
        f"/T/{SECRET}",
        slack,
    ),
    "teams": Kind(
        lambda folder, url: {"type": "teams", "url": kept(folder, "url", f"{url}/W/{SECRET}"), "link": LINK, **OPEN},
        Answer(202),
        f"/W/{SECRET}",
        teams,
    ),
}
every = pytest.mark.parametrize("name", sorted(KINDS))


def answering(kind: Kind, *answers: Answer) -> Callable[[Call], Answer]:
    """One answer after the other to alerts; the last one for ever."""
    told = itertools.chain(answers[:-1], itertools.repeat(answers[-1]))

    def script(call: Call) -> Answer:
        return kind.before(call) or next(told)

    return script


def sent(kind: Kind, folder: Path, *answers: Answer, alerts: int = 1, **more: Any) -> tuple[list[Outcome], list[Call]]:
    with loopback(answering(kind, *answers)) as server:
        sink = kind.sink(folder, server.url, **more)
        outcomes = [one for alert in [EXAMPLE, *several(alerts)[1:]] for one in sink.send([alert])]
        sink.close()
        calls = [call for call in server.calls if kind.before(call) is None]
    for outcome in outcomes:
        assert SECRET not in outcome.reason
        assert "127.0.0.1" not in outcome.reason
    return outcomes, calls


@every
def test_the_target_gets_what_it_asks_for(name: str, tmp_path: Path) -> None:
    kind = KINDS[name]
    [outcome], [call] = sent(kind, tmp_path, kind.good)
    assert outcome == Outcome("delivered")
    assert (call.method, call.path) == ("POST", kind.path)
    assert call.headers["content-type"] == "application/json"
    assert call.headers["user-agent"] == "probewatch"
    kind.check(call, EXAMPLE)


@every
@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (400, "refused"),
        (413, "refused"),
        (401, "hold"),
        (403, "hold"),
        (404, "hold"),
        (301, "hold"),
        (410, "hold"),
        (408, "retry"),
        (429, "retry"),
        (500, "retry"),
        (502, "retry"),
        (503, "retry"),
    ],
)
def test_what_each_status_means(name: str, status: int, verdict: str, tmp_path: Path) -> None:
    [outcome], calls = sent(KINDS[name], tmp_path, Answer(status, headers={"location": "/elsewhere"}))
    assert outcome.verdict == verdict
    assert f"status {status}" in outcome.reason
    assert outcome.doubtful == (status >= 500)
    assert len(calls) == 1, "it has followed a redirect or tried again on its own"


@every
def test_a_rest_that_is_asked_for_is_kept(name: str, tmp_path: Path) -> None:
    [outcome], _ = sent(KINDS[name], tmp_path, Answer(429, headers={"retry-after": "33"}))
    assert (outcome.verdict, outcome.after) == ("retry", 33.0)


@every
@pytest.mark.parametrize("answer", [Answer(drop=True), Answer(hang=30.0)], ids=["drop", "hang"])
def test_no_answer_leaves_the_alert_in_doubt(name: str, answer: Answer, tmp_path: Path) -> None:
    [outcome], _ = sent(KINDS[name], tmp_path, answer, timeout_s=0.3)
    assert (outcome.verdict, outcome.doubtful) == ("retry", True)


@every
def test_addresses_inside_are_not_reached_unless_they_are_named(name: str, tmp_path: Path) -> None:
    [outcome], calls = sent(KINDS[name], tmp_path, Answer(200), networks=["10.0.0.0/8"])
    assert (outcome.verdict, calls) == ("hold", [])
    assert "networks" in outcome.reason


@every
def test_a_secret_that_changes_counts_at_once_and_one_that_is_gone_holds(name: str, tmp_path: Path) -> None:
    kind = KINDS[name]
    with loopback(answering(kind, kind.good)) as server:
        sink = kind.sink(tmp_path, server.url)
        assert [one.verdict for one in sink.send([EXAMPLE])] == ["delivered"]
        [file] = [one for one in tmp_path.iterdir() if SECRET in one.read_text()]
        if name != "sentinel":  # its secret is needed for the next token alone
            content = file.read_text()
            file.unlink()
            [outcome] = sink.send([EXAMPLE])
            assert outcome.verdict == "hold"
            assert "cannot be read" in outcome.reason
            file.write_text(content.replace(SECRET, SECRET[::-1]))
            sink.send([EXAMPLE])
            call = server.calls[-1]
            shown = f"{call.path} {call.headers} {b64decode(call.headers.get('authorization', '')[6:] or b'')!r}"
            assert SECRET[::-1] in shown + call.body.decode(errors="replace") + str(server.calls[-2].headers)
        sink.close()


@pytest.mark.parametrize("name", ["slack", "teams", "pagerduty", "alertmanager"])
def test_people_are_told_no_pseudonym_unless_the_settings_say_so(name: str, tmp_path: Path) -> None:
    for more, told in (({}, False), ({"tell": ["client", "labels", "values"]}, True)):
        section = SECTION.validate_python(KINDS[name].settings(tmp_path, "https://far.example") | more)
        shown = build_policies({"far": section})["far"].shown(EXAMPLE)
        form = RENDERERS[name](shown)
        assert (EXAMPLE.client in str(form)) == told
        assert EXAMPLE.group not in str(form)


def test_a_batch_with_one_bad_alert_costs_no_other(tmp_path: Path) -> None:
    """For targets that answer to a whole batch: the bad one is found by halves."""
    alerts = several(8)
    for name in ("splunk", "sentinel", "alertmanager"):
        kind = KINDS[name]

        def script(call: Call, kind: Kind = kind) -> Answer:
            bad = alerts[5].finding.encode() in body(call)
            return kind.before(call) or (Answer(400) if bad else kind.good)

        with loopback(script) as server:
            sink = kind.sink(tmp_path, server.url)
            verdicts = [one.verdict for one in sink.send(alerts)]
            sink.close()
        assert verdicts == ["delivered"] * 5 + ["refused"] + ["delivered"] * 2, name


def test_splunk_counts_only_what_the_indexer_has_acknowledged(tmp_path: Path) -> None:
    asked: list[float] = []
    now = [0.0]

    def wait(seconds: float) -> None:
        now[0] += seconds

    def script(call: Call) -> Answer:
        if call.path.endswith("/ack"):
            asked.append(now[0])
            late = now[0] > 5.0
            return Answer(503) if len(asked) == 2 else json({"acks": {"7": late}})
        return json(ACKED)

    with loopback(script) as server:
        for seconds, verdict in ((10.0, "delivered"), (4.0, "retry")):
            now[0] = 0.0
            asked.clear()
            token = {"token": kept(tmp_path, "t", SECRET), "acknowledge_seconds": seconds}
            section = SplunkSettings.model_validate({"type": "splunk", "url": server.url} | token)
            sink = SplunkSink("hec", section, wait, lambda: now[0])
            [outcome] = sink.send([EXAMPLE])
            sink.close()
            assert (outcome.verdict, outcome.doubtful) == (verdict, verdict == "retry")
            assert 4 <= len(asked) <= 12
        channels = {call.headers["x-splunk-request-channel"] for call in server.calls}
        assert len(channels) == 2, "events and questions of one sink go under one channel"


def test_splunk_without_acknowledgements_holds_or_is_believed(tmp_path: Path) -> None:
    plain = json({"text": "Success", "code": 0})
    [held], _ = sent(KINDS["splunk"], tmp_path, plain)
    assert (held.verdict, held.doubtful) == ("hold", True)
    assert "acknowledge" in held.reason
    [taken], [call] = sent(KINDS["splunk"], tmp_path, plain, acknowledge=False, index="security")
    assert taken.verdict == "delivered"
    assert "x-splunk-request-channel" not in call.headers
    assert orjson.loads(body(call))["index"] == "security"


@pytest.mark.parametrize("code", sorted(CODES))
def test_the_codes_of_splunk(code: int, tmp_path: Path) -> None:
    [outcome], _ = sent(KINDS["splunk"], tmp_path, json({"code": code}, 400 if code < 18 else 503))
    assert outcome == CODES[code]


def test_sentinel_asks_for_a_token_once_and_anew_when_it_is_refused_or_old(tmp_path: Path) -> None:
    now = [1_000.0]
    statuses = iter([204, 204, 401, 204, 204])
    tokens: list[int] = []

    def script(call: Call) -> Answer:
        if "/oauth2/" in call.path:
            tokens.append(1)
            return json({"access_token": f"token-{len(tokens)}", "expires_in": 3600})
        assert call.headers["authorization"] == f"Bearer token-{len(tokens)}"
        return Answer(next(statuses))

    with loopback(script) as server:
        section = SentinelSettings.model_validate(KINDS["sentinel"].settings(tmp_path, server.url))
        sink = SentinelSink("azure", section, lambda: now[0])
        verdicts = [sink.send([EXAMPLE])[0].verdict for _ in range(4)]
        assert (verdicts, len(tokens)) == (["delivered", "delivered", "hold", "delivered"], 2)
        now[0] += 3_400
        sink.send([EXAMPLE])
        assert len(tokens) == 3
        sink.close()


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (Answer(400), "hold"),
        (Answer(401), "hold"),
        (Answer(503), "retry"),
        (Answer(200, b"x"), "retry"),
        (json({"access_token": "a\r\nb"}), "retry"),
        (Answer(drop=True), "retry"),
    ],
)
def test_a_login_that_fails_says_so(answer: Answer, verdict: str, tmp_path: Path) -> None:
    kind = replace(KINDS["sentinel"], before=lambda call: None)
    [outcome], _ = sent(kind, tmp_path, answer)
    assert outcome.verdict == verdict
    assert outcome.reason.startswith("login")
    assert not outcome.doubtful


def test_sentinel_never_gets_more_than_a_megabyte(tmp_path: Path) -> None:
    large = [finding(episode=n, members=tuple(f"c1.{m:016}" for m in range(6_000))) for n in range(12)]
    with loopback(answering(KINDS["sentinel"], Answer(204))) as server:
        sink = KINDS["sentinel"].sink(tmp_path, server.url)
        assert {one.verdict for one in sink.send(large)} == {"delivered"}
        sizes = [len(body(call)) for call in server.calls if "/streams/" in call.path]
        assert len(sizes) > 1
        assert max(sizes) <= MOST
        sink.close()


def test_alertmanagers_of_a_cluster_are_all_told_and_one_is_enough(tmp_path: Path) -> None:
    for statuses, verdict in (((200, 503), "delivered"), ((503, 200), "delivered"), ((401, 503), "retry")):
        with loopback(lambda call: Answer(statuses[0])) as one, loopback(lambda call: Answer(statuses[1])) as other:  # noqa: B023
            section = AlertmanagerSettings.model_validate({"type": "alertmanager", "urls": [one.url, other.url]})
            sink = AlertmanagerSink("page", section)
            assert [outcome.verdict for outcome in sink.send(several(2))] == [verdict] * 2
            assert (len(one.calls), len(other.calls)) == (1, 1)
            assert sink.again(several(250)) == (verdict == "delivered")
            sink.close()


def test_an_open_alert_ends_after_a_while_unless_it_is_sent_again_and_a_closed_one_when_it_closed() -> None:
    with loopback(lambda call: Answer(200)) as server:
        section = AlertmanagerSettings.model_validate(
            {"type": "alertmanager", "urls": [server.url], "valid_minutes": 20}
        )
        sink = AlertmanagerSink("page", section, lambda: 1_800_000_000.0)
        closed = replace(EXAMPLE, status="closed", revision=3)
        sink.send([EXAMPLE, closed])
        sink.close()
    first, _, _, last, *_ = orjson.loads(server.calls[0].body)
    assert first["endsAt"] == moment(1_800_001_200_000_000)
    assert last["endsAt"] == moment(closed.updated_at)


def test_pagerduty_resolves_and_a_key_that_is_refused_is_no_bad_event(tmp_path: Path) -> None:
    kind = KINDS["pagerduty"]
    with loopback(answering(kind, kind.good)) as server:
        sink = kind.sink(tmp_path, server.url)
        sink.send([replace(EXAMPLE, status="closed")])
        sink.close()
    assert orjson.loads(server.calls[0].body)["event_action"] == "resolve"
    [outcome], _ = sent(kind, tmp_path, json({"errors": ["'routing_key' is invalid"]}, 400))
    assert outcome.verdict == "hold"
    [busy], _ = sent(kind, tmp_path, Answer(429))
    assert busy.after == 60.0


@pytest.mark.parametrize("form", sorted(RENDERERS))
def test_a_webhook_carries_every_form(form: str, tmp_path: Path) -> None:
    with loopback(lambda call: Answer(204)) as server:
        section = WebhookSettings.model_validate(
            {
                "type": "webhook",
                "url": keep(tmp_path, "url", server.url),
                "secrets": [keep(tmp_path, "s", OLD)],
                "format": form,
                "token": keep(tmp_path, "t", "bearer-token"),
                "compress": True,
                **OPEN,
            }
        )
        sink = WebhookSink("hook", section)
        assert sink.send([EXAMPLE]) == [Outcome("delivered")]
        sink.close()
    [call] = server.calls
    told = body(call)
    made = RENDERERS[form](EXAMPLE)
    if form == "native":
        assert orjson.loads(told)["data"] == made
    else:
        assert (told.decode() if isinstance(made, str) else orjson.loads(told)) == made
    kind = "text/plain; charset=utf-8" if isinstance(made, str) else "application/json"
    assert call.headers["content-type"] == kind
    assert (call.headers["content-encoding"], call.headers["authorization"]) == ("gzip", "Bearer bearer-token")
    signed = {key: value for key, value in call.headers.items() if key.startswith("webhook-")}
    if call.body.isascii():
        Webhook(OLD).verify(call.body, signed)


@pytest.fixture(scope="module")
def issued(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certificates(tmp_path_factory.mktemp("certificates"))


def test_certificates_and_a_proxy_are_those_of_every_target(tmp_path: Path, issued: Certificates) -> None:
    kind = KINDS["alertmanager"]
    pair = issued.server.certificate, issued.server.key
    with loopback(answering(kind, kind.good), pair, issued.authority) as server:
        for who, verdict in ((issued.client, "delivered"), (issued.stranger, "retry")):
            tls = {"ca_file": issued.authority, "certificate_file": who.certificate, "key_file": who.key}
            sink = kind.sink(tmp_path, server.url, tls=tls)
            assert [one.verdict for one in sink.send([EXAMPLE])] == [verdict]
            sink.close()
    with loopback(answering(kind, kind.good)) as proxy:
        sink = kind.sink(tmp_path, "http://alerts.example", proxy=proxy.url)
        assert [one.verdict for one in sink.send([EXAMPLE])] == ["delivered"]
        assert proxy.calls[0].path == "http://alerts.example/api/v2/alerts"
        sink.close()


def test_an_answer_that_never_ends_gets_no_more_of_our_time_or_memory() -> None:
    with loopback(lambda call: Answer(200, b"x" * 5_000_000)) as server:
        section = AlertmanagerSettings.model_validate({"type": "alertmanager", "urls": [server.url]})
        http = Http(section, answer_bytes=10_000)
        reply = http.ask(Request(server.url, b""))
        assert isinstance(reply, Reply)
        assert len(reply.body) == 10_000
        http.close()


def test_parts_keep_the_order_and_the_bound() -> None:
    assert list(parts([], 10)) == []
    assert list(parts([5] * 6, 14)) == [(0, 2), (2, 4), (4, 6)]


def test_after_a_request_that_failed_no_later_one_is_made(tmp_path: Path) -> None:
    kind = KINDS["splunk"]
    with loopback(answering(kind, kind.good, Answer(503), kind.good)) as server:
        sink = kind.sink(tmp_path, server.url, batch_bytes=10_000)
        outcomes = sink.send(several(30))
        events = [call for call in server.calls if call.path.endswith("/event")]
        sink.close()
    verdicts = [one.verdict for one in outcomes]
    assert verdicts == sorted(verdicts)  # delivered, then retry
    assert set(verdicts) == {"delivered", "retry"}
    assert len(events) == 2
    assert not outcomes[-1].doubtful


def test_a_secret_with_a_line_break_is_no_header(tmp_path: Path) -> None:
    with loopback(lambda call: Answer(200)) as server:
        section = {"type": "splunk", "url": server.url, "token": kept(tmp_path, "t", SECRET)}
        [sink] = build_sinks({"far": SECTION.validate_python(section)})
        (tmp_path / "t").write_text("a\nx-evil: 1")
        [outcome] = sink.send([EXAMPLE])
        assert (outcome.verdict, server.calls) == ("hold", [])
        sink.close()
    assert Secret(file=tmp_path / "t").place not in outcome.reason

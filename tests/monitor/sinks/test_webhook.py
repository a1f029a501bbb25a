"""The webhook against a real receiver on loopback, its signature verified by somebody else's code."""

from __future__ import annotations

import base64
import logging
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from findings import EXAMPLE, finding, several
from loopback import Answer, Call, Script, loopback, self_signed
from standardwebhooks import Webhook, WebhookVerificationError

from monitor.config.secret import Secret
from monitor.config.targets import WebhookSettings
from monitor.config.trouble import Trouble
from monitor.formats.native import parse
from monitor.sinks.answers import seconds
from monitor.sinks.protocol import Outcome
from monitor.sinks.webhook import WebhookSink, payload

OLD = "whsec_" + b64encode(bytes(range(24))).decode()
NEW = "whsec_" + b64encode(bytes(range(100, 164))).decode()
PATH = "/hook?token=very-secret"


def keep(folder: Path, name: str, text: str) -> Secret:
    (folder / name).write_text(text + "\n")
    return Secret(file=folder / name)


def settings(folder: Path, url: str, secrets: Sequence[str] = (OLD,), **more: Any) -> WebhookSettings:
    kept = tuple(keep(folder, f"secret-{n}", text) for n, text in enumerate(secrets))
    more = {"networks": ["127.0.0.0/8"]} | more
    return WebhookSettings(type="webhook", url=keep(folder, "url", url), secrets=kept, **more)


def post(folder: Path, script: Script, secrets: Sequence[str] = (OLD,), **more: Any) -> tuple[Outcome, list[Call]]:
    with loopback(script) as server:
        sink = WebhookSink("hook", settings(folder, server.url + PATH, secrets, **more))
        [outcome] = sink.send([EXAMPLE])
        sink.close()
        assert "secret" not in outcome.reason
        assert "127.0.0.1" not in outcome.reason
        return outcome, server.calls


def test_the_receiver_gets_a_signed_alert_that_it_can_read(tmp_path: Path) -> None:
    outcome, [call] = post(tmp_path, lambda call: Answer(204))
    assert outcome == Outcome("delivered")
    assert (call.method, call.path) == ("POST", PATH)
    content = Webhook(OLD).verify(call.body, call.headers)
    assert content["type"] == "finding.updated"
    assert content["timestamp"] == "2026-11-21T10:06:52.123250Z"
    assert parse(orjson.dumps(content["data"])) == EXAMPLE
    assert call.headers["webhook-id"] == EXAMPLE.id
    assert call.headers["content-type"] == "application/json"


def test_while_secrets_are_exchanged_either_one_verifies(tmp_path: Path) -> None:
    _, [call] = post(tmp_path, lambda call: Answer(200), secrets=(NEW, OLD))
    Webhook(OLD).verify(call.body, call.headers)
    Webhook(NEW).verify(call.body, call.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook("whsec_" + b64encode(b"x" * 32).decode()).verify(call.body, call.headers)


def test_a_changed_body_does_not_verify(tmp_path: Path) -> None:
    _, [call] = post(tmp_path, lambda call: Answer(200))
    with pytest.raises(WebhookVerificationError):
        Webhook(OLD).verify(call.body.replace(b"high", b"low "), call.headers)


def test_each_attempt_has_the_same_id_and_a_time_of_its_own(tmp_path: Path) -> None:
    now = [1_800_000_000.0]
    with loopback(lambda call: Answer(200)) as server:
        sink = WebhookSink("hook", settings(tmp_path, server.url), lambda: now[0])
        sink.send([EXAMPLE])
        now[0] += 77.0
        sink.send([EXAMPLE])
        sink.close()
    first, second = (call.headers for call in server.calls)
    assert first["webhook-id"] == second["webhook-id"]
    assert (first["webhook-timestamp"], second["webhook-timestamp"]) == ("1800000000", "1800000077")
    assert first["webhook-signature"] != second["webhook-signature"]


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        *[(status, "delivered") for status in (200, 201, 202, 204)],
        *[(status, "retry") for status in (408, 425, 429, 500, 502, 503, 504)],
        *[(status, "refused") for status in (400, 413, 422)],
        *[(status, "hold") for status in (301, 302, 307, 308, 401, 403, 404, 405, 410)],
    ],
)
def test_what_each_status_means(tmp_path: Path, status: int, verdict: str) -> None:
    outcome, calls = post(tmp_path, lambda call: Answer(status, headers={"location": "/elsewhere"}))
    assert outcome.verdict == verdict
    assert len(calls) == 1, "it has followed a redirect or tried again on its own"
    if status == 410:
        assert "gone" in outcome.reason


@pytest.mark.parametrize(
    "asked", ["120", " 120 ", format_datetime(datetime.fromtimestamp(1_800_000_120, UTC), usegmt=True)]
)
def test_a_receiver_may_ask_for_rest(tmp_path: Path, asked: str) -> None:
    with loopback(lambda call: Answer(429, headers={"retry-after": asked})) as server:
        sink = WebhookSink("hook", settings(tmp_path, server.url), lambda: 1_800_000_000.0)
        assert sink.send([EXAMPLE]) == [Outcome("retry", "status 429", after=120.0)]
        sink.close()


@pytest.mark.parametrize("asked", ["soon", "-5", "1e999", "Mon, 99 Foo 2026", ""])
def test_nonsense_is_no_rest(tmp_path: Path, asked: str) -> None:
    outcome, _ = post(tmp_path, lambda call: Answer(503, headers={"retry-after": asked}))
    assert outcome.after is None


def test_no_rest_is_longer_than_a_day(tmp_path: Path) -> None:
    late = format_datetime(datetime.now(UTC) + timedelta(days=900), usegmt=True)
    for asked in ("99999999999", late):
        outcome, _ = post(tmp_path, lambda call: Answer(503, headers={"retry-after": asked}))  # noqa: B023
        assert outcome.after == 86_400.0


@pytest.mark.parametrize(
    ("answer", "kind"), [(Answer(drop=True), "ProtocolError"), (Answer(200, hang=30.0), "ReadTimeoutError")]
)
def test_no_answer_is_a_reason_to_try_again(tmp_path: Path, answer: Answer, kind: str) -> None:
    outcome, _ = post(tmp_path, lambda call: answer, timeout_s=0.3)
    assert outcome == Outcome("retry", f"no answer: {kind}", doubtful=True)


def test_nobody_there_is_a_reason_to_try_again(tmp_path: Path) -> None:
    with loopback(lambda call: Answer()) as server:
        pass
    [outcome] = WebhookSink("hook", settings(tmp_path, server.url)).send([EXAMPLE])
    assert outcome == Outcome("retry", "no answer: NewConnectionError", doubtful=True)


def test_neither_address_nor_secret_gets_into_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    post(tmp_path, lambda call: Answer(drop=True))
    post(tmp_path, lambda call: Answer(500))
    assert not [
        record for record in caplog.records if "secret" in record.getMessage() or "whsec" in record.getMessage()
    ]


@pytest.mark.parametrize(
    "secret",
    ["", "whsec_", "whsec_!!!!", OLD.removeprefix("whsec_"), "whsec_" + base64.b64encode(b"short").decode()],
)
def test_a_secret_that_is_none_is_trouble_that_does_not_repeat_it(tmp_path: Path, secret: str) -> None:
    with pytest.raises(Trouble) as caught:
        WebhookSink("hook", settings(tmp_path, "https://far.example", (secret,)))
    assert "secret-0" in caught.value.where
    assert not secret.removeprefix("whsec_") or secret.removeprefix("whsec_") not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["far.example/hook-token", "ftp://far.example", "https://u:p@far.example", "http://[::1"]
)
def test_an_address_that_is_none_is_trouble_that_does_not_repeat_it(tmp_path: Path, url: str) -> None:
    with pytest.raises(Trouble) as caught:
        WebhookSink("hook", settings(tmp_path, url))
    assert "sink hook" in caught.value.where
    assert "far.example" not in str(caught.value)


def test_the_type_says_what_has_happened_to_the_finding() -> None:
    kinds = [orjson.loads(payload(replace(EXAMPLE, status=status)))["type"] for status in ("open", "updated", "closed")]  # type: ignore[arg-type]
    assert kinds == ["finding.open", "finding.updated", "finding.closed"]
    assert len(payload(finding(members=tuple(f"c1.{n:016}" for n in range(500))))) < 20_000


def test_a_connection_is_used_again(tmp_path: Path) -> None:
    with loopback(lambda call: Answer(200, b"ok")) as server:
        sink = WebhookSink("hook", settings(tmp_path, server.url))
        for alert in several(5):
            sink.send([alert])
        pool = sink._http._pool.connection_from_url(server.url)
        assert (pool.num_connections, pool.num_requests) == (1, 5)
        sink.close()


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path)
    with loopback(lambda call: Answer(204), (certificate, key)) as server:
        [refused] = WebhookSink("hook", settings(tmp_path, server.url)).send([EXAMPLE])
        assert (refused.verdict, refused.reason) == ("retry", "no answer: SSLError")
        [taken] = WebhookSink("hook", settings(tmp_path, server.url, tls={"ca_file": certificate})).send([EXAMPLE])
        assert taken.verdict == "delivered"
        [unchecked] = WebhookSink("hook", settings(tmp_path, server.url, tls={"verify": False})).send([EXAMPLE])
        assert unchecked.verdict == "delivered"


def test_a_proxy_on_the_way_is_used(tmp_path: Path) -> None:
    with loopback(lambda call: Answer(204)) as proxy:
        sink = WebhookSink("hook", settings(tmp_path, "http://far.example/hook", proxy=proxy.url))
        assert sink.send([EXAMPLE]) == [Outcome("delivered")]
        assert proxy.calls[0].path == "http://far.example/hook"
        sink.close()


@pytest.mark.parametrize(
    "asked", ["Thu, 01 Jan 99999999999 00:01:00 GMT", "Thu, 01 Jan 2026 00:01:00 +9999999999", "\u0663", "\x1e12"]
)
def test_a_date_that_no_calendar_has_asks_for_nothing_absurd(asked: str) -> None:
    rest = seconds(asked, 1e9)
    assert rest is None or 0 <= rest <= 86_400

"""The Elasticsearch sink: each alert once on a real server, and every answer that a server can give."""

from __future__ import annotations

import gzip
import os
import signal
import subprocess
import sys
import uuid
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
import urllib3
from elasticsearch import Elasticsearch
from findings import EXAMPLE, finding, several
from loopback import Answer, Call, Script, loopback, self_signed
from services.launch import Server
from wires import wire

from monitor.alerts.finding import Finding
from monitor.config.sinks import ElasticsearchSettings
from monitor.siem.install import install
from monitor.sinks.bulk import stream_name
from monitor.sinks.client import connect
from monitor.sinks.delivery import Delivery
from monitor.sinks.elasticsearch import ElasticsearchSink
from monitor.sinks.outbox import Outbox
from monitor.sinks.protocol import Outcome


def verdicts(outcomes: Sequence[Outcome]) -> list[str]:
    return [outcome.verdict for outcome in outcomes]


@pytest.fixture
def client(elasticsearch: Server) -> Iterator[Elasticsearch]:
    made = connect(ElasticsearchSettings(type="elasticsearch", hosts=(elasticsearch.address,), timeout_s=60))
    yield made
    made.close()


@pytest.fixture
def namespace(elasticsearch: Server, client: Elasticsearch) -> Iterator[str]:
    name = f"test_{uuid.uuid4().hex[:12]}"
    with wire(elasticsearch.address) as reached:
        install(reached, name)
    yield name
    client.indices.delete_data_stream(name=stream_name(name))


def count(client: Elasticsearch, namespace: str) -> int:
    client.indices.refresh(index=stream_name(namespace))
    return int(client.count(index=stream_name(namespace))["count"])


@pytest.mark.servers
def test_an_alert_that_is_there_already_counts_as_delivered(client: Elasticsearch, namespace: str) -> None:
    sink, alerts = ElasticsearchSink("search", client, namespace), several(4)
    assert verdicts(sink.send(alerts[:3])) == ["delivered"] * 3
    assert verdicts(sink.send(alerts[1:])) == ["delivered"] * 3
    assert count(client, namespace) == 4


@pytest.mark.servers
def test_a_rollover_between_two_attempts_doubles_nothing(client: Elasticsearch, namespace: str) -> None:
    sink, alerts = ElasticsearchSink("search", client, namespace), several(4)
    sink.send(alerts[:3])
    client.indices.rollover(alias=stream_name(namespace))
    assert verdicts(sink.send(alerts, {alert.id for alert in alerts})) == ["delivered"] * 4
    assert count(client, namespace) == 4


@pytest.mark.servers
def test_what_another_process_has_delivered_before_a_rollover_is_not_doubled(
    client: Elasticsearch, namespace: str
) -> None:
    former, next_owner = (ElasticsearchSink("search", client, namespace) for _ in range(2))
    former.send(several(3))
    client.indices.rollover(alias=stream_name(namespace))
    assert verdicts(next_owner.send(several(4))) == ["delivered"] * 4  # in no doubt: it has never tried them
    assert count(client, namespace) == 4


@pytest.mark.servers
def test_without_the_look_up_a_rollover_would_double(
    client: Elasticsearch, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ElasticsearchSink, "_present", lambda sink, ids: frozenset())
    sink = ElasticsearchSink("search", client, namespace)
    sink.send([EXAMPLE])
    client.indices.rollover(alias=stream_name(namespace))
    sink.send([EXAMPLE])
    assert count(client, namespace) == 2


@pytest.mark.servers
def test_an_alert_in_doubt_may_belong_to_a_stream_that_is_not_there_yet(client: Elasticsearch, namespace: str) -> None:
    client.indices.delete_data_stream(name=stream_name(namespace))
    sink = ElasticsearchSink("search", client, namespace)
    assert verdicts(sink.send([EXAMPLE], {EXAMPLE.id})) == ["delivered"]


@pytest.mark.servers
def test_an_answer_that_comes_too_late_doubles_nothing(
    elasticsearch: Server, client: Elasticsearch, namespace: str
) -> None:
    pool, hang = urllib3.PoolManager(), [30.0]

    def script(call: Call) -> Answer:
        """Passes the request on, and the answer back; the first bulk's answer only when nobody waits any more."""
        headers = {k: v for k, v in call.headers.items() if k not in {"host", "content-length", "accept-encoding"}}
        answer = pool.request(call.method, elasticsearch.address + call.path, body=call.body, headers=headers)
        wait = hang.pop() if "_bulk" in call.path and hang else 0.0
        kept = {k: v for k, v in answer.headers.items() if k.lower() in {"x-elastic-product", "content-type"}}
        return Answer(answer.status, answer.data, kept, hang=wait)

    alerts = several(3)
    with loopback(script) as server:
        settings = ElasticsearchSettings(type="elasticsearch", hosts=(server.url,), timeout_s=1.0)
        sink = ElasticsearchSink("search", connect(settings), namespace)
        first = sink.send(alerts)
        assert {(one.verdict, one.doubtful, one.reason) for one in first} == {
            ("retry", True, "no answer: ConnectionTimeout")
        }
        client.indices.rollover(alias=stream_name(namespace))
        slow = ElasticsearchSink("search", connect(settings.model_copy(update={"timeout_s": 60.0})), namespace)
        assert verdicts(slow.send(alerts, {alert.id for alert in alerts})) == ["delivered"] * 3
        sink.close()
        slow.close()
    assert count(client, namespace) == 3


@pytest.mark.servers
def test_a_stream_without_its_template_holds_alerts_back(client: Elasticsearch) -> None:
    sink = ElasticsearchSink("search", client)
    sink._stream = "nowhere-at-all"
    [outcome] = sink.send([EXAMPLE])
    assert outcome.verdict == "hold"
    assert "probewatch siem install" in outcome.reason


@pytest.mark.servers
def test_what_the_mapping_refuses_is_refused_alone_and_its_value_not_repeated(
    client: Elasticsearch, namespace: str
) -> None:
    good, other = several(2)
    bad = replace(EXAMPLE, queries="secret")  # type: ignore[arg-type]  # what no engine would do
    outcomes = ElasticsearchSink("search", client, namespace).send([good, bad, other])
    assert verdicts(outcomes) == ["delivered", "refused", "delivered"]
    assert outcomes[1].reason == "status 400: document_parsing_exception in probewatch.queries"


@pytest.mark.servers
def test_a_stream_that_may_not_be_written_holds_alerts_back(client: Elasticsearch, namespace: str) -> None:
    client.indices.put_settings(index=stream_name(namespace), settings={"index.blocks.write": True})
    [outcome] = ElasticsearchSink("search", client, namespace).send([EXAMPLE])
    assert (outcome.verdict, outcome.reason) == ("hold", "status 403: cluster_block_exception")


@pytest.mark.servers
def test_a_missing_pipeline_holds_alerts_back(client: Elasticsearch, namespace: str) -> None:
    client.indices.put_settings(index=stream_name(namespace), settings={"index.default_pipeline": f"no-{namespace}"})
    [outcome] = ElasticsearchSink("search", client, namespace).send([EXAMPLE])
    assert outcome.verdict == "hold"
    assert "probewatch siem install" in outcome.reason


HEADERS = {"x-elastic-product": "Elasticsearch", "content-type": "application/vnd.elasticsearch+json;compatible-with=9"}


def items(*creates: dict[str, Any]) -> Answer:
    return Answer(
        200, orjson.dumps({"errors": True, "took": 1, "items": [{"create": one} for one in creates]}), HEADERS
    )


def whole(status: int) -> Answer:
    return Answer(status, orjson.dumps({"error": {"type": "x", "reason": "secret"}, "status": status}), HEADERS)


def nothing_there(script: Script) -> Script:
    """Before them the sink looks the alerts up, and finds none; the script answers what follows."""
    none = orjson.dumps({"hits": {"hits": []}, "_shards": {"total": 0, "successful": 0, "failed": 0}})

    def answer(call: Call) -> Answer:
        looks = "_search" in call.path or "_refresh" in call.path
        return Answer(200, none, HEADERS) if looks else script(call)

    return answer


def ask(script: Script, alerts: Sequence[Finding]) -> tuple[list[Outcome], list[Call]]:
    with loopback(nothing_there(script)) as server:
        settings = ElasticsearchSettings(type="elasticsearch", hosts=(server.url,), timeout_s=5)
        sink = ElasticsearchSink("search", connect(settings))
        outcomes = sink.send(alerts)
        sink.close()
        assert not any(server.url in outcome.reason or "secret" in outcome.reason for outcome in outcomes)
        return outcomes, [call for call in server.calls if "_bulk" in call.path]


def error(status: int, kind: str = "some_exception", reason: str = "value [secret]") -> dict[str, Any]:
    return {"status": status, "error": {"type": kind, "reason": reason}}


def test_what_each_answer_for_one_alert_means() -> None:
    answers: list[tuple[dict[str, Any], Outcome]] = [
        ({"status": 201, "failure_store": "not_applicable_or_unknown"}, Outcome("delivered")),
        ({"status": 201, "failure_store": "used"}, Outcome("refused", "failure store")),
        (error(409, "version_conflict_engine_exception"), Outcome("delivered")),
        (error(400), Outcome("refused", "status 400: some_exception")),
        (error(400, "Odd Type: secret"), Outcome("refused", "status 400: unknown error")),
        (error(400, reason="field [secret]"), Outcome("refused", "status 400: some_exception")),
        (error(400, reason="field [user.hash]"), Outcome("refused", "status 400: some_exception in user.hash")),
        (error(404), Outcome("refused", "status 404: some_exception")),
        (error(401), Outcome("hold", "status 401: some_exception")),
        (error(403), Outcome("hold", "status 403: some_exception")),
        (error(429), Outcome("retry", "status 429: some_exception")),
        (error(503), Outcome("retry", "status 503: some_exception", doubtful=True)),
        (error(500), Outcome("retry", "status 500: some_exception", doubtful=True)),
    ]
    outcomes, _ = ask(lambda call: items(*(answer for answer, _ in answers)), several(len(answers)))
    assert outcomes == [expected for _, expected in answers]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (whole(401), Outcome("hold", "status 401")),
        (whole(403), Outcome("hold", "status 403")),
        (whole(400), Outcome("hold", "status 400")),
        (whole(413), Outcome("refused", "status 413: too large for the server")),
        (whole(429), Outcome("retry", "status 429")),
        (whole(503), Outcome("retry", "status 503", doubtful=True)),
        (Answer(drop=True), Outcome("retry", "no answer: ConnectionError", doubtful=True)),
        (Answer(200, b"<html>", HEADERS), Outcome("retry", "no answer: SerializationError", doubtful=True)),
    ],
)
def test_what_each_answer_for_the_whole_request_means(answer: Answer, expected: Outcome) -> None:
    outcomes, calls = ask(lambda call: answer, several(1))
    assert outcomes == [expected]
    assert len(calls) == 1, "the client has tried again on its own"


def test_a_request_that_is_too_large_is_split_until_it_fits() -> None:

    def script(call: Call) -> Answer:
        documents = gzip.decompress(call.body).count(b"\n") // 2
        return whole(413) if documents > 3 else items(*[{"status": 201}] * documents)

    outcomes, calls = ask(script, several(11))
    assert verdicts(outcomes) == ["delivered"] * 11
    assert len(calls) > 4


def test_while_a_look_up_fails_nothing_is_sent() -> None:
    def script(call: Call) -> Answer:
        return whole(503) if "_search" in call.path else items({"status": 201})

    with loopback(script) as server:
        sink = ElasticsearchSink("search", connect(ElasticsearchSettings(type="elasticsearch", hosts=(server.url,))))
        assert sink.send([EXAMPLE], {EXAMPLE.id}) == [Outcome("retry", "status 503", doubtful=True)]
        sink.close()
        assert not [call for call in server.calls if "_bulk" in call.path]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (whole(413), Outcome("hold", "status 413: too large for the server")),
        (whole(401), Outcome("hold", "status 401")),
        (whole(429), Outcome("retry", "status 429")),
        (
            Answer(200, b"{}", {"content-type": "application/json"}),
            Outcome("hold", "this is not Elasticsearch", doubtful=True),
        ),
    ],
)
def test_no_answer_to_a_look_up_makes_a_dead_letter(answer: Answer, expected: Outcome) -> None:
    with loopback(lambda call: answer) as server:
        sink = ElasticsearchSink("search", connect(ElasticsearchSettings(type="elasticsearch", hosts=(server.url,))))
        assert sink.send([EXAMPLE]) == [expected]
        sink.close()
        assert not [call for call in server.calls if "_bulk" in call.path]


def test_the_client_says_who_we_are_and_checks_who_answers(tmp_path: Path) -> None:
    (tmp_path / "word").write_text("pass-word\n")
    word = {"file": tmp_path / "word"}
    certificate, key = self_signed(tmp_path)
    with loopback(nothing_there(lambda call: items({"status": 201})), (certificate, key)) as server:
        for who, header in {
            "api_key": (word, "ApiKey pass-word"),
            "basic": ({"user": "u", "password": word}, "Basic " + b64encode(b"u:pass-word").decode()),
        }.items():
            settings = ElasticsearchSettings.model_validate(
                {"type": "elasticsearch", "hosts": [server.url], who: header[0], "tls": {"ca_file": certificate}}
            )
            sink = ElasticsearchSink("search", connect(settings))
            assert verdicts(sink.send([EXAMPLE])) == ["delivered"]
            assert server.calls[-1].headers["authorization"] == header[1]
            sink.close()
        for tls, verdict in (({}, "retry"), ({"verify": False}, "delivered")):
            settings = ElasticsearchSettings.model_validate(
                {"type": "elasticsearch", "hosts": [server.url], "tls": tls}
            )
            sink = ElasticsearchSink("search", connect(settings))
            assert verdicts(sink.send([EXAMPLE])) == [verdict]
            sink.close()


DAEMON = """
import sys
from pathlib import Path
from monitor.config.sinks import ElasticsearchSettings
from monitor.sinks.client import connect
from monitor.sinks.delivery import Delivery
from monitor.sinks.delivery import Delivery
from monitor.sinks.elasticsearch import ElasticsearchSink
from monitor.sinks.outbox import Outbox
from tests.findings import finding
folder, url, namespace, start = Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
outbox = Outbox(folder / "outbox.db", ["search"])
client = connect(ElasticsearchSettings(type="elasticsearch", hosts=(url,)))
delivery = Delivery(outbox, [ElasticsearchSink("search", client, namespace, max_batch=7)])
delivery.start()
for episode in range(start, start + 100_000):
    outbox.accept([finding(episode=episode)])
    print(episode, flush=True)
"""


@pytest.mark.servers
def test_kill_9_and_rollovers_neither_lose_nor_double_an_alert(
    elasticsearch: Server, client: Elasticsearch, namespace: str, tmp_path: Path
) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    accepted = 0
    for kill in range(3):
        command = [sys.executable, "-c", DAEMON, str(tmp_path), elasticsearch.address, namespace, str(accepted)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if int(line) >= accepted + 60 + 17 * kill:
                    process.send_signal(signal.SIGKILL)
                    break
            accepted = int((process.stdout.read() or line).split()[-1]) + 1
        client.indices.rollover(alias=stream_name(namespace))
    outbox = Outbox(tmp_path / "outbox.db", ["search"])
    own = connect(ElasticsearchSettings(type="elasticsearch", hosts=(elasticsearch.address,)))  # stop() closes it
    delivery = Delivery(outbox, [ElasticsearchSink("search", own, namespace)])
    delivery.start()
    assert delivery.drain(60.0) == {"search": 0}
    delivery.stop()
    known = {alert.id for alert in outbox.history.latest(limit=10**6)}
    outbox.close()
    assert {finding(episode=n).id for n in range(accepted)} <= known
    assert count(client, namespace) == len(known)

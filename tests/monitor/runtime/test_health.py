import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from clock import Clock
from pydantic import ValidationError

from monitor.config.runtime import HealthSettings
from monitor.config.secret import Secret
from monitor.config.trouble import Trouble
from monitor.runtime.health import HealthServer, Pulse
from monitor.runtime.metrics import Metrics


@pytest.fixture
def clock() -> Clock:
    return Clock(0.0)


@pytest.fixture
def pulse(clock: Clock) -> Pulse:
    return Pulse(clock, stall_seconds=60)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def server(pulse: Pulse, metrics: Metrics) -> Iterator[HealthServer]:
    with HealthServer(HealthSettings(port=0), pulse, metrics) as running:
        yield running


def ask(server: HealthServer, path: str, authorization: str = "") -> tuple[int, str]:
    headers = {"Authorization": authorization} if authorization else {}
    try:
        with urlopen(Request(f"http://127.0.0.1:{server.port}{path}", headers=headers), timeout=5) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode()


def test_what_others_reach_needs_a_token(pulse: Pulse, metrics: Metrics, tmp_path: Path) -> None:
    for address in ("0.0.0.0", "::", "", "monitor.example.org", "10.0.0.1"):
        with pytest.raises(ValidationError, match="needs a token"):
            HealthSettings(address=address)
    (tmp_path / "token").write_text("open sesame\n")
    settings = HealthSettings(address="0.0.0.0", port=0, token=Secret(file=tmp_path / "token"))
    with HealthServer(settings, pulse, metrics) as server:
        for path in ("/metrics", "/status", "/healthz", "/readyz", "/other"):
            assert ask(server, path)[0] == 401
            assert ask(server, path, "Bearer wrong")[0] == 401
            assert ask(server, path, "Basic open sesame")[0] == 401
        assert ask(server, "/healthz", "Bearer open sesame") == (200, "alive\n")
        assert "sesame" not in ask(server, "/metrics")[1] + repr(settings)


def test_the_probe_of_the_image_shows_the_token(pulse: Pulse, metrics: Metrics, tmp_path: Path) -> None:
    kept = {"file": str(tmp_path / "token")}
    (tmp_path / "token").write_text("open sesame\n")
    probe = Path(__file__).parents[3] / "deploy" / "image" / "healthy"
    with HealthServer(HealthSettings(port=0, token=Secret.model_validate(kept)), pulse, metrics) as server:

        def well(*page: str, token: str = json.dumps(kept)) -> bool:
            asked = {"PROBEWATCH__HEALTH__PORT": str(server.port), "PROBEWATCH__HEALTH__TOKEN": token}
            done = subprocess.run(
                [sys.executable, probe, *page], env=os.environ | asked, check=False, capture_output=True
            )
            return done.returncode == 0

        assert well()
        assert not well("readyz")
        pulse.ready = True
        assert well("readyz")
        assert not well(token="{}")
        assert not well(token='{"file": "/nowhere"}')


def test_healthy_while_polls_return(server: HealthServer, pulse: Pulse, clock: Clock) -> None:
    clock.now = 60
    assert ask(server, "/healthz") == (200, "alive\n")
    clock.now = 61
    assert ask(server, "/healthz") == (503, "no poll has returned for 61 seconds\n")
    pulse.beat()
    assert ask(server, "/healthz")[0] == 200


def test_ready_is_another_question(server: HealthServer, pulse: Pulse) -> None:
    assert ask(server, "/readyz")[0] == 503
    pulse.ready = True
    assert ask(server, "/readyz") == (200, "ready\n")


def test_metrics_are_served(server: HealthServer, metrics: Metrics) -> None:
    metrics.received.inc(3)
    metrics.rejected.labels("not-json").inc()
    status, page = ask(server, "/metrics")
    assert status == 200
    assert "probewatch_records_received_total 3.0" in page
    assert 'probewatch_records_rejected_total{reason="not-json"} 1.0' in page


def test_anything_else_is_not_found(server: HealthServer) -> None:
    assert ask(server, "/etc/passwd")[0] == 404


def test_it_listens_on_loopback_only(server: HealthServer) -> None:
    assert server._server.server_address[0] == "127.0.0.1"


def test_a_taken_port(pulse: Pulse, metrics: Metrics) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Trouble, match=f"cannot listen on 127.0.0.1:{port}") as caught:
            HealthServer(HealthSettings(port=port), pulse, metrics)
    assert caught.value.where == "health.address, health.port"


def test_no_label_is_chosen_by_clients(metrics: Metrics) -> None:
    labels = {
        label for collector in metrics.registry._collector_to_names for label in getattr(collector, "_labelnames", ())
    }
    assert labels <= {"reason", "partition", "how", "outcome", "what", "family", "tier", "status", "sink", "by", "word"}


def test_how_far_learning_has_come_is_served(server: HealthServer, pulse: Pulse) -> None:
    assert ask(server, "/status") == (200, "{}")
    pulse.standings = {"requests-3": [{"model": "m"}]}
    assert ask(server, "/status") == (200, '{"requests-3":[{"model":"m"}]}')

"""The gateways' side of the response feed: the poller against the real page, Envoy's filter in LuaJIT and its settings
by Envoy's own types, NGINX itself."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
import yaml
from services.tools import libraries, tool

from monitor.config.runtime import HealthSettings
from monitor.formats.responses import Page
from monitor.runtime.health import HealthServer, Pulse
from monitor.runtime.metrics import Metrics

RESPOND = Path(__file__).parents[2] / "deploy" / "respond"
LATER, PAST = "2099-01-01T00:00:00.000000Z", "2001-01-01T00:00:00.000000Z"
HOSTILE = ["default", "~.*", 'a"b;c', "back\\slash", "$host", "{", "include /etc/passwd", "ä €"]


def entry(who: str, action: str, expires: str = LATER, **more: str) -> dict[str, str]:
    return {"client": who, "model": "m", "action": action, "expires": expires} | more


@pytest.fixture
def feed() -> Iterator[tuple[str, list[dict[str, str]]]]:
    """The page of the daemon's own server with these entries; which may be changed."""
    found: list[dict[str, str]] = []
    pulse = Pulse(time.monotonic, 60)
    pulse.responses = lambda: Page(f'"{len(found)}"', json.dumps({"entries": found}).encode())
    with HealthServer(HealthSettings(port=0), pulse, Metrics()) as server:
        yield f"http://127.0.0.1:{server.port}/responses", found


def fetch(url: str, *given: str | Path) -> None:
    command = [sys.executable, RESPOND / "fetch.py", "--url", url, "--seconds", "0", *given]
    subprocess.run(command, check=True, timeout=60)


def test_the_strongest_answer_of_each_client_is_written(feed: Any, tmp_path: Path) -> None:
    url, found = feed
    found += [entry("a", "throttle"), entry("a", "block"), entry("b", "label only"), entry("c", "block", PAST)]
    found += [entry("p", "throttle", name="key-1"), entry("bad\nname", "block"), entry("d", "shout")]
    fetch(url, "--nginx", tmp_path / "map", "--lines", tmp_path / "tsv", "--then", f"touch {tmp_path / 'done'}")
    assert (tmp_path / "tsv").read_text() == "a\tblock\nb\tlabel only\nkey-1\tthrottle\n"
    assert (tmp_path / "map").read_text() == '"\\\\a" "block";\n"\\\\b" "label only";\n"\\\\key-1" "throttle";\n'
    assert (tmp_path / "done").exists()
    (tmp_path / "done").unlink()
    fetch(url, "--lines", tmp_path / "tsv", "--then", f"touch {tmp_path / 'done'}")
    assert not (tmp_path / "done").exists(), "nothing has changed"


class Handle:
    """What Envoy hands to the filter, as far as it is used."""

    def __init__(self, lua: Any, **given: str) -> None:
        self.table = lua.table_from({name.replace("_", "-"): value for name, value in given.items()})
        self.made = lua.eval(
            """function(held) local handle = {status = nil}
            function handle:headers() return {
              get = function(_, name) return held[name] end,
              add = function(_, name, value) held[name] = value end,
              remove = function(_, name) held[name] = nil end} end
            function handle:respond(headers, _) handle.status = headers[":status"] end
            return handle end"""
        )(self.table)


def test_envoys_filter_answers_as_the_feed_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lupa = pytest.importorskip("lupa.luajit21")
    lines = {"a": "block", "b": "label only", "c": "challenge", "key 1": "throttle"}
    (tmp_path / "tsv").write_text("".join(f"{who}\t{action}\n" for who, action in lines.items()))
    monkeypatch.setenv("RESPONSES", str(tmp_path / "tsv"))
    lua = lupa.LuaRuntime()
    lua.execute((RESPOND / "respond.lua").read_text())

    def asked(**headers: str) -> tuple[str | None, str | None]:
        handle = Handle(lua, **headers)
        lua.globals().envoy_on_request(handle.made)
        return handle.made.status, handle.table["x-respond"]

    assert asked(x_consumer="a") == ("403", None)
    assert asked(x_consumer="c") == ("401", None)
    assert asked(x_consumer="b") == (None, "label only")
    assert asked(x_consumer="key 1") == (None, "throttle")
    assert asked(x_consumer="stranger", x_respond="forged") == (None, None), "the client's own header is taken away"
    assert asked() == (None, None)


def test_envoys_settings_are_those_of_its_types() -> None:
    route = pytest.importorskip("envoy_data_plane.envoy.config.route.v3")
    from envoy_data_plane.envoy.extensions.filters.http.local_ratelimit.v3 import LocalRateLimit
    from envoy_data_plane.envoy.extensions.filters.http.lua.v3 import Lua

    written = yaml.safe_load((RESPOND / "envoy.yaml").read_text())
    kinds = {"envoy.filters.http.lua": Lua, "envoy.filters.http.local_ratelimit": LocalRateLimit}
    made = {}
    for one in written["http_filters"]:
        body = dict(one["typed_config"])
        assert body.pop("@type").endswith(f".{kinds[one['name']].__name__}")
        made[one["name"]] = kinds[one["name"]].from_dict(body)  # KeyError for a field that Envoy does not know
    limited = [one.key for one in made["envoy.filters.http.local_ratelimit"].descriptors[0].entries]
    actions = route.RateLimit.from_dict(written["rate_limits"][0]).actions
    assert [one.request_headers.descriptor_key for one in actions] == limited
    with pytest.raises(KeyError):
        LocalRateLimit.from_dict({"stat_prefx": "respond"})


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


class _Model(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = self.headers.get("X-Respond", "").encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.mark.deployment
def test_nginx_answers_as_the_feed_says(call: Any, feed: Any, tmp_path: Path) -> None:
    url, found = feed
    found += [entry("a", "block"), entry("b", "label only"), entry("c", "challenge"), entry("key 1", "throttle")]
    found += [entry(who, "block") for who in HOSTILE]
    fetch(url, "--nginx", tmp_path / "responses.map")
    model, port = HTTPServer(("127.0.0.1", 0), _Model), free_port()
    Thread(target=model.serve_forever, daemon=True).start()
    own = (
        (RESPOND / "nginx.conf")
        .read_text()
        .replace("8080", f"127.0.0.1:{port}")
        .replace(":8000", f":{model.server_port}")
    )
    (tmp_path / "respond.conf").write_text(own)
    (tmp_path / "nginx.conf").write_text(
        "daemon off; pid nginx.pid; error_log stderr; events {} http { access_log off; map_hash_bucket_size 128;"
        + "".join(f"{kind}_temp_path {kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        + " include respond.conf; }"
    )
    judged = call("nginx", "-p", tmp_path, "-c", "nginx.conf", "-t")
    assert "test is successful" in judged.stderr, judged.stderr
    variables = os.environ | libraries("nginx")
    running = subprocess.Popen([tool("nginx"), "-p", tmp_path, "-c", "nginx.conf"], env=variables)
    try:

        def asked(who: str) -> tuple[int, str]:
            request = Request(f"http://127.0.0.1:{port}/v1/x", headers={"X-Consumer": who, "X-Respond": "forged"})
            try:
                with urlopen(request, timeout=5) as answer:
                    return answer.status, answer.read().decode()
            except HTTPError as problem:
                return problem.code, ""

        for _ in range(100):
            try:
                asked("stranger")
                break
            except OSError:
                time.sleep(0.1)
        assert [asked(who)[0] for who in ("a", "c")] == [403, 401]
        assert [asked(who)[0] for who in HOSTILE if who.isascii()] == [403] * (len(HOSTILE) - 1)
        assert asked("b") == (200, "label only")
        assert asked("stranger") == (200, "")
        assert {asked("key 1")[0] for _ in range(12)} == {200, 429}
        assert {asked("stranger")[0] for _ in range(12)} == {200}
    finally:
        running.terminate()
        running.wait(10)
        model.shutdown()

"""The pages for monitoring and for `probewatch top` and `tap`, on loopback unless told otherwise."""

from __future__ import annotations

import hmac
import logging
import sys
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType, TracebackType
from typing import Any, Final, Self
from urllib.parse import parse_qs

import orjson

from monitor.config.runtime import HealthSettings
from monitor.config.trouble import Trouble
from monitor.formats.responses import Page
from monitor.runtime.live import Live
from monitor.runtime.metrics import Metrics
from monitor.runtime.tap import Tap

log = logging.getLogger(__name__)

_TEXT: Final = "text/plain; charset=utf-8"
_JSON: Final = "application/json"
_PROMETHEUS: Final = "text/plain; version=0.0.4; charset=utf-8"


class Pulse:
    """Signs of life, written by the loop and read by the health pages. `clock` counts seconds and never goes back."""

    def __init__(self, clock: Callable[[], float], stall_seconds: float) -> None:
        self._clock = clock
        self._stall_seconds = stall_seconds
        self._last = clock()
        self.ready = False
        self.standings: Mapping[str, Any] = {}  # how far learning has come, by partition
        self.responses: Callable[[], Page] | None = None  # what gateways are told; None: nothing
        self.live, self.tap = Live(clock), Tap()
        self.quiet: Mapping[str, Any] = {}  # silences and named kinds of traffic
        self.origins: Mapping[str, Any] = {}  # where state came from, and which stretches of the log were missed

    def beat(self) -> None:
        """A poll has returned, or a batch is done."""
        self._last = self._clock()

    @property
    def silence(self) -> float:
        """Seconds since the last beat."""
        return self._clock() - self._last

    @property
    def alive(self) -> bool:
        """Whether the last beat is recent."""
        return self.silence <= self._stall_seconds


class HealthServer:
    """Serves the pages from a thread of its own, to those who show the token where one is set. `port` is the one that
    was really taken."""

    def __init__(self, settings: HealthSettings, pulse: Pulse, metrics: Metrics) -> None:
        token = None if settings.token is None else settings.token.read()
        try:
            self._server = _Server((settings.address, settings.port), _handler(pulse, metrics, token))
        except OSError as problem:
            raise Trouble(
                what=f"cannot listen on {settings.address}:{settings.port}: {problem.strerror}",
                where="health.address, health.port",
                mend="choose another port, or 0 for any free one",
            ) from None
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, name="health", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A visitor who went away is not worth a word, anything else is; the base class prints to standard error."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            log.exception("a health page failed")


def _handler(pulse: Pulse, metrics: Metrics, token: bytes | None) -> type[BaseHTTPRequestHandler]:
    class Pages(BaseHTTPRequestHandler):
        timeout = 10  # a visitor who says nothing is shown out
        server_version = "probewatch"
        sys_version = ""

        def do_GET(self) -> None:
            match self.path.partition("?")[0]:
                case _ if not shows(self.headers.get("Authorization", ""), token):
                    self._answer(401, _TEXT, b"show the token of health.token: Authorization: Bearer ...\n")
                case "/metrics":
                    self._answer(200, _PROMETHEUS, metrics.page())
                case "/status" | "/state" | "/live" | "/tap" | "/silences":
                    self._answer(200, _JSON, orjson.dumps(tree_of(pulse, self.path)))
                case "/responses" if pulse.responses is not None:
                    self._tagged(pulse.responses())
                case "/healthz" if pulse.alive:
                    self._answer(200, _TEXT, b"alive\n")
                case "/healthz":
                    self._answer(503, _TEXT, f"no poll has returned for {pulse.silence:.0f} seconds\n".encode())
                case "/readyz" if pulse.ready:
                    self._answer(200, _TEXT, b"ready\n")
                case "/readyz":
                    self._answer(503, _TEXT, b"partitions are not assigned and restored yet\n")
                case _:
                    self._answer(
                        404,
                        _TEXT,
                        b"there is /metrics, /status, /live, /state, /silences, /tap, /healthz and /readyz, and "
                        b"/responses with response.page\n",
                    )

        def _tagged(self, page: Page) -> None:
            """The page, or 304 where the visitor has it."""
            headers = {"ETag": page.tag, "Cache-Control": "no-cache"}
            if has(self.headers.get("If-None-Match", ""), page.tag):
                self._answer(304, _JSON, b"", headers)
            else:
                self._answer(200, _JSON, page.body, headers)

        def _answer(self, status: int, kind: str, body: bytes, more: Mapping[str, str] = MappingProxyType({})) -> None:
            self.send_response(status)
            if status == 401:
                self.send_header("WWW-Authenticate", "Bearer")
            for name, value in more.items():
                self.send_header(name, value)
            if status != 304:
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Says nothing: who asks is not worth a line each time."""

    return Pages


def tree_of(pulse: Pulse, path: str) -> Any:
    """What a page of JSON says; one that is asked for a sample waits for it."""
    match path.partition("?")[0]:
        case "/status":
            return dict(pulse.standings)
        case "/state":
            return dict(pulse.origins)
        case "/silences":
            return dict(pulse.quiet)
        case "/tap":
            return pulse.tap.draw(*wish(path))
    return {"ready": pulse.ready, "silent_seconds": round(pulse.silence, 1)} | dict(pulse.live.visit())


def has(asked: str, tag: str) -> bool:
    """Whether a visitor who sent that If-None-Match has the page of that tag (RFC 9110, section 13.1.2).

    >>> has('"a", W/"b"', '"b"'), has("*", '"b"'), has('"a"', '"b"'), has("", '"b"')
    (True, True, False, False)
    """
    known = [one.strip().removeprefix("W/") for one in asked.split(",")]
    return tag in known or known == ["*"]


def wish(path: str) -> tuple[int, float, str | None]:
    """How many records a visitor wants of how many seconds, and of which model.

    >>> wish("/tap?records=5&seconds=2&model=credit"), wish("/tap?records=many")
    ((5, 2.0, 'credit'), (20, 5.0, None))
    """
    given = parse_qs(path.partition("?")[2])
    records, seconds, model = (given.get(name, [""])[-1] for name in ("records", "seconds", "model"))
    plain = seconds.replace(".", "", 1).isdecimal()
    return int(records) if records.isdecimal() else 20, float(seconds) if plain else 5.0, model or None


def shows(authorization: str, token: bytes | None) -> bool:
    """Whether a visitor may come in: nobody asks for a token, or it is the right one (compared in constant time).

    >>> shows("", None), shows("Bearer abc", b"abc"), shows("bearer abc", b"abc"), shows("Bearer ab", b"abc")
    (True, True, True, False)
    """
    scheme, _, given = authorization.partition(" ")
    return token is None or (scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token))

"""Syslog over TLS at a receiver of the test's own, which reads frames as RFC 5425 has them and nothing else."""

from __future__ import annotations

import re
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from certificates import Certificates, certificates
from findings import EXAMPLE, finding, several

from monitor.config.streams import SyslogSettings
from monitor.config.trouble import Trouble
from monitor.formats.cef import render_cef
from monitor.formats.leef import render_leef
from monitor.formats.native import parse
from monitor.sinks.protocol import Outcome
from monitor.sinks.syslog import SyslogSink

HEADER = re.compile(rb"<(\d{1,3})>1 (\S+) (\S+) probewatch - ([a-z-]+) (-|\[.*?[^\\]\]) ")


@dataclass
class Receiver:
    """What came, message by message, and how often somebody connected. `close_after` so many messages it hangs up;
    `stop_reading` leaves everything in the wire."""

    port: int
    messages: list[bytes] = field(default_factory=list)
    connections: int = 0
    close_after: int | None = None
    faults: list[str] = field(default_factory=list)
    got: threading.Condition = field(default_factory=threading.Condition)

    def wait(self, count: int) -> list[bytes]:
        with self.got:
            assert self.got.wait_for(lambda: len(self.messages) >= count, 10), f"{len(self.messages)} of {count} came"
            return list(self.messages)


def read(stream: Any, receiver: Receiver) -> None:
    """Octets are counted: digits, a blank, so many octets; anything else is a fault."""
    while True:
        digits = b""
        while (one := stream.read(1)) not in (b" ", b""):
            digits += one
        if not one:
            return
        if not re.fullmatch(rb"[1-9][0-9]*", digits):
            receiver.faults.append(f"no length: {digits!r}")
            return
        message = stream.read(int(digits))
        with receiver.got:
            receiver.messages.append(message)
            receiver.got.notify_all()
        if receiver.close_after is not None and len(receiver.messages) >= receiver.close_after:
            receiver.close_after = None
            return


@contextmanager
def listening(issued: Certificates | None, *, ask: bool = False) -> Iterator[Receiver]:
    listener = socket.create_server(("127.0.0.1", 0))
    receiver = Receiver(listener.getsockname()[1])
    context = None
    if issued is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(issued.server.certificate, issued.server.key)
        if ask:
            context.load_verify_locations(issued.authority)
            context.verify_mode = ssl.CERT_REQUIRED

    def serve() -> None:
        with suppress(OSError):
            while True:
                plain, _ = listener.accept()
                threading.Thread(target=talk, args=(plain,), daemon=True).start()

    def talk(plain: socket.socket) -> None:
        with suppress(OSError), plain:
            near = plain if context is None else context.wrap_socket(plain, server_side=True)
            receiver.connections += 1
            with near, near.makefile("rb") as stream:
                read(stream, receiver)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


@pytest.fixture(scope="module")
def issued(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certificates(tmp_path_factory.mktemp("certificates"))


def settings(port: int, issued: Certificates | None = None, **more: Any) -> SyslogSettings:
    tls = {} if issued is None else {"tls": {"ca_file": issued.authority}}
    plain = {"encrypt": False} if issued is None else {}
    return SyslogSettings.model_validate(
        {"type": "syslog", "host": "127.0.0.1", "port": port, "timeout_s": 5} | plain | tls | more
    )


def test_messages_arrive_over_tls_each_with_its_octets_counted(issued: Certificates) -> None:
    alerts = several(30)
    with listening(issued) as receiver:
        sink = SyslogSink("siem", settings(receiver.port, issued, hostname="monitor-1"))
        assert {one.verdict for one in sink.send(alerts[:20])} == {"delivered"}
        assert {one.verdict for one in sink.send(alerts[20:])} == {"delivered"}
        messages = receiver.wait(30)
        sink.close()
    assert receiver.faults == []
    assert receiver.connections == 1
    for alert, message in zip(alerts, messages, strict=True):
        head = HEADER.match(message)
        assert head is not None
        priority, at, host, family, data = head.groups()
        assert (priority, host, family, data) == (b"107", b"monitor-1", b"inversion", b"-")
        assert at == b"2026-11-21T10:06:52.123Z"
        assert message[head.end() :].decode() == render_cef(alert)


@pytest.mark.parametrize("form", ["cef", "leef", "native", "syslog"])
def test_every_form_travels_inside(issued: Certificates, form: str) -> None:
    with listening(issued) as receiver:
        sink = SyslogSink("siem", settings(receiver.port, issued, format=form, link="https://k.example/{finding}"))
        assert sink.send([EXAMPLE]) == [Outcome("delivered")]
        [message] = receiver.wait(1)
        sink.close()
    head = HEADER.match(message)
    assert head is not None
    text = message[head.end() :].decode()
    link = f"https://k.example/{EXAMPLE.finding}"
    if form == "native":
        assert parse(text.encode()) == EXAMPLE
    elif form == "syslog":
        assert text.startswith("\ufeffModel inversion")
        assert f'url="{link}"'.encode() in head[5]
    else:
        assert text == {"cef": render_cef, "leef": render_leef}[form](EXAMPLE, link)


def test_both_sides_show_certificates(issued: Certificates) -> None:
    with listening(issued, ask=True) as receiver:
        for who, verdict in ((issued.client, "delivered"), (issued.stranger, "retry"), (None, "retry")):
            own = {} if who is None else {"certificate_file": who.certificate, "key_file": who.key}
            sink = SyslogSink("siem", settings(receiver.port, tls={"ca_file": issued.authority, **own}, encrypt=True))
            first = sink.send([EXAMPLE])[0].verdict
            # TLS 1.3 lets a client without a good certificate write before it hears of it: then the next one fails
            assert verdict in {first, sink.send([EXAMPLE])[0].verdict}
            sink.close()


def test_a_receiver_that_nobody_vouches_for_holds(issued: Certificates) -> None:
    with listening(issued) as receiver:
        sink = SyslogSink("siem", settings(receiver.port, tls={"ca_file": issued.stranger.certificate}, encrypt=True))
        [outcome] = sink.send([EXAMPLE])
        assert (outcome.verdict, receiver.messages) == ("hold", [])
        assert "certificate" in outcome.reason
        unchecked = SyslogSink("siem", settings(receiver.port, tls={"verify": False}, encrypt=True))
        assert unchecked.send([EXAMPLE])[0].verdict == "delivered"
        unchecked.close()


def test_a_receiver_that_hangs_up_in_a_batch_leaves_it_in_doubt_and_gets_it_again(issued: Certificates) -> None:
    alerts = several(400)
    with listening(issued) as receiver:
        receiver.close_after = 3
        sink = SyslogSink("siem", settings(receiver.port, issued, batch=400))
        outcomes = sink.send(alerts)
        assert {(one.verdict, one.doubtful) for one in outcomes} == {("retry", True)}
        assert {one.verdict for one in sink.send(alerts)} == {"delivered"}
        receiver.wait(403)
        sink.close()
    assert receiver.connections == 2


def test_a_connection_that_was_closed_while_we_rested_loses_nothing(issued: Certificates) -> None:
    first, second = several(2)
    with listening(issued) as receiver:
        receiver.close_after = 1
        sink = SyslogSink("siem", settings(receiver.port, issued))
        sink.send([first])
        receiver.wait(1)
        verdicts = [sink.send([second])[0].verdict]
        if verdicts == ["retry"]:  # its end came while we wrote
            verdicts.append(sink.send([second])[0].verdict)
        assert verdicts[-1] == "delivered"
        assert render_cef(second).encode() in receiver.wait(2)[-1]
        sink.close()


def test_a_receiver_that_reads_nothing_is_no_delivery() -> None:
    large = finding(members=tuple(f"c1.{n:016}" for n in range(20_000)))
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        sink = SyslogSink(
            "siem", settings(deaf.getsockname()[1], format="native", message_bytes=1_048_576, timeout_s=0.4)
        )
        [*outcomes] = sink.send([replace(large, revision=n) for n in range(40)])
        sink.close()
    assert {(one.verdict, one.doubtful, one.reason) for one in outcomes} == {("retry", True, "no answer: TimeoutError")}


def test_nobody_there_is_tried_again_and_the_address_is_not_told() -> None:
    with listening(None) as receiver:
        pass
    [outcome] = SyslogSink("siem", settings(receiver.port)).send([EXAMPLE])
    assert (outcome.verdict, outcome.doubtful) == ("retry", True)
    assert str(receiver.port) not in outcome.reason


@pytest.mark.parametrize("networks", [[], ["10.0.0.0/8"]])
def test_addresses_are_judged(networks: list[str]) -> None:
    with listening(None) as receiver:
        [outcome] = SyslogSink("siem", settings(receiver.port, networks=networks)).send([EXAMPLE])
    assert (outcome.verdict, receiver.connections) == ("hold", 0)


def test_what_is_too_long_is_cut_where_it_may_be() -> None:
    many = finding(members=tuple(f"c1.é{n:016}" for n in range(500)))
    with listening(None) as receiver:
        for form in ("cef", "leef", "syslog"):
            sink = SyslogSink("siem", settings(receiver.port, format=form, message_bytes=2_048))
            assert sink.send([many]) == [Outcome("delivered")]
            sink.close()
        for message in receiver.wait(3):
            assert len(message) <= 2_048
            message.decode()
        sink = SyslogSink("siem", settings(receiver.port, format="native", message_bytes=4_096))
        refused, taken = sink.send([many, replace(EXAMPLE, evidence=())])
        sink.close()
        assert (refused.verdict, taken.verdict) == ("refused", "delivered")
        last = receiver.wait(4)[-1]
    assert orjson.loads(last[last.index(b"{") :])["finding"] == EXAMPLE.finding


def test_a_certificate_that_cannot_be_read_is_trouble(tmp_path: Path) -> None:
    with pytest.raises(Trouble, match="certificate cannot be read"):
        SyslogSink("siem", settings(1, tls={"ca_file": tmp_path / "none"}, encrypt=True))

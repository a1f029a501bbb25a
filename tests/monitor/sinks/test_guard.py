"""Where a webhook may lead: looked at when the connection is made, by a real receiver on loopback."""

from __future__ import annotations

import socket
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from findings import EXAMPLE
from loopback import Answer, loopback
from test_webhook import settings

from monitor.sinks.guard import allowed
from monitor.sinks.protocol import Outcome
from monitor.sinks.webhook import WebhookSink

INSIDE = [ip_network("10.0.0.0/8"), ip_network("169.254.0.0/16"), ip_network("0.0.0.0/0"), ip_network("::/0")]


def post(folder: Path, url: str, **more: Any) -> Outcome:
    sink = WebhookSink("hook", settings(folder, url, timeout_s=5, **more))
    [outcome] = sink.send([EXAMPLE])
    sink.close()
    return outcome


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "::1", "10.0.0.1", "192.168.1.1", "fd00::1", "100.64.0.1", "::ffff:127.0.0.1", "2002:7f00:1::"],
)
def test_private_addresses_need_a_setting(address: str) -> None:
    assert not allowed(address)
    assert allowed(address, INSIDE)


@pytest.mark.parametrize(
    "address",
    [
        *("169.254.169.254", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "fd00:ec2::254", "100.100.100.200"),
        *("168.63.129.16", "fe80::1%eth0", "224.0.0.1", "0.0.0.0", "::", "255.255.255.255"),
    ],
)
def test_metadata_services_and_neighbours_are_open_to_no_setting(address: str) -> None:
    assert not allowed(address, INSIDE)


def test_public_addresses_need_nothing() -> None:
    assert allowed("93.184.215.14")
    assert allowed("2606:2800:21f:cb07:6820:80da:af6b:8b2c")


def test_a_receiver_inside_is_not_even_connected_to(tmp_path: Path) -> None:
    with loopback(lambda call: Answer(204)) as server:
        assert post(tmp_path, server.url) == Outcome("delivered")
        outcome = post(tmp_path, server.url, networks=())
        assert outcome == Outcome("hold", "the receiver's address is not public; see the setting `networks`")
        assert len(server.calls) == 1


def test_a_name_is_judged_by_what_it_resolves_to_at_each_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that was harmless when it was first looked up and leads inside afterwards. No name that the machine can
    resolve does that on request, so the resolver is the fake; the sockets are real."""
    looked: list[str] = []
    real = socket.getaddrinfo

    def resolve(host: str, *rest: Any, **more: Any) -> Any:
        looked.append(host)
        leads = {"hook.example.org": ["127.0.0.1", "169.254.169.254", "10.0.0.1"][len(looked) - 1 : len(looked)]}
        return [found for address in leads.get(host, [host]) for found in real(address, *rest, **more)]

    with loopback(lambda call: Answer(204, headers={"connection": "close"})) as server:
        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        sink = WebhookSink("hook", settings(tmp_path, server.url.replace("127.0.0.1", "hook.example.org")))
        verdicts = [sink.send([EXAMPLE])[0].verdict for _ in range(3)]
        sink.close()
    assert verdicts == ["delivered", "hold", "hold"]
    assert looked.count("hook.example.org") == 3
    assert len(server.calls) == 1


def test_a_redirect_to_the_inside_is_not_followed(tmp_path: Path) -> None:
    with loopback(lambda call: Answer(204)) as inside:
        target = {"location": f"{inside.url}/latest/meta-data"}
        with loopback(lambda call: Answer(307, headers=target)) as server:
            outcome = post(tmp_path, server.url)
    assert outcome.verdict == "hold"
    assert "redirects" in outcome.reason
    assert inside.calls == []


def test_names_that_lead_nowhere_are_tried_again(tmp_path: Path) -> None:
    outcome = post(tmp_path, "http://nobody.invalid/hook")
    assert (outcome.verdict, "nobody" in outcome.reason) == ("retry", False)

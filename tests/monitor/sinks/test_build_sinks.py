"""Sinks from settings, and alerts through all of them at once."""

from __future__ import annotations

import io
from base64 import b64encode
from pathlib import Path

import pytest
from findings import several
from loopback import Answer, loopback
from pydantic import TypeAdapter, ValidationError

from monitor.config.sinks import SinkSettings
from monitor.config.trouble import Trouble
from monitor.formats.native import encode
from monitor.sinks.build import build_sinks
from monitor.sinks.delivery import Delivery
from monitor.sinks.outbox import Outbox

SECTIONS: TypeAdapter[dict[str, SinkSettings]] = TypeAdapter(dict[str, SinkSettings])


def test_alerts_reach_every_sink_that_is_set(tmp_path: Path) -> None:
    (tmp_path / "whsec").write_text("whsec_" + b64encode(bytes(32)).decode())
    stdout, alerts = io.BytesIO(), several(7)
    with loopback(lambda call: Answer(204)) as server:
        (tmp_path / "url").write_text(server.url)
        sections = SECTIONS.validate_python(
            {
                "hook": {
                    "type": "webhook",
                    "networks": ["127.0.0.0/8"],
                    "url": {"file": tmp_path / "url"},
                    "secrets": [{"file": tmp_path / "whsec"}],
                },
                "archive": {"type": "file", "path": tmp_path / "alerts.ndjson", "rotate_mib": 64},
                "screen": {"type": "stdout"},
                "search": {"type": "elasticsearch", "hosts": [server.url]},  # which is none: holds its alerts
            }
        )
        outbox = Outbox(tmp_path / "outbox.db", list(sections))
        delivery = Delivery(outbox, build_sinks(sections, stdout))
        delivery.start()
        outbox.accept(alerts)
        left = delivery.drain(30.0)
        delivery.stop()
    lines = b"".join(encode(alert) + b"\n" for alert in alerts)
    assert left == {"hook": 0, "archive": 0, "screen": 0, "search": 7}
    assert outbox.held("search") is not None
    assert (tmp_path / "alerts.ndjson").read_bytes() == stdout.getvalue() == lines
    assert [call.headers["webhook-id"] for call in server.calls if "webhook-id" in call.headers] == [
        alert.id for alert in alerts
    ]
    outbox.close()


@pytest.mark.parametrize(
    ("section", "what"),
    [
        ({"type": "pigeon"}, "does not match any of the expected tags"),
        ({"type": "elasticsearch", "hosts": []}, "at least 1 item"),
        ({"type": "elasticsearch", "hosts": ["search:9200"]}, "an address such as"),
        ({"type": "elasticsearch", "hosts": ["https://u:p@search:9200"]}, "user and password do not belong"),
        ({"type": "elasticsearch", "hosts": ["https://s"], "namespace": "A-B"}, "should match pattern"),
        ({"type": "elasticsearch", "hosts": ["https://s"], "api_key": "abc"}, "a secret stands in a file"),
        (
            {
                "type": "elasticsearch",
                "hosts": ["https://s"],
                "api_key": {"env": "K"},
                "basic": {"user": "u", "password": {"env": "P"}},
            },
            "not both",
        ),
        ({"type": "webhook", "url": {"env": "U"}, "secrets": []}, "at least 1 item"),
        ({"type": "file", "path": "a", "rotate_mib": 0}, "greater than 0"),
        ({"type": "stdout", "colour": True}, "not permitted"),
    ],
)
def test_settings_that_cannot_be_are_refused(section: dict[str, object], what: str) -> None:
    with pytest.raises(ValidationError, match=what):
        SECTIONS.validate_python({"one": section})


def test_a_secret_that_is_missing_is_trouble(tmp_path: Path) -> None:
    key = {"file": tmp_path / "none"}
    sections = SECTIONS.validate_python({"one": {"type": "elasticsearch", "hosts": ["https://s"], "api_key": key}})
    with pytest.raises(Trouble, match="cannot be read"):
        build_sinks(sections)

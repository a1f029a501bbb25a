"""A wire to a search server of the tests, as `probewatch siem` has it."""

from __future__ import annotations

from typing import Any

from monitor.config.sinks import ElasticsearchSettings
from monitor.siem.wire import Wire


def settings(address: str, **more: Any) -> ElasticsearchSettings:
    """Settings of a sink there; `more` holds secrets and certificates."""
    given = {"type": "elasticsearch", "hosts": [address], "timeout_s": 60, **more}
    return ElasticsearchSettings.model_validate(given)


def wire(address: str, **more: Any) -> Wire:
    """A wire to a server at that address."""
    return Wire(settings(address, **more))

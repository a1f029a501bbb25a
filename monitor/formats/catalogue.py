"""All forms of a finding by name, so that a sink chooses one in the settings."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, Protocol

from monitor.alerts.finding import Finding
from monitor.formats.alertmanager import render_alertmanager
from monitor.formats.asim import render_asim
from monitor.formats.cef import render_cef
from monitor.formats.ecs import render_ecs
from monitor.formats.gelf import render_gelf
from monitor.formats.leef import render_leef
from monitor.formats.native import Json, render
from monitor.formats.ocsf import render_ocsf
from monitor.formats.otel import render_otel
from monitor.formats.pagerduty import render_pagerduty
from monitor.formats.slack import render_slack
from monitor.formats.syslog import render_syslog
from monitor.formats.teams import render_teams


class Renderer(Protocol):
    """Makes one form of a revision: a tree of plain values that is valid JSON, or a line of text without a break.

    `link` leads to the finding in the tool that keeps it; None where there is no such page.
    """

    def __call__(self, finding: Finding, link: str | None = None) -> Any:
        """The form; the same finding gives the same form."""


def _native(finding: Finding, link: str | None = None) -> Json:
    """Without the link: the native form is the finding alone."""
    return render(finding)


def _ecs(finding: Finding, link: str | None = None) -> Json:
    document = render_ecs(finding)
    return document if link is None else document | {"event": document["event"] | {"url": link}}


RENDERERS: Final[Mapping[str, Renderer]] = MappingProxyType(
    {
        "native": _native,
        "ecs": _ecs,
        "ocsf": render_ocsf,
        "asim": render_asim,
        "cef": render_cef,
        "leef": render_leef,
        "gelf": render_gelf,
        "syslog": render_syslog,
        "alertmanager": render_alertmanager,
        "pagerduty": render_pagerduty,
        "slack": render_slack,
        "teams": render_teams,
        "otel": render_otel,
    }
)

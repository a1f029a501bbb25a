"""Sinks for people's chats: Slack by an incoming webhook, Microsoft Teams by a webhook of Workflows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from monitor.alerts.finding import Finding
from monitor.config.targets import SlackSettings, TeamsSettings
from monitor.formats.slack import render_slack
from monitor.formats.teams import MOST as TEAMS_MOST
from monitor.formats.teams import render_teams
from monitor.sinks.answers import Rule
from monitor.sinks.form import Form
from monitor.sinks.http import JSON, Http, HttpSink, Reply, Request
from monitor.sinks.protocol import Outcome
from monitor.sinks.webhook import secret_address

_SLACK_MOST: Final = 100_000  # bytes; the blocks have ceilings of their own, which lie below
_SLACK: Final = (
    Rule((403,), "hold", "Slack forbids the webhook"),
    Rule((404, 410), "hold", "the webhook or its channel is gone; make another"),
)
_TEAMS: Final = (
    Rule((401, 403), "hold", "the flow refuses us; is its owner still there?"),
    Rule((404, 410), "hold", "the flow is gone; make another"),
)


class SlackSink(HttpSink):
    """One message for each alert."""

    def __init__(self, name: str, settings: SlackSettings) -> None:
        """Trouble where the address cannot be read."""
        form = Form(render_slack, settings.link)
        super().__init__(name, Http(settings), _Room(name, settings, form, _SLACK_MOST, _SLACK))


class TeamsSink(HttpSink):
    """One card for each alert."""

    def __init__(self, name: str, settings: TeamsSettings) -> None:
        """Trouble where the address cannot be read."""
        form = Form(render_teams, settings.link)
        super().__init__(name, Http(settings), _Room(name, settings, form, TEAMS_MOST, _TEAMS))


class _Room:
    max_batch: int = 1

    def __init__(
        self, name: str, settings: SlackSettings | TeamsSettings, form: Form, max_bytes: int, rules: Sequence[Rule]
    ) -> None:
        self.max_bytes = max_bytes
        self._name, self._settings, self._form, self._rules = name, settings, form, rules
        secret_address(name, settings.url)

    def item(self, alert: Finding) -> bytes:
        """The message."""
        return self._form.line(alert)

    def request(self, alerts: Sequence[Finding], items: Sequence[bytes]) -> Request:
        """To the address as it is now."""
        return Request(secret_address(self._name, self._settings.url), items[0], {"content-type": JSON})

    def heard(self, reply: Reply, count: int) -> list[Outcome]:
        """By the status alone."""
        return [reply.meant(self._rules)] * count

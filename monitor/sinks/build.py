"""Makes the sinks that the settings name, and the policy of each."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import BinaryIO, Final, assert_never

from elasticsearch import Elasticsearch

from monitor.alerts.finding import Finding
from monitor.config.sinks import (
    ElasticsearchSettings,
    FileSettings,
    SinkSettings,
    StdoutSettings,
)
from monitor.config.streams import KafkaSinkSettings, SyslogSettings
from monitor.config.targets import (
    AlertmanagerSettings,
    OpenSearchSettings,
    PagerDutySettings,
    SentinelSettings,
    SlackSettings,
    SplunkSettings,
    TeamsSettings,
    WebhookSettings,
)
from monitor.sinks.alertmanager import AlertmanagerSink
from monitor.sinks.chat import SlackSink, TeamsSink
from monitor.sinks.client import connect, looking
from monitor.sinks.elasticsearch import ElasticsearchSink
from monitor.sinks.form import Form
from monitor.sinks.kafka import KafkaSink
from monitor.sinks.ndjson import FileSink, StdoutSink
from monitor.sinks.opensearch import OpenSearchSink
from monitor.sinks.pagerduty import PagerDutySink
from monitor.sinks.policy import Policy
from monitor.sinks.protocol import Sink
from monitor.sinks.rotation import Rotation
from monitor.sinks.sentinel import SentinelSink
from monitor.sinks.splunk import SplunkSink
from monitor.sinks.syslog import SyslogSink
from monitor.sinks.webhook import WebhookSink

_MEBIBYTE: Final = 1024 * 1024
_HOUR: Final = 3_600.0


def build_sinks(settings: Mapping[str, SinkSettings], stdout: BinaryIO | None = None) -> list[Sink]:
    """One sink for each section, under its name; `stdout` stands for the standard output where it is given.

    Nothing is sent yet. Trouble where a secret cannot be read or is not what it should be.
    """
    stream = sys.stdout.buffer if stdout is None else stdout
    return [build_sink(name, section, stream) for name, section in settings.items()]


def build_policies(
    settings: Mapping[str, SinkSettings], mine: Callable[[Finding], bool] = lambda _: True
) -> dict[str, Policy]:
    """What each sink is told, by its name. `mine` says whether a finding is of a partition that this process reads."""
    return {
        name: Policy(section, keeps=isinstance(section, AlertmanagerSettings), mine=mine)
        for name, section in settings.items()
    }


def build_sink(name: str, settings: SinkSettings, stdout: BinaryIO) -> Sink:
    """The sink of one section."""
    match settings:
        case ElasticsearchSettings():
            return _elasticsearch(name, settings)
        case OpenSearchSettings():
            return OpenSearchSink(name, settings)
        case SplunkSettings():
            return SplunkSink(name, settings)
        case SentinelSettings():
            return SentinelSink(name, settings)
        case SyslogSettings():
            return SyslogSink(name, settings)
        case KafkaSinkSettings():
            return KafkaSink(name, settings)
        case AlertmanagerSettings():
            return AlertmanagerSink(name, settings)
        case PagerDutySettings():
            return PagerDutySink(name, settings)
        case SlackSettings():
            return SlackSink(name, settings)
        case TeamsSettings():
            return TeamsSink(name, settings)
        case WebhookSettings():
            return WebhookSink(name, settings)
        case FileSettings():
            return FileSink(name, settings.path, _rotation(settings), Form.named(settings.format, settings.link))
        case StdoutSettings():
            return StdoutSink(name, stdout, Form.named(settings.format, settings.link))
        case _:
            assert_never(settings)


def _elasticsearch(name: str, settings: ElasticsearchSettings) -> ElasticsearchSink:
    client, lookups = _clients(settings)
    return ElasticsearchSink(
        name, client, settings.namespace, settings.batch, lookups, lambda: _clients(settings), settings.link
    )


def _rotation(settings: FileSettings) -> Rotation:
    size, hours = settings.rotate_mib, settings.rotate_hours
    return Rotation(
        None if size is None else int(size * _MEBIBYTE),
        None if hours is None else hours * _HOUR,
        settings.keep,
        settings.compress,
    )


def _clients(settings: ElasticsearchSettings) -> tuple[Elasticsearch, Elasticsearch | None]:
    """What writes alerts, and what looks them up where that has a key of its own."""
    return connect(settings), looking(settings)

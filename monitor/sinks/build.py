"""Makes the sinks that the settings name."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import BinaryIO, Final

from elasticsearch import Elasticsearch

from monitor.config.sinks import (
    ElasticsearchSettings,
    FileSettings,
    SinkSettings,
    StdoutSettings,
    WebhookSettings,
)
from monitor.sinks.client import connect, looking
from monitor.sinks.elasticsearch import ElasticsearchSink
from monitor.sinks.ndjson import FileSink, StdoutSink
from monitor.sinks.protocol import Sink
from monitor.sinks.webhook import WebhookSink

_MEBIBYTE: Final = 1024 * 1024


def build_sinks(settings: Mapping[str, SinkSettings], stdout: BinaryIO | None = None) -> list[Sink]:
    """One sink for each section, under its name; `stdout` stands for the standard output where it is given.

    Nothing is sent yet. Trouble where a secret cannot be read or is not what it should be.
    """
    stream = sys.stdout.buffer if stdout is None else stdout
    return [build_sink(name, section, stream) for name, section in settings.items()]


def build_sink(name: str, settings: SinkSettings, stdout: BinaryIO) -> Sink:
    """The sink of one section."""
    match settings:
        case ElasticsearchSettings():
            client, lookups = _clients(settings)
            return ElasticsearchSink(
                name, client, settings.namespace, settings.batch, lookups, lambda: _clients(settings)
            )
        case WebhookSettings():
            return WebhookSink(name, settings)
        case FileSettings(path=path, rotate_mib=size):
            return FileSink(name, path, None if size is None else int(size * _MEBIBYTE))
        case StdoutSettings():
            return StdoutSink(name, stdout)


def _clients(settings: ElasticsearchSettings) -> tuple[Elasticsearch, Elasticsearch | None]:
    """What writes alerts, and what looks them up where that has a key of its own."""
    return connect(settings), looking(settings)

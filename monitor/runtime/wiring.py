"""From settings to parts: the source and the sinks that they name."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from monitor.config.settings import SourceSettings
from monitor.config.sinks import ElasticsearchSettings, FileSettings, SinkSettings, StdoutSettings, WebhookSettings
from monitor.config.trouble import Trouble
from monitor.sinks.ndjson import FileSink, StdoutSink
from monitor.sinks.protocol import Sink
from monitor.sources.files import FileSource
from monitor.sources.protocol import Source

_MEBIBYTE = 1 << 20


def open_source(settings: SourceSettings) -> Source:
    """The source that is set; Trouble where there is none, or it cannot be opened."""
    if settings.kafka is not None:
        from monitor.sources.kafka import KafkaSource

        return KafkaSource(settings.kafka)
    if settings.files is not None:
        return FileSource(settings.files)
    raise Trouble(
        what="no source is set",
        where="source.kafka, source.files",
        mend="say where the query logs come from: brokers and topics of source.kafka, or paths of source.files",
    )


def open_sinks(settings: Mapping[str, SinkSettings]) -> list[Sink]:
    """The sinks that are set, in the order of the settings; nothing is sent yet."""
    return [_sink(name, one) for name, one in settings.items()]


def _sink(name: str, settings: SinkSettings) -> Sink:
    match settings:
        case FileSettings():
            rotate = None if settings.rotate_mib is None else int(settings.rotate_mib * _MEBIBYTE)
            return FileSink(name, settings.path, rotate)
        case StdoutSettings():
            return StdoutSink(name, sys.stdout.buffer)
        case ElasticsearchSettings():
            from monitor.sinks.client import connect
            from monitor.sinks.elasticsearch import ElasticsearchSink

            return ElasticsearchSink(name, connect(settings), settings.namespace, settings.batch)
        case WebhookSettings():
            raise NotImplementedError(f"{settings.type}")

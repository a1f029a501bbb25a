"""From settings to the source that they name."""

from __future__ import annotations

from monitor.config.settings import SourceSettings
from monitor.config.trouble import Trouble
from monitor.sources.files import FileSource
from monitor.sources.protocol import Source


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

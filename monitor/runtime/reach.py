"""Whether a sink's far side can be reached; nothing is sent there that would be taken for an alert."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from monitor.config.secret import Secret
from monitor.config.sinks import ElasticsearchSettings, FileSettings, SinkSettings, StdoutSettings
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
from monitor.config.transport import HttpSettings, Network, address_problem
from monitor.config.trouble import Trouble

_PORTS: Final = {"http": 80, "https": 443}


def reached(settings: SinkSettings, connect: bool) -> str:
    """What is to be said of a sink. With `connect` its far side is connected to. Trouble where something is wrong."""
    if connect or not isinstance(settings, ElasticsearchSettings):  # whose keys are read when it is connected to
        for secret in _secrets(settings):
            secret.read()
    match settings:
        case FileSettings():
            return f"file {settings.path}"
        case StdoutSettings():
            return "standard output"
        case ElasticsearchSettings():
            return _elasticsearch(settings) if connect else "Elasticsearch, not connected"
        case KafkaSinkSettings():
            return _kafka(settings) if connect else f"Kafka topic {settings.topic}, not connected"
        case SyslogSettings():
            return _listens(settings.type, settings.host, settings.port, settings.networks, settings.timeout_s, connect)
        case _:
            return _http(settings, connect)


def _secrets(settings: SinkSettings) -> Iterator[Secret]:
    """Every secret of a section."""
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        found = value if isinstance(value, tuple) else (value, getattr(value, "password", None))
        yield from (one for one in found if isinstance(one, Secret))


Http = (
    WebhookSettings
    | SplunkSettings
    | SentinelSettings
    | AlertmanagerSettings
    | PagerDutySettings
    | SlackSettings
    | TeamsSettings
    | OpenSearchSettings
)


def _addresses(settings: Http) -> list[tuple[str, str]]:
    """Where the sink sends to, each with what may be said of where that comes from: some addresses are secrets."""
    match settings:
        case WebhookSettings(url=url) | SlackSettings(url=url) | TeamsSettings(url=url):
            return [(url.text().strip(), url.place)]
        case SentinelSettings():
            return [(settings.endpoint, settings.endpoint), (settings.login, settings.login)]
        case AlertmanagerSettings(urls=several) | OpenSearchSettings(hosts=several):
            return [(one, one) for one in several]
        case _:
            return [(settings.url, settings.url)]


def _http(settings: Http, connect: bool) -> str:
    told = ""
    for address, place in _addresses(settings):
        problem = address_problem(address)
        if problem is not None:
            raise Trouble(what=f"the address: {problem}", where=place, mend="write it so")
        told = _answers(settings, address, place, connect)
    return told


def _answers(settings: HttpSettings, address: str, place: str, connect: bool) -> str:
    kind = str(getattr(settings, "type", "http"))
    way = urlsplit(address if settings.proxy is None else settings.proxy)
    port = way.port or _PORTS[way.scheme]
    if settings.proxy is None:
        return _listens(kind, way.hostname or "", port, settings.networks, settings.timeout_s, connect, place)
    if connect:
        try:
            socket.create_connection((way.hostname or "", port), settings.timeout_s).close()
        except OSError as problem:
            raise _unreached(kind, place, problem) from None
    return f"{kind}, {'the proxy listens' if connect else 'not connected'}"


def _listens(
    kind: str, host: str, port: int, networks: tuple[Network, ...], seconds: float, connect: bool, place: str = ""
) -> str:
    from monitor.sinks.guard import Forbidden, dial

    if not connect:
        return f"{kind}, not connected"
    where = place or f"{host}:{port}"
    try:
        dial(host, port, networks, seconds).close()
    except Forbidden:
        raise Trouble(
            what="the receiver's address is not public",
            where=where,
            mend="give another address, or name its network in the sink's `networks`",
        ) from None
    except (OSError, ValueError) as problem:
        raise _unreached(kind, where, problem) from None
    return f"{kind}, something listens"


def _unreached(kind: str, where: str, problem: Exception) -> Trouble:
    return Trouble(
        what=f"the {kind} cannot be reached: {type(problem).__name__}",
        where=where,
        mend="check the address, the proxy and the network",
    )


def _kafka(settings: KafkaSinkSettings) -> str:
    import kafka
    import kafka.errors

    from monitor.config.brokers import security

    try:
        consumer = kafka.KafkaConsumer(
            bootstrap_servers=list(settings.brokers),
            client_id=settings.client_id,
            bootstrap_timeout_ms=int(settings.timeout_s * 1000),
            allow_auto_create_topics=False,
            **security(settings.encryption, settings.login),
        )
        try:
            partitions = consumer.partitions_for_topic(settings.topic)
        finally:
            consumer.close(autocommit=False)
    except kafka.errors.KafkaError as problem:
        raise _unreached("brokers", ", ".join(settings.brokers), problem) from None
    if not partitions:
        raise Trouble(
            what=f"there is no topic {settings.topic}, or we may not see it",
            where=f"brokers {', '.join(settings.brokers)}",
            mend="create it, allow our user to write to it, or correct its name",
        )
    return f"Kafka, {settings.topic} ({len(partitions)} partitions)"


def _elasticsearch(settings: ElasticsearchSettings) -> str:
    from elastic_transport import TransportError
    from elasticsearch import ApiError

    from monitor.sinks.bulk import stream_name
    from monitor.sinks.client import connect, looking

    stream = stream_name(settings.namespace)
    keyed = looking(settings)
    client = connect(settings) if keyed is None else keyed
    try:
        there = bool(client.search(index=stream, size=0, ignore_unavailable=True)["_shards"]["total"])
    except ApiError as problem:
        if problem.status_code == 403 and keyed is None:  # what a key that may only write is told
            return f"Elasticsearch answers; without `lookup_key` an alert can come twice over a rollover of {stream}"
        raise _no_answer(settings, f"Elasticsearch answered {problem.status_code}") from None
    except TransportError as problem:
        raise _no_answer(settings, f"no answer: {type(problem).__name__}") from None
    finally:
        client.close()
    if not there:
        raise Trouble(
            what=f"there is no data stream {stream}", where="Elasticsearch", mend="run `probewatch siem install`"
        )
    return f"Elasticsearch answers, {stream} is there"


def _no_answer(settings: ElasticsearchSettings, what: str) -> Trouble:
    return Trouble(
        what=what, where=", ".join(settings.hosts), mend="check hosts, certificates, and the API key or password"
    )

"""The Elasticsearch client with our settings: no retries of its own, because the delivery decides about them."""

from __future__ import annotations

from typing import Any

from elasticsearch import Elasticsearch

from monitor.config.sinks import ElasticsearchSettings


def connect(settings: ElasticsearchSettings) -> Elasticsearch:
    """A client; nothing is sent yet. Trouble where a secret cannot be read."""
    options: dict[str, Any] = {}
    if settings.api_key is not None:
        options["api_key"] = settings.api_key.text()
    if settings.basic is not None:
        options["basic_auth"] = (settings.basic.user, settings.basic.password.text())
    if any(host.startswith("https:") for host in settings.hosts):
        options |= _tls(settings)
    return Elasticsearch(
        list(settings.hosts),
        request_timeout=settings.timeout_s,
        max_retries=0,
        retry_on_timeout=False,
        http_compress=True,
        connections_per_node=2,
        **options,
    )


def _tls(settings: ElasticsearchSettings) -> dict[str, Any]:
    tls = settings.tls
    files = {"ca_certs": tls.ca_file, "client_cert": tls.certificate_file, "client_key": tls.key_file}
    given = {key: str(path) for key, path in files.items() if path is not None}
    return given if tls.verify else given | {"verify_certs": False}


def looking(settings: ElasticsearchSettings) -> Elasticsearch | None:
    """A client with the key for looking alerts up; None where there is none of its own. Trouble as `connect`."""
    apart = for_lookups(settings)
    return None if apart is None else connect(apart)


def for_lookups(settings: ElasticsearchSettings) -> ElasticsearchSettings | None:
    """The settings with the key for looking alerts up in place of the other; None where there is none of its own."""
    if settings.lookup_key is None:
        return None
    return settings.model_copy(update={"api_key": settings.lookup_key, "basic": None})

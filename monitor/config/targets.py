"""Sinks that are spoken to over HTTP."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from monitor.config.delivery import DeliverySettings, LinkedSettings, PeopleSettings
from monitor.config.secret import Secret
from monitor.config.transport import Address, BasicAuth, HouseSettings, HttpSettings

TreeForm = Literal["native", "ecs", "ocsf", "asim", "gelf", "otel"]
Uuid = r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"


class WebhookSettings(DeliverySettings, LinkedSettings, HttpSettings):
    """A receiver of signed webhooks (Standard Webhooks 1.0.0), one request for each alert."""

    type: Literal["webhook"]
    """This kind of sink."""

    url: Secret
    """Where the receiver's address is kept. It counts as a secret, because such addresses often carry a token."""

    secrets: tuple[Secret, ...] = Field(min_length=1)
    """Where the signing secrets are kept, each `whsec_` and Base64 of 24 to 64 bytes. While one is being exchanged for
    another, give both: each request then carries a signature by either."""

    format: Literal[
        "native", "ecs", "ocsf", "asim", "cef", "leef", "gelf", "syslog", "alertmanager", "pagerduty", "slack", "teams",
        "otel",
    ] = "native"  # fmt: skip
    """The form of an alert. `native` stands in an envelope that says what has happened; every other form is the whole
    body."""

    token: Secret | None = None
    """Where a token is kept that goes along as `Authorization: Bearer ...`; without it none does."""

    compress: bool = False
    """Whether bodies are compressed with gzip. The signature is that of the compressed bytes."""


class SplunkSettings(DeliverySettings, LinkedSettings, HouseSettings):
    """The HTTP Event Collector of Splunk."""

    type: Literal["splunk"]
    """This kind of sink."""

    url: Address
    """Address of the collector, such as `https://splunk.example.org:8088`."""

    token: Secret
    """Where the collector's token is kept."""

    format: TreeForm = "native"
    """The form of an event."""

    index: str | None = Field(default=None, pattern=r"^[a-z0-9_][a-z0-9_-]{0,79}$")
    """The index; without it that of the token."""

    sourcetype: str = Field(default="probewatch:finding", min_length=1, max_length=255)
    """The source type of events."""

    acknowledge: bool = True
    """Whether an alert counts as delivered only once the indexer has acknowledged it. The token has to have
    acknowledgements switched on, which Splunk Cloud does not offer; without them a crash of Splunk can lose alerts."""

    acknowledge_seconds: float = Field(default=30.0, gt=0, le=50)
    """Seconds that the indexer may take; then the alerts are sent again."""

    compress: bool = True
    """Whether bodies are compressed with gzip."""

    batch: int = Field(default=200, ge=1, le=5_000)
    """Alerts in one request, at most."""

    batch_bytes: int = Field(default=800_000, ge=10_000, le=50_000_000)
    """Bytes of one request before compression, at most."""


class SentinelSettings(DeliverySettings, LinkedSettings, HttpSettings):
    """A table of Microsoft Sentinel, through the Logs Ingestion API."""

    type: Literal["sentinel"]
    """This kind of sink."""

    endpoint: Address
    """The data collection endpoint (or the logs ingestion address of the rule), such as
    `https://probewatch-a1b2.westeurope-1.ingest.monitor.azure.com`."""

    rule: str = Field(pattern=r"^dcr-[0-9a-f]{32}$")
    """Immutable id of the data collection rule, `dcr-` and 32 hexadecimal digits."""

    stream: str = Field(default="Custom-Probewatch", pattern=r"^[A-Za-z0-9_-]{1,120}$")
    """Stream of the rule."""

    tenant: str = Field(pattern=Uuid)
    """Id of the directory (tenant)."""

    client_id: str = Field(pattern=Uuid)
    """Id of the application, which needs the role Monitoring Metrics Publisher on the rule."""

    client_secret: Secret
    """Where the application's secret is kept."""

    login: Address = "https://login.microsoftonline.com"
    """Where tokens are given out; other clouds have another."""

    scope: str = Field(default="https://monitor.azure.com/.default", min_length=1, max_length=200)
    """What the token is for; other clouds have another."""

    format: TreeForm = "asim"
    """The form of a row."""

    compress: bool = True
    """Whether bodies are compressed with gzip."""

    batch: int = Field(default=200, ge=1, le=5_000)
    """Alerts in one request, at most; a request has a megabyte at most, before compression."""


class AlertmanagerSettings(PeopleSettings, LinkedSettings, HouseSettings):
    """Prometheus Alertmanager, API v2. Open findings are sent again until they have closed."""

    type: Literal["alertmanager"]
    """This kind of sink."""

    urls: tuple[Address, ...] = Field(min_length=1)
    """Addresses of all Alertmanagers of the cluster: each of them is told of everything, as they do not tell each
    other. One that answers is enough for an alert to count as delivered."""

    token: Secret | None = None
    """Where a token is kept that goes along as `Authorization: Bearer ...`."""

    basic: BasicAuth | None = None
    """User and password, where there is no token."""

    repeat_minutes: float = Field(default=0.0, ge=0, le=43_200)
    """Minutes for which an update of a finding is not told, unless its severity rises or it closes. How often people
    hear of it is Alertmanager's `repeat_interval`. 0 tells every revision."""

    resend_minutes: float = Field(default=5.0, ge=0.05, le=1_440)
    """Minutes between two times that an open finding is sent."""

    valid_minutes: float = Field(default=30.0, ge=0.1, le=10_080)
    """Minutes after which Alertmanager takes an open finding for resolved where we have not sent it again."""

    @model_validator(mode="after")
    def _in_time(self) -> Self:
        if self.valid_minutes < 2 * self.resend_minutes:
            raise ValueError("valid_minutes should be at least twice resend_minutes")
        return self


class PagerDutySettings(PeopleSettings, LinkedSettings, HttpSettings):
    """Incidents of PagerDuty, Events API v2: one for each finding, resolved when it closes."""

    type: Literal["pagerduty"]
    """This kind of sink."""

    url: Address = "https://events.pagerduty.com"
    """Where events go; that of the European region is `https://events.eu.pagerduty.com`."""

    routing_key: Secret
    """Where the integration key of the service is kept."""

    per_minute: int | None = Field(default=60, ge=1, le=100_000)
    """Alerts in one minute, at most; without it, as many as there are."""


class ChatSettings(PeopleSettings, LinkedSettings, HttpSettings):
    """What both chats have."""

    url: Secret
    """Where the address of the incoming webhook is kept, which is a secret."""

    per_minute: int | None = Field(default=20, ge=1, le=100_000)
    """Alerts in one minute, at most; without it, as many as there are."""

    over: Literal["hold", "fold"] = "fold"
    """What becomes of alerts beyond `per_minute`: `hold` lets them wait for the next minute, `fold` does not tell them,
    counts them, and says so in the next one that is told. The end of a finding that was told is never folded."""


class SlackSettings(ChatSettings):
    """A channel of Slack, by an incoming webhook."""

    type: Literal["slack"]
    """This kind of sink."""


class TeamsSettings(ChatSettings):
    """A channel of Microsoft Teams, by a webhook of Workflows."""

    type: Literal["teams"]
    """This kind of sink."""


class OpenSearchSettings(DeliverySettings, LinkedSettings, HouseSettings):
    """A data stream of OpenSearch 3.x, as ECS documents, each exactly once."""

    type: Literal["opensearch"]
    """This kind of sink."""

    hosts: tuple[Address, ...] = Field(min_length=1)
    """Addresses of the nodes, as `https://search.example.org:9200`. Where one does not answer, the next is asked."""

    namespace: str = Field(default="default", pattern=r"^[a-z0-9_.]{1,100}$")
    """Last part of the data stream's name, `logs-probewatch.alert-NAMESPACE`."""

    basic: BasicAuth | None = None
    """User and password."""

    token: Secret | None = None
    """Where a token is kept that goes along as `Authorization: Bearer ...`, in place of user and password."""

    timeout_s: float = Field(default=30.0, gt=0, le=120)
    """Seconds to wait for an answer."""

    compress: bool = True
    """Whether bodies are compressed with gzip."""

    batch: int = Field(default=500, ge=1, le=5_000)
    """Alerts sent in one request, at most."""

    batch_bytes: int = Field(default=5_000_000, ge=10_000, le=100_000_000)
    """Bytes of one request before compression, at most."""

    @model_validator(mode="after")
    def _one_identity(self) -> Self:
        if self.token is not None and self.basic is not None:
            raise ValueError("give a token or a user with a password, not both")
        return self

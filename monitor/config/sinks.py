"""Where alerts go: the outbox that keeps them, and one section per sink."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, Field, model_validator

from monitor.config.delivery import DeliverySettings, LinkedSettings
from monitor.config.secret import Secret
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
from monitor.config.transport import CONFIG, Address, BasicAuth, TlsSettings

LineForm = Literal["native", "ecs", "ocsf", "asim", "cef", "leef", "gelf", "syslog", "otel"]


class OutboxSettings(BaseModel):
    """How much the outbox keeps. Alerts that have not been delivered are never dropped."""

    model_config = CONFIG

    waiting: int = Field(default=100_000, ge=1, le=10_000_000)
    """Alerts that may wait for one sink; beyond that reading stops until the sink takes them again."""

    days: float = Field(default=180.0, gt=0, le=3_650)
    """Days for which delivered alerts are kept, for `alerts list`, and known as delivered."""

    alerts: int = Field(default=1_000_000, ge=1_000, le=100_000_000)
    """Delivered alerts that are kept, at most; the oldest leave first."""

    letters: int = Field(default=100_000, ge=1, le=10_000_000)
    """Dead letters that are kept, at most; the oldest leave first, and are counted."""

    letters_key: Secret | None = None
    """Where a key is kept, 32 bytes or more in base64 or hexadecimal digits (`openssl rand -base64 32`). With it the
    bytes of records that could not be read are kept with their dead letters, encrypted (AES-256-GCM). Without it no
    byte of them is kept."""

    letters_bytes: int = Field(default=65_536, ge=1, le=16_777_216)
    """Bytes of one such record that are kept, at most; of a longer one none are."""


class ElasticsearchSettings(DeliverySettings, LinkedSettings):
    """A data stream of Elasticsearch 8.14 or later, as ECS documents."""

    type: Literal["elasticsearch"]
    """This kind of sink."""

    hosts: tuple[Address, ...] = Field(min_length=1)
    """Addresses of the nodes, such as `https://search.example.org:9200`."""

    namespace: str = Field(default="default", pattern=r"^[a-z0-9_.]{1,100}$")
    """Last part of the data stream's name, `logs-probewatch.alert-NAMESPACE`."""

    api_key: Secret | None = None
    """Where the API key is kept, in its encoded form. `probewatch siem install --api-key` makes one that can write
    alerts and do nothing else."""

    lookup_key: Secret | None = None
    """Where the API key is kept that looks up which alerts are there already (`siem install --lookup-key`). Without it
    `api_key` or `basic` is used for that too; where that may write alone, an alert can come twice over a rollover."""

    basic: BasicAuth | None = None
    """User and password, where there is no API key."""

    tls: TlsSettings = TlsSettings()
    """Certificates."""

    timeout_s: float = Field(default=30.0, gt=0, le=600)
    """Seconds to wait for an answer."""

    batch: int = Field(default=500, ge=1, le=5_000)
    """Alerts sent in one request, at most."""

    @model_validator(mode="after")
    def _one_identity(self) -> ElasticsearchSettings:
        if self.api_key is not None and self.basic is not None:
            raise ValueError("give an API key or a user with a password, not both")
        return self


class FileSettings(DeliverySettings, LinkedSettings):
    """A file to which alerts are appended, one a line."""

    type: Literal["file"]
    """This kind of sink."""

    path: Path
    """The file."""

    format: LineForm = "native"
    """The form of a line."""

    rotate_mib: float | None = Field(default=None, gt=0)
    """Mebibytes after which the file is set aside with a number at its end; without it the file grows."""

    rotate_hours: float | None = Field(default=None, gt=0, le=8_784)
    """Hours after which the file is set aside, counted from its first line; without it, none."""

    keep: int | None = Field(default=None, ge=1, le=100_000)
    """Files set aside that are kept, at most; the oldest is deleted. Without it all are kept."""

    compress: bool = False
    """Whether files set aside are compressed with gzip."""


class StdoutSettings(DeliverySettings, LinkedSettings):
    """Standard output, one alert a line."""

    type: Literal["stdout"]
    """This kind of sink."""

    format: LineForm = "native"
    """The form of a line."""


SinkSettings = Annotated[
    ElasticsearchSettings
    | OpenSearchSettings
    | SplunkSettings
    | SentinelSettings
    | SyslogSettings
    | KafkaSinkSettings
    | AlertmanagerSettings
    | PagerDutySettings
    | SlackSettings
    | TeamsSettings
    | WebhookSettings
    | FileSettings
    | StdoutSettings,
    Field(discriminator="type"),
]

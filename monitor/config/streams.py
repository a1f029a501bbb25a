"""Sinks over connections that stay: syslog over TLS and a topic of Kafka."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from monitor.config.delivery import DeliverySettings, LinkedSettings
from monitor.config.sources import Address as Broker
from monitor.config.sources import Encryption, Login, Name
from monitor.config.transport import HOUSE, Network, TlsSettings


class SyslogSettings(DeliverySettings, LinkedSettings):
    """A syslog receiver over TLS (RFC 5425): messages of RFC 5424, their octets counted."""

    type: Literal["syslog"]
    """This kind of sink."""

    host: str = Field(min_length=1, max_length=253)
    """Name or address of the receiver; its certificate has to have the same."""

    port: int = Field(default=6514, ge=1, le=65_535)
    """Its port."""

    format: Literal["syslog", "cef", "leef", "native"] = "cef"
    """What stands in a message: our own text with structured data (`syslog`), a line of CEF or LEEF, or the native
    JSON."""

    hostname: str = Field(default="-", pattern=r"^[!-~]{1,255}$")
    """What stands as the sender's name in each message; `-` says none. QRadar tells its log sources apart by it."""

    encrypt: bool = True
    """Whether TLS is spoken. Without it anybody on the way reads and changes alerts: for a relay on this machine."""

    tls: TlsSettings = TlsSettings()
    """Certificates."""

    networks: tuple[Network, ...] = HOUSE
    """Networks that are not public and that the receiver may lie in. Link-local addresses and the metadata services of
    clouds are never connected to."""

    message_bytes: int = Field(default=65_536, ge=2_048, le=1_048_576)
    """Bytes of one message, at most. The text of a longer one is cut; JSON is not, and becomes a dead letter."""

    batch: int = Field(default=100, ge=1, le=5_000)
    """Alerts that are written before we wait until the receiver's side has them all."""

    timeout_s: float = Field(default=15.0, gt=0, le=120)
    """Seconds to connect, and seconds that the receiver's side may take for a batch."""


class KafkaSinkSettings(DeliverySettings, LinkedSettings):
    """A topic of Kafka: each alert once, acknowledged by all replicas in sync, in the order of its finding."""

    type: Literal["kafka"]
    """This kind of sink."""

    brokers: tuple[Broker, ...] = Field(min_length=1)
    """Brokers to ask first, `host:port`."""

    topic: Name
    """The topic. It has to be there."""

    format: Literal["native", "ecs", "ocsf", "asim", "cef", "leef", "gelf", "syslog", "otel"] = "native"
    """The form of a message. Its key is the finding, so that the revisions of one stay in order."""

    compression: Literal["none", "gzip", "lz4", "zstd", "snappy"] = "zstd"
    """How batches are compressed."""

    encryption: Encryption | None = None
    """TLS towards the brokers; without it, none."""

    login: Login | None = None
    """SASL login at the brokers; without it, none."""

    client_id: Name = "probewatch-alerts"
    """Name by which the brokers' logs, metrics and quotas know us."""

    message_bytes: int = Field(default=1_000_000, ge=1_024, le=67_108_864)
    """Bytes of one message, at most; a larger one becomes a dead letter."""

    batch: int = Field(default=500, ge=1, le=5_000)
    """Alerts sent before we wait for their acknowledgements."""

    timeout_s: float = Field(default=30.0, ge=1, le=300)
    """Seconds that the brokers may take for a batch."""

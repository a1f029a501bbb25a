"""Where logs come from: a Kafka consumer group, or files, folders and standard input."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from monitor.config.secret import Secret

STANDARD_INPUT: Final = Path("-")

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,249}$")]
Address = Annotated[str, StringConstraints(pattern=r"^\[?[A-Za-z0-9.:_-]+\]?:[0-9]{1,5}$")]


class Encryption(BaseModel):
    """TLS towards the brokers. Without any of these files the system's certificate authorities are trusted."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    authorities: Path | None = None
    """File with the certificate authorities to trust instead of the system's, PEM."""

    certificate: Path | None = None
    """File with our own certificate, PEM, where brokers ask clients for one."""

    key: Path | None = None
    """File with the private key of our certificate, PEM."""

    key_password: Secret | None = None
    """Password of the private key."""

    check_hostname: bool = True
    """Whether the name in the broker's certificate has to be the name that we connect to."""

    @model_validator(mode="after")
    def _certificate_and_key_go_together(self) -> Self:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key are given together, or neither")
        return self


class Login(BaseModel):
    """SASL login at the brokers."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    """How the password is shown to the broker."""

    user: str = Field(min_length=1)
    """Name to log in with."""

    password: Secret
    """Where the password is kept."""


class KafkaSettings(BaseModel):
    """A consumer group over topics of query logs."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    brokers: tuple[Address, ...] = Field(min_length=1)
    """Brokers to ask first, `host:port`."""

    topics: tuple[Name, ...] = Field(min_length=1)
    """Topics with query logs."""

    group: Name = "probewatch"
    """Consumer group. Processes of one group share the partitions."""

    instance: Name | None = None
    """Name of this process, unique in the group and the same after a restart (a pod's name): then a restart within
    `session_seconds` moves no partition. Without it every restart does."""

    client_id: Name = "probewatch"
    """Name by which the brokers' logs, metrics and quotas know us."""

    assignment: Literal["range", "cooperative-sticky"] = "range"
    """How the group shares the partitions. `range` takes all from everybody at each change and gives most of them back;
    `cooperative-sticky` takes only those that move. All processes of a group have to have the same: end them all to
    change it."""

    start: Literal["earliest", "latest"] = "earliest"
    """Where reading starts in a partition that the group has never read."""

    encryption: Encryption | None = None
    """TLS towards the brokers; without it, none."""

    login: Login | None = None
    """SASL login at the brokers; without it, none."""

    records: int = Field(default=2_000, ge=1, le=50_000)
    """Records of one processing step, at most."""

    fetch_bytes: int = Field(default=1_048_576, ge=16_384, le=67_108_864)
    """Bytes that a broker sends for one partition in one answer, at most (a larger record batch comes whole)."""

    inflated_bytes: int = Field(default=134_217_728, ge=1_048_576, le=1_073_741_824)
    """Bytes to which one compressed record batch may grow; a larger one is set aside."""

    connect_seconds: float = Field(default=30.0, ge=1, le=600)
    """Seconds that brokers have to answer when we start."""

    session_seconds: float = Field(default=45.0, ge=6, le=1_800)
    """Seconds without a heartbeat after which the group gives our partitions to others."""

    step_seconds: float = Field(default=300.0, ge=10, le=3_600)
    """Seconds that one processing step may take before the group gives our partitions to others."""

    reading: Literal["batches", "records"] = "batches"
    """`batches` takes whole record batches out of the Kafka client, for a fifth of the processor time; `records` takes
    single records through the client's public interface, and is what is used with a client that was not tested."""


class FileSettings(BaseModel):
    """Recorded logs: newline-delimited JSON, also compressed with gzip or zstd."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    paths: tuple[Path, ...] = Field(min_length=1)
    """Files and folders, read in this order, folders sorted by name; `-` is standard input."""

    records: int = Field(default=2_000, ge=1, le=50_000)
    """Lines of one processing step, at most."""

    line_bytes: int = Field(default=1_048_576, ge=1_024, le=67_108_864)
    """Longest line; of a longer one only the beginning is kept, and the decoder rejects it as too large."""

"""Where alerts go: the outbox that keeps them, and one section per sink."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from monitor.config.secret import Secret

_CONFIG = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


def address_problem(text: str) -> str | None:
    """What is wrong with an address of http or https, in words that do not repeat it; None where nothing is."""
    try:
        parts = urlsplit(text)
        fit = parts.hostname is not None and parts.scheme in {"http", "https"} and parts.port != 0
    except ValueError:  # a port that is no number, a bracket too few
        fit = False
    if not fit:
        return "it should be an address such as https://search.example.org:9200"
    if parts.username is not None or parts.password is not None:
        return "user and password do not belong into an address; name a secret instead"
    return None


def _address(text: str) -> str:
    problem = address_problem(text)
    if problem is not None:
        raise ValueError(problem)
    return text


Address = Annotated[str, AfterValidator(_address)]


class OutboxSettings(BaseModel):
    """How much the outbox keeps. Alerts that have not been delivered are never dropped."""

    model_config = _CONFIG

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


class TlsSettings(BaseModel):
    """How the far side proves who it is, and how we do."""

    model_config = _CONFIG

    ca_file: Path | None = None
    """Certificates of the authorities to trust (PEM); without it those of the system."""

    certificate_file: Path | None = None
    """Our own certificate (PEM), where the far side asks for one."""

    key_file: Path | None = None
    """The key of our certificate (PEM); without it the certificate's file holds it."""

    verify: bool = True
    """Whether the far side's certificate is checked. Switch it off for a trial only."""


class BasicAuth(BaseModel):
    """A user and the password."""

    model_config = _CONFIG

    user: str = Field(min_length=1)
    """Name of the user."""

    password: Secret
    """Where the password is kept."""


class ElasticsearchSettings(BaseModel):
    """A data stream of Elasticsearch 8.14 or later, as ECS documents."""

    model_config = _CONFIG

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


class WebhookSettings(BaseModel):
    """A receiver of signed webhooks (Standard Webhooks 1.0.0), one request for each alert, in the native form."""

    model_config = _CONFIG

    type: Literal["webhook"]
    """This kind of sink."""

    url: Secret
    """Where the receiver's address is kept. It counts as a secret, because such addresses often carry a token."""

    secrets: tuple[Secret, ...] = Field(min_length=1)
    """Where the signing secrets are kept, each `whsec_` and Base64 of 24 to 64 bytes. While one is being exchanged for
    another, give both: each request then carries a signature by either."""

    tls: TlsSettings = TlsSettings()
    """Certificates."""

    proxy: Address | None = None
    """Address of an HTTP proxy on the way. It resolves the receiver's name, so that its own rules say which addresses
    can be reached."""

    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    """Networks that are not public and that the receiver may lie in, such as `10.1.0.0/16`. Without any, public
    addresses alone are connected to, whatever the receiver's name resolves to; link-local addresses and the metadata
    services of clouds never are."""

    timeout_s: float = Field(default=15.0, gt=0, le=120)
    """Seconds to wait for an answer."""


class FileSettings(BaseModel):
    """A file to which alerts are appended in the native form, one a line."""

    model_config = _CONFIG

    type: Literal["file"]
    """This kind of sink."""

    path: Path
    """The file."""

    rotate_mib: float | None = Field(default=None, gt=0)
    """Mebibytes after which the file is set aside with a number at its end; without it the file grows."""


class StdoutSettings(BaseModel):
    """Standard output, in the native form, one alert a line."""

    model_config = _CONFIG

    type: Literal["stdout"]
    """This kind of sink."""


SinkSettings = Annotated[
    ElasticsearchSettings | WebhookSettings | FileSettings | StdoutSettings, Field(discriminator="type")
]

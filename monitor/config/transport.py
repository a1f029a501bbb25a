"""What every far side may need: an address, certificates, a user, a proxy, and where it may lie."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from monitor.config.secret import Secret

CONFIG: Final = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

Network = IPv4Network | IPv6Network

# where the targets of one's own house lie; the guard of the sinks keeps out what no setting opens
HOUSE: Final[tuple[Network, ...]] = tuple(
    ip_network(network)
    for network in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "fc00::/7", "::1/128")
)


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


class TlsSettings(BaseModel):
    """How the far side proves who it is, and how we do."""

    model_config = CONFIG

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

    model_config = CONFIG

    user: str = Field(min_length=1)
    """Name of the user."""

    password: Secret
    """Where the password is kept."""


class HttpSettings(BaseModel):
    """What every target that is spoken to over HTTP has."""

    model_config = CONFIG

    tls: TlsSettings = TlsSettings()
    """Certificates."""

    proxy: Address | None = None
    """Address of an HTTP proxy on the way. It resolves the receiver's name, so that its own rules say which addresses
    can be reached."""

    networks: tuple[Network, ...] = ()
    """Networks that are not public and that the receiver may lie in, such as `10.1.0.0/16`. Without any, public
    addresses alone are connected to, whatever the receiver's name resolves to; link-local addresses and the metadata
    services of clouds never are."""

    timeout_s: float = Field(default=15.0, gt=0, le=120)
    """Seconds to wait for an answer."""


class HouseSettings(HttpSettings):
    """A target that usually stands in one's own house."""

    networks: tuple[Network, ...] = HOUSE
    """Networks that are not public and that the receiver may lie in. Link-local addresses and the metadata services of
    clouds are never connected to."""

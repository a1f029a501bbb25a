"""Keeps sinks out of places that they must not reach: addresses are looked at when the connection is made.

A name is resolved once, each address is judged, and the connection goes to the address that was judged: a name that
leads somewhere else at the next look (DNS rebinding) gains nothing. What an answer says is never followed.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, Final

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, NameResolutionError, NewConnectionError
from urllib3.util.connection import create_connection

Network = IPv4Network | IPv6Network

# what no setting opens: the machine's own metadata service at its cloud, neighbours on the wire, everybody at once
NEVER: Final[tuple[Network, ...]] = tuple(
    ip_network(network)
    for network in (
        *("169.254.0.0/16", "fe80::/10"),  # link-local; the metadata service of most clouds
        *("100.100.100.200/32", "168.63.129.16/32", "192.0.0.192/32", "fd00:ec2::254/128"),  # that of others
        *("0.0.0.0/8", "::/128", "224.0.0.0/4", "ff00::/8", "240.0.0.0/4"),
    )
)
_NAT64: Final = IPv6Network("64:ff9b::/96")


class Forbidden(HTTPError):  # noqa: N818  (it is a verdict)
    """A name that leads to addresses which are not allowed alone. Its text holds no name and no address."""


def allowed(address: str, networks: Iterable[Network] = ()) -> bool:
    """Whether a webhook may be sent to an address: a public one, or one of these networks, and never one of NEVER.

    An IPv4 address inside an IPv6 one (mapped, 6to4, Teredo, NAT64) is what counts there.

    >>> [allowed(one) for one in ("8.8.8.8", "10.0.0.1", "127.0.0.1", "169.254.169.254", "::ffff:10.0.0.1")]
    [True, False, False, False, False]
    >>> private = [ip_network("10.0.0.0/8"), ip_network("169.254.0.0/16")]
    >>> [allowed(one, private) for one in ("10.0.0.1", "169.254.169.254")]
    [True, False]
    """
    found = _plain(ip_address(address.partition("%")[0]))
    if any(found in network for network in NEVER):
        return False
    return found.is_global or any(found in network for network in networks)


def _plain(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    if isinstance(address, IPv4Address):
        return address
    inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo is not None else None)
    if inner is None and address in _NAT64:
        inner = IPv4Address(address.packed[-4:])
    return address if inner is None else inner


def guarded(networks: Sequence[Network], options: dict[str, Any]) -> PoolManager:
    """A pool of connections that lead to allowed addresses alone; others raise Forbidden."""

    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return _connected(self, networks)

    class Encrypted(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return _connected(self, networks)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class EncryptedPool(HTTPSConnectionPool):
        ConnectionCls = Encrypted

    pool = PoolManager(**options)
    pool.pool_classes_by_scheme = {"http": PlainPool, "https": EncryptedPool}
    return pool


def judged(addresses: Iterable[str], networks: Sequence[Network]) -> list[str]:
    """Those of a name's addresses that are allowed; Forbidden where there are none."""
    fit = [address for address in addresses if allowed(address, networks)]
    if not fit:
        raise Forbidden
    return fit


def _connected(connection: HTTPConnection, networks: Sequence[Network]) -> socket.socket:
    """A socket to the first allowed address that answers. The name in the certificate stays the one that was asked."""
    try:
        return dial(
            connection.host,
            connection.port,
            networks,
            connection.timeout,
            source_address=connection.source_address,
            socket_options=connection.socket_options,
        )
    except (socket.gaierror, UnicodeError) as problem:
        raise NameResolutionError(
            connection.host, connection, problem if isinstance(problem, socket.gaierror) else socket.gaierror()
        ) from problem
    except OSError as problem:
        raise NewConnectionError(connection, type(problem).__name__) from problem


def dial(host: str, port: int, networks: Sequence[Network], timeout: Any, **options: Any) -> socket.socket:
    """A socket to the first allowed address of a name that answers. Forbidden where none is allowed, OSError where none
    answers or the name is not known, UnicodeError where it can be none."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    failed = OSError()
    for address in judged((str(one[4][0]) for one in found), networks):
        try:
            return create_connection((address, port), timeout, **options)
        except OSError as problem:
            failed = problem
    raise failed

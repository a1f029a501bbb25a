"""Real certificates for tests: an authority, a server on loopback, a client, and a stranger of another authority."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import trustme
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)


@dataclass(frozen=True)
class Identity:
    """Files of one side: certificate, key, and both together, PEM."""

    certificate: Path
    key: Path
    both: Path


@dataclass(frozen=True)
class Certificates:
    """`folder` has cert.pem, key.pem and ca.pem, as the search server's start script takes them."""

    folder: Path
    authority: Path
    server: Identity
    client: Identity
    stranger: Identity


def certificates(folder: Path) -> Certificates:
    """Made now, and good for this test run."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    server = _issued(authority, folder, "server", "127.0.0.1", "localhost")
    (folder / "cert.pem").write_bytes(server.certificate.read_bytes())
    (folder / "key.pem").write_bytes(server.key.read_bytes())
    client = _issued(authority, folder, "client", "probewatch.test")
    stranger = _issued(trustme.CA(), folder, "stranger", "probewatch.test")
    return Certificates(folder, folder / "ca.pem", server, client, stranger)


def _issued(authority: trustme.CA, folder: Path, name: str, *hosts: str) -> Identity:
    made = authority.issue_cert(*hosts)
    found = Identity(folder / f"{name}.crt", folder / f"{name}.key", folder / f"{name}.pem")
    made.cert_chain_pems[0].write_to_path(found.certificate)
    key = load_pem_private_key(made.private_key_pem.bytes(), None)
    pkcs8 = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())  # the one form that Kafka reads
    found.key.write_bytes(pkcs8)
    found.both.write_bytes(pkcs8 + found.certificate.read_bytes())
    return found

"""How we prove who we are to Kafka's brokers, in the words of its client; the source and the sink share it."""

from __future__ import annotations

from typing import Any

from monitor.config.secret import STARS
from monitor.config.sources import Encryption, Login


class Hidden(str):
    """A password that prints as stars where a library prints its options, which Kafka's does at level debug."""

    __slots__ = ()

    def __repr__(self) -> str:
        return STARS


def security(encryption: Encryption | None, login: Login | None) -> dict[str, Any]:
    """Options of the client for TLS and login; Trouble where a password cannot be read."""
    return _encryption(encryption, login) | _login(login)


def _encryption(tls: Encryption | None, login: Login | None) -> dict[str, Any]:
    protocol = ("SASL_" if login else "") + ("SSL" if tls else "PLAINTEXT")
    if tls is None:
        return {"security_protocol": protocol}
    return {
        "security_protocol": protocol,
        "ssl_cafile": None if tls.authorities is None else str(tls.authorities),
        "ssl_certfile": None if tls.certificate is None else str(tls.certificate),
        "ssl_keyfile": None if tls.key is None else str(tls.key),
        "ssl_password": None if tls.key_password is None else Hidden(tls.key_password.text()),
        "ssl_check_hostname": tls.check_hostname,
    }


def _login(login: Login | None) -> dict[str, Any]:
    if login is None:
        return {}
    return {
        "sasl_mechanism": login.mechanism,
        "sasl_plain_username": login.user,
        "sasl_plain_password": Hidden(login.password.text()),
    }

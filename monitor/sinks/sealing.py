"""Bytes of records that could not be read, encrypted: kept only where the operator has given a key for it.

AES-256-GCM with a random nonce; where a record lay is authenticated with it, so that no letter's bytes can be passed
off as another's. The library does the work; here is only what goes into it.
"""

from __future__ import annotations

import hmac
import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from monitor.config.secret import Secret
from monitor.config.trouble import Trouble
from monitor.record.keys import SECRET_BYTES, secret_bytes

_USE: Final = b"probewatch dead letters"
_NONCE: Final = 12  # bytes; random ones, which is safe for four thousand million letters under one key


class Sealer:
    """Seals and opens what one secret allows to."""

    def __init__(self, secret: bytes) -> None:
        self._cipher = AESGCM(hmac.digest(secret, _USE, "sha256"))

    def seal(self, content: bytes, place: str) -> bytes:
        """The content as only the secret opens it; `place` names the record, and has to be given to open it."""
        nonce = os.urandom(_NONCE)
        return nonce + self._cipher.encrypt(nonce, content, place.encode())

    def open(self, sealed: bytes, place: str) -> bytes:
        """What was sealed. ValueError where it was sealed with another secret, for another place, or has changed."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], place.encode())
        except InvalidTag:
            raise ValueError("sealed with another key, or changed") from None


def sealer(secret: Secret | None) -> Sealer | None:
    """The sealer of the settings; None where there is no key. Trouble where it cannot be read or is too short."""
    if secret is None:
        return None
    raw = secret_bytes(secret.text())
    if raw is None or len(raw) < SECRET_BYTES:
        raise Trouble(
            what=f"the key for dead letters is not {SECRET_BYTES} bytes in base64 or hexadecimal digits",
            where=secret.place,
            mend="make one with `openssl rand -base64 32`",
        )
    return Sealer(raw)

"""Pseudonyms: raw names end here. HMAC-SHA256 of a name under a key with an epoch, cut to 16 bytes."""

from __future__ import annotations

import hmac
from base64 import b32encode
from typing import Final

from monitor.record.memory import Memory
from monitor.record.names import named

PSEUDONYM_BYTES: Final = 16
_REMEMBERED: Final = 32_768  # names of each sort, twice; a flood of new names costs time, not memory


class Pseudonyms:
    """Turns names of clients, groups and addresses into pseudonyms; the same string gives another one for each sort.

    `client`, `group` and `address` take a name, by call or by index: Refused where it is empty or longer than 512
    bytes, Unfamiliar where it is no string. Whoever has the key can test guesses of a name; nobody can go back from a
    pseudonym without one. `epoch` names the key: pseudonyms of different epochs are not comparable.

    >>> names = Pseudonyms(bytes(32), "2026-11")
    >>> text(names.client("key-123")), names.client("key-123") == names.group("key-123")
    ('327br6ajtwv7haeaetap3c5tla', False)
    """

    __slots__ = ("address", "client", "epoch", "group")

    def __init__(self, key: bytes, epoch: str) -> None:
        self.epoch = epoch
        self.client = _sort(key, "client")
        self.group = _sort(key, "group")
        self.address = _sort(key, "address")


def _sort(key: bytes, sort: str) -> Memory[str, bytes]:
    def make(name: str) -> bytes:
        return hmac.digest(key, f"{sort}\0{named(name, sort)}".encode(), "sha256")[:PSEUDONYM_BYTES]

    return Memory(make, _REMEMBERED)


def text(pseudonym: bytes) -> str:
    """A pseudonym as people and JSON see it: 26 characters of lower-case base32; "" for an unknown one."""
    return b32encode(pseudonym).decode().rstrip("=").lower()

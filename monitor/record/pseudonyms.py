"""Pseudonyms: raw names end here. HMAC-SHA256 of a name under a key with an epoch, cut to 16 bytes."""

from __future__ import annotations

import hmac
from base64 import b32decode, b32encode
from typing import Final

from monitor.record.memory import Memory
from monitor.record.names import named

PSEUDONYM_BYTES: Final = 16
_REMEMBERED: Final = 32_768  # names of each sort, twice; a flood of new names costs time, not memory


class Succeeding(bytes):
    """A pseudonym that knows the one that its name had under the key before, while the two keys overlap."""

    former: bytes = b""


def former_of(pseudonym: bytes) -> bytes:
    """The pseudonym under the key before; empty where there is no such key, or no name."""
    return pseudonym.former if isinstance(pseudonym, Succeeding) else b""


class Pseudonyms:
    """Turns names of clients, groups and addresses into pseudonyms; the same string gives another one for each sort.

    `client`, `group` and `address` take a name, by call or by index: Refused where it is empty or longer than 512
    bytes, Unfamiliar where it is no string. Whoever has the key can test guesses of a name; nobody can go back from a
    pseudonym without one. `epoch` names the key: pseudonyms of different epochs are not comparable; while `former`, the
    key before and its epoch, is given, each knows its predecessor. `epochs` are those whose sketches can be read.

    >>> names = Pseudonyms(bytes(32), "2026-11")
    >>> text(names.client("key-123")), names.client("key-123") == names.group("key-123")
    ('327br6ajtwv7haeaetap3c5tla', False)
    """

    __slots__ = ("address", "client", "epoch", "epochs", "group")

    def __init__(self, key: bytes, epoch: str, former: tuple[bytes, str] | None = None) -> None:
        before, epochs = (None, ()) if former is None else (former[0], former[1:])
        self.epoch, self.epochs = epoch, (epoch, *epochs)
        self.client = _sort(key, "client", before)
        self.group = _sort(key, "group", before)
        self.address = _sort(key, "address", before)


def _sort(key: bytes, sort: str, former: bytes | None) -> Memory[str, bytes]:
    own, before = _begun(key, sort), _begun(former or b"", sort)

    def make(name: str) -> bytes:
        return _digest(own, named(name, sort))

    def make_both(name: str) -> bytes:
        pseudonym = Succeeding(make(name))
        pseudonym.former = _digest(before, name)
        return pseudonym

    return Memory(make if former is None else make_both, _REMEMBERED)


def _begun(key: bytes, sort: str) -> hmac.HMAC:
    """The hash of what all names of a sort have in common."""
    return hmac.new(key, f"{sort}\0".encode(), "sha256")


def _digest(begun: hmac.HMAC, name: str) -> bytes:
    one = begun.copy()
    one.update(name.encode())
    return one.digest()[:PSEUDONYM_BYTES]


def text(pseudonym: bytes) -> str:
    """A pseudonym as people and JSON see it: 26 characters of lower-case base32; "" for an unknown one."""
    return b32encode(pseudonym).decode().rstrip("=").lower()


def read(written: str) -> bytes:
    """The pseudonym that `text` wrote. ValueError where it is none.

    >>> read(text(bytes(range(16)))) == bytes(range(16))
    True
    """
    found = b32decode(written.upper() + "=" * (-len(written) % 8))
    if len(found) != PSEUDONYM_BYTES or text(found) != written:
        raise ValueError("a pseudonym has 26 letters and digits from 2 to 7")
    return found

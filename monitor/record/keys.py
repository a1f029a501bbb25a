"""The key behind pseudonyms and sketches: read from a file or the environment, split into one key for each use."""

from __future__ import annotations

import hmac
import json
import os
import re
import secrets
import tomllib
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from monitor.config.trouble import Trouble
from monitor.record.pseudonyms import Pseudonyms

SECRET_BYTES: Final = 32
KEY_VARIABLE: Final = "PROBEWATCH_KEY"
FILE_VARIABLE: Final = "PROBEWATCH_KEY_FILE"
_MAKE_ONE: Final = "make one with `openssl rand -base64 32`"
_OPEN: Final = 0o027  # others in any way, the group to write; a mounted secret may be readable by the group
_EPOCH: Final = re.compile(r"[A-Za-z0-9._-]{1,32}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Keys:
    """One key for each use, derived from one secret, and the name of its epoch; where the key of sketches is another
    secret's, it is `apart`. `former` are the keys before, while the two overlap. Printing them shows no key."""

    epoch: str
    pseudonyms: bytes = field(repr=False)
    sketches: bytes = field(repr=False)
    former: Keys | None = field(default=None, repr=False)
    apart: bool = False

    @property
    def names(self) -> Pseudonyms:
        """What makes pseudonyms with these keys."""
        former = None if self.former is None else (self.former.pseudonyms, self.former.epoch)
        return Pseudonyms(self.pseudonyms, self.epoch, former)

    @classmethod
    def derive(cls, secret: bytes, epoch: str) -> Self:
        """Keys from the bytes of a secret; equal secrets and epochs give equal keys. No check of its length."""
        uses = (f"probewatch {use} {epoch}".encode() for use in ("pseudonyms", "sketches"))
        pseudonyms, sketches = (hmac.digest(secret, use, "sha256") for use in uses)
        return cls(epoch, pseudonyms, sketches)


def load_keys(path: Path | None = None, environment: Mapping[str, str] = os.environ) -> Keys:
    """Keys from the file at `path`, else from the file named by PROBEWATCH_KEY_FILE, else from PROBEWATCH_KEY.

    A file holds `epoch` and `secret` in TOML or JSON; the variable holds the secret, or `epoch:secret`. Secrets are at
    least 32 bytes in base64 or hexadecimal digits. Trouble where there is none or it cannot be used.
    """
    if path is None and environment.get(FILE_VARIABLE):
        path = Path(environment[FILE_VARIABLE])
    if path is not None:
        return _from_file(path)
    given = environment.get(KEY_VARIABLE)
    if not given:
        raise Trouble(
            what="there is no key for pseudonyms and sketches",
            where=f"environment variables {FILE_VARIABLE} and {KEY_VARIABLE}",
            mend=f"{_MAKE_ONE} and put it into {KEY_VARIABLE}, or its file's path into {FILE_VARIABLE}",
        )
    epoch, _, secret = given.rpartition(":")
    return make_keys(secret, epoch or "1", f"environment variable {KEY_VARIABLE}")


def make_keys(secret: str, epoch: str, where: str) -> Keys:
    """Keys from a secret in base64 or hexadecimal digits; Trouble, with `where`, if it is neither or too short."""
    if not _EPOCH.fullmatch(epoch):
        mend = "1 to 32 letters, digits, points, dashes or underscores, such as 2026-11"
        raise Trouble(what="the epoch of the key is no name", where=where, mend=mend)
    raw = secret_bytes(secret)
    if raw is None:
        raise Trouble(what="the secret is neither base64 nor hexadecimal", where=where, mend=_MAKE_ONE)
    if len(raw) < SECRET_BYTES:
        what = f"the secret has {len(raw)} bytes, and {SECRET_BYTES} are needed"
        raise Trouble(what=what, where=where, mend=_MAKE_ONE)
    return Keys.derive(raw, epoch)


def secret_bytes(written: str) -> bytes | None:
    """The bytes of a secret; None where it is neither hexadecimal nor base64 (of either alphabet).

    >>> secret_bytes("00ff"), secret_bytes("AP8="), secret_bytes("?")
    (b'\\x00\\xff', b'\\x00\\xff', None)
    """
    written = written.strip()
    try:
        return bytes.fromhex(written)
    except ValueError:
        pass
    try:
        return b64decode(written.translate({ord("-"): "+", ord("_"): "/"}), validate=True)
    except (NotBase64, ValueError):
        return None


def create_key_file(path: Path, epoch: str = "1") -> Keys:
    """Write a new secret to a file that only its owner can read, and load it; Trouble where the file is there."""
    content = f'epoch = "{epoch}"\nsecret = "{b64encode(secrets.token_bytes(SECRET_BYTES)).decode()}"\n'
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(content)
    except OSError as problem:
        mend = "choose a path that is free and that you may write"
        raise Trouble(what=f"the key cannot be written: {problem.strerror}", where=str(path), mend=mend) from None
    return _from_file(path)


def _from_file(path: Path) -> Keys:
    try:
        mode, content = path.stat().st_mode, path.read_bytes()
    except OSError as problem:
        mend = "create the file and let the user of this process read it"
        raise Trouble(what=f"the key cannot be read: {problem.strerror}", where=str(path), mend=mend) from None
    if mode & _OPEN:
        raise Trouble(what="the key can be read or changed by others", where=str(path), mend=f"chmod 600 {path}")
    fields = _fields(content)
    epoch, secret = fields.get("epoch", "1"), fields.get("secret")
    if not isinstance(secret, str) or not isinstance(epoch, str):
        mend = 'write two lines: epoch = "1" and secret = "...", the secret in base64'
        raise Trouble(what="the file is no key", where=str(path), mend=mend)
    return make_keys(secret, epoch, str(path))


def _fields(content: bytes) -> dict[str, object]:
    """The fields of a TOML or JSON file; empty where it is neither. Errors of the parsers would repeat the secret."""
    try:
        text = content.decode()
        fields = json.loads(text) if text.lstrip().startswith("{") else tomllib.loads(text)
    except (ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}

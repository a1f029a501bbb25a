"""The file that `probewatch learn` writes and engines begin with: what was learnt, and of which key and program."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from numpy.typing import NDArray

from monitor.config.settings import Settings
from monitor.config.trouble import Trouble
from monitor.engine.bank import Bank
from monitor.engine.learnt import Learnt, unpack
from monitor.record.keys import Keys
from monitor.runtime.keys import sketches_name
from monitor.runtime.sealed import peek, read, write

VERSION: Final = 1

_MAGIC: Final = b"probewatch learnt\n"
_NAME: Final = "a file of what was learnt"
_ANEW: Final = "make it anew with `probewatch learn`, or delete runtime.learnt to begin from nothing"


def save(file: Path, arrays: Mapping[str, NDArray[Any]], keys: Keys, standings: Sequence[Mapping[str, Any]]) -> None:
    """Write what was learnt, whole or not at all; Trouble where that is not possible."""
    header = {"version": VERSION, "key_epoch": sketches_name(keys), "standings": list(standings)}
    try:
        write(file, file.with_name(f"{file.name}.{os.getpid()}.writing"), _MAGIC, header, arrays)
    except OSError as problem:
        raise Trouble(
            what=f"what was learnt cannot be written: {problem.strerror}",
            where=str(file),
            mend="name a file in a folder that this user may write",
        ) from None


def load(file: Path, keys: Keys, bank: Bank) -> Learnt:
    """What was learnt; Trouble with the reason where it cannot be used: torn, of another key, or of other detectors."""
    try:
        header, arrays = read(file.read_bytes(), _MAGIC, _NAME)
        if header["version"] != VERSION:
            raise ValueError(f"version {header['version']}, and this program reads version {VERSION}")
        if str(header["key_epoch"]).rpartition(":")[2] != sketches_name(
            keys
        ):  # earlier versions wrote the epoch as well
            raise ValueError(f"it was made with key {header['key_epoch']}, and the key is now {sketches_name(keys)}")
        return unpack(arrays, bank)
    except (OSError, ValueError) as problem:
        raise _refused(file, problem) from None


def config_hash(settings: Settings, fingerprints: Mapping[str, str] = MappingProxyType({})) -> str:
    """16 hexadecimal digits that change with the settings that change findings, and with what engines begin with.

    `fingerprints` has the digest of each model's training fingerprints."""
    if settings.runtime.learnt is None:
        return settings.config_hash(fingerprints)
    try:
        digest, _ = peek(settings.runtime.learnt, _MAGIC, _NAME)
    except (OSError, ValueError) as problem:
        raise _refused(settings.runtime.learnt, problem) from None
    return blake2b(f"{settings.config_hash(fingerprints)}:{digest}".encode(), digest_size=8).hexdigest()


def _refused(file: Path, problem: OSError | ValueError) -> Trouble:
    reason = problem.strerror if isinstance(problem, OSError) else str(problem)
    return Trouble(what=f"what was learnt cannot be used: {reason}", where=f"runtime.learnt: {file}", mend=_ANEW)

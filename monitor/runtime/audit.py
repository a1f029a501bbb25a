"""The audit log: who has turned how many names into pseudonyms, and when; never the names."""

from __future__ import annotations

import getpass
import os
from datetime import datetime
from pathlib import Path

import orjson

from monitor.config.trouble import Trouble


def append(file: Path, at: datetime, action: str, count: int, key_epoch: str) -> None:
    """Appends one line of JSON, on the disk when this returns; Trouble where that is not possible.

    `at` has a time zone. The user is the one of this process."""
    line = orjson.dumps(
        {"time": at.isoformat(), "action": action, "user": _user(), "count": count, "key_epoch": key_epoch},
        option=orjson.OPT_APPEND_NEWLINE,
    )
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(handle, line)  # one write: lines of two processes do not mix
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as problem:
        raise Trouble(
            what=f"the audit log cannot be written: {problem.strerror}",
            where=str(file),
            mend="let the user of this process write there; nothing is told without a line in the audit log",
        ) from None


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return str(os.getuid())

"""One process to a state folder: two would deliver each other's alerts."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from monitor.config.trouble import Trouble


@contextmanager
def only_process(folder: Path) -> Iterator[None]:
    """Holds the folder; Trouble where another process holds it or it cannot be written. A killed process lets go."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as problem:
        raise Trouble(
            what=f"the state folder cannot be used: {problem.strerror}",
            where=str(folder),
            mend="let the user of this process write there, or set runtime.state to another folder",
        ) from None
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Trouble(
                what="another process works in the state folder",
                where=str(folder),
                mend="end it, or give this one a folder of its own with runtime.state, and both the same"
                " runtime.snapshots",
            ) from None
        yield
    finally:
        os.close(handle)

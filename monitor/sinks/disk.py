"""Files that are ours alone, and names that are safe when the power fails."""

from __future__ import annotations

import os
from pathlib import Path


def private(path: str, flags: int) -> int:
    """An opener for `open`: what it makes is readable by this user alone."""
    return os.open(path, flags, 0o600)  # pseudonyms and evidence are nobody else's business


def sync(folder: Path) -> None:
    """Wait until the names in a folder are on the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

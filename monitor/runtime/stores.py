"""From settings to the store of snapshots that they name."""

from __future__ import annotations

from monitor.config.settings import Settings
from monitor.runtime.folder import FolderShelf, SnapshotFolder
from monitor.runtime.generations import Generations
from monitor.runtime.paths import snapshots_path
from monitor.runtime.snapshots import SnapshotStore


def open_store(settings: Settings, *, look: bool = False) -> SnapshotStore:
    """The store that is set; only to `look` into it, no folder is made. Trouble where it cannot be used."""
    keep = settings.runtime.generations
    if settings.runtime.bucket is not None:
        from monitor.runtime.bucket import SnapshotBucket

        return SnapshotBucket(settings.runtime.bucket, keep)
    folder = snapshots_path(settings)
    return Generations(FolderShelf(folder), keep) if look else SnapshotFolder(folder, keep)

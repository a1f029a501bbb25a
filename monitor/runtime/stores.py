"""From settings to the store of snapshots that they name."""

from __future__ import annotations

from monitor.config.settings import Settings
from monitor.runtime.folder import FolderShelf, SnapshotFolder
from monitor.runtime.generations import Generations
from monitor.runtime.paths import snapshots_path
from monitor.runtime.shelf import Shelf


def open_store(settings: Settings, *, look: bool = False) -> Generations:
    """The store that is set; only to `look` into it, no folder is made. Trouble where it cannot be used."""
    keep = settings.runtime.generations
    if settings.runtime.bucket is None and not look:
        return SnapshotFolder(snapshots_path(settings), keep)
    return Generations(open_shelf(settings), keep)


def open_shelf(settings: Settings) -> Shelf:
    """Where that store puts its pieces. No folder is made; Trouble where it cannot be used."""
    if settings.runtime.bucket is None:
        return FolderShelf(snapshots_path(settings))
    from monitor.runtime.bucket import BucketShelf

    return BucketShelf(settings.runtime.bucket)

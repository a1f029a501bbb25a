"""A small disk of its own for a state folder, which can be filled and closed."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from pathlib import Path


class Disk:
    """A tmpfs where this user may mount one; else a plain folder, that can be closed to a user who is not root."""

    def __init__(self, folder: Path, mebibytes: int = 24) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        command = ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", str(folder)]
        self.mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0

    @property
    def can_fill(self) -> bool:
        return self.mounted

    @property
    def can_close(self) -> bool:
        return self.mounted or os.geteuid() != 0

    def fill(self) -> None:
        """Leaves no byte free."""
        assert self.mounted
        with (self.folder / "ballast").open("ab", buffering=0) as file, suppress(OSError):
            for size in (65_536, 512, 1):
                with suppress(OSError):
                    while True:
                        file.write(bytes(size))

    def empty(self) -> None:
        """Undoes `fill`."""
        (self.folder / "ballast").unlink(missing_ok=True)

    def close(self) -> bool:
        """May only be read from now on; False where somebody has a file open for writing and it cannot be."""
        if not self.mounted:
            self._mode(0o500)
            return True
        return self._remount("ro")

    def open(self) -> None:
        """Undoes `close`."""
        if not self.mounted:
            self._mode(0o700)
        else:
            assert self._remount("rw")

    def remove(self) -> None:
        """Unmounts it."""
        if self.mounted:
            subprocess.run(["umount", "-l", str(self.folder)], check=True)

    def _remount(self, how: str) -> bool:
        command = ["mount", "-o", f"remount,{how}", str(self.folder)]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def _mode(self, mode: int) -> None:
        for folder in (self.folder, *(path for path in self.folder.rglob("*") if path.is_dir())):
            folder.chmod(mode)

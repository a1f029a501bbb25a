"""What the process does to itself before it touches a secret: no core reports, no looks from outside, private files."""

from __future__ import annotations

import ctypes
import os
import resource
import sys
from typing import Final

PRIVATE: Final = 0o077  # what others may do with files that are made from here on: nothing
_SET_DUMPABLE: Final = 4  # of prctl(2)


def harden() -> bool:
    """Keeps memory of this process to itself: no core report is written, and (on Linux, where this gives back True) no
    process of the same user may read its memory or its environment. Files made from here on are its user's alone.

    Debuggers and profilers that attach from outside need root then."""
    os.umask(PRIVATE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform != "linux":
        return False
    return bool(ctypes.CDLL(None).prctl(_SET_DUMPABLE, 0, 0, 0, 0) == 0)

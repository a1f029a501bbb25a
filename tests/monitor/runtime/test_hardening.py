"""What a process does to itself, looked at from outside."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import os, resource, sys
from monitor.runtime.hardening import harden
print(harden(), resource.getrlimit(resource.RLIMIT_CORE))
open(sys.argv[1], "w").close()
print(os.stat("/proc/self/environ").st_uid == 0, flush=True)
if sys.argv[2] == "abort":
    os.abort()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is of Linux")
def test_no_core_no_looks_from_outside_and_private_files(tmp_path: Path) -> None:
    made = tmp_path / "file"
    command = [sys.executable, "-c", SCRIPT, str(made), "abort"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["True (0, 0)", "True"]
    assert done.returncode < 0
    assert [path.name for path in tmp_path.iterdir()] == ["file"]  # and no core
    assert made.stat().st_mode & 0o777 == 0o600

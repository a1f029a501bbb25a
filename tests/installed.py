"""The package as if installed, and its command as a process: entry points come from package metadata made on disk."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from click.testing import Result

Invoke = Callable[..., Result]  # runs a command in this process: invoke("alerts", "list", input="")

REPOSITORY: Final = Path(__file__).parents[1]
DETECTORS: Final = {"evasion": "detectors.evasion:Evasion", "extraction": "detectors.extraction:Extraction"}
KEY: Final = "a2V5LWZvci10ZXN0cy1rZXktZm9yLXRlc3RzLWtleS0="


def metadata(folder: Path, detectors: Mapping[str, str] = DETECTORS) -> Path:
    """A folder that, put on the path, holds the package's metadata with these detectors and no others."""
    info = folder / "probewatch-0.0.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: probewatch\nVersion: 0.0.0\n")
    lines = [f"{name} = {place}\n" for name, place in detectors.items()]
    (info / "entry_points.txt").write_text("[probewatch.detectors]\n" + "".join(lines))
    return folder


def command(*arguments: str | Path) -> list[str]:
    """The command line of `probewatch` with these arguments."""
    return [sys.executable, "-m", "monitor.cli", *map(str, arguments)]


def environment(package: Path, **variables: str) -> dict[str, str]:
    """The environment for it: nothing of ours leaks in."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PROBEWATCH")}
    return kept | {"PYTHONPATH": f"{package}{os.pathsep}{REPOSITORY}", "PROBEWATCH_KEY": KEY} | variables


def run(
    package: Path, *arguments: str | Path, stdin: Path | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Runs `probewatch` to its end, the file `stdin` on its standard input."""
    return subprocess.run(
        command(*arguments),
        env=environment(package, **variables),
        input=None if stdin is None else stdin.read_text(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

"""The package as if installed, and its command as a process: entry points come from package metadata made on disk."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final
from urllib.error import HTTPError
from urllib.request import urlopen

from click.testing import Result

Invoke = Callable[..., Result]  # runs a command in this process: invoke("alerts", "list", input="")

REPOSITORY: Final = Path(__file__).parents[1]
DETECTORS: Final = {"evasion": "detectors.evasion:Evasion", "extraction": "detectors.extraction:Extraction"}
DEADLINE: Final = 90.0  # seconds that a process gets for what takes it two
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
        timeout=600,
        check=False,
    )


class Daemon:
    """`probewatch run` as a process; its log goes to a file."""

    def __init__(self, package: Path, config: Path, log: Path, stdin: int | None = None) -> None:
        self._log = log
        with log.open("w") as stderr:
            self.process = subprocess.Popen(
                command("run", "--config", config), env=environment(package), stderr=stderr, stdin=stdin
            )

    def lines(self) -> list[dict[str, object]]:
        """Its log so far."""
        return [json.loads(line) for line in self._log.read_text().splitlines()]

    def wait_for(self, what: str) -> dict[str, object]:
        """The first log line with that message."""
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            for line in self.lines():
                if line["message"] == what:
                    return line
            assert self.process.poll() is None, self._log.read_text()
            time.sleep(0.05)
        raise AssertionError(f"no line {what!r} in {self._log.read_text()}")

    def page(self, path: str) -> tuple[int, str]:
        """Status and text of a health page."""
        port = self.wait_for("starting")["health_port"]
        try:
            with urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            return error.code, ""

    def metric(self, name: str) -> float:
        """The sum of the series whose line begins like that."""
        _, page = self.page("/metrics")
        return sum(float(line.rsplit(" ", 1)[1]) for line in page.splitlines() if line.startswith(name))

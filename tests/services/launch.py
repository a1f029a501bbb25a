"""Starts and stops the servers of this folder, and says what this machine lacks for them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

HERE = Path(__file__).resolve().parent
SCRIPTS = {"kafka": "broker/start", "search": "search/start", "opensearch": "search/start", "objects": "objects/start"}
ENGINES = {"opensearch": ("--engine", "opensearch")}  # one script starts two of them
READY_SECONDS = 600  # a first start downloads


@dataclass(frozen=True)
class Server:
    """A server that runs: its address (`host:port` of Kafka, URL of a search server), processes and folder."""

    address: str
    pids: tuple[int, ...] = ()
    data: Path | None = None
    version: str = ""

    def stop(self) -> None:
        """End its processes, by their ids; asks first, and insists after 20 seconds."""
        if self.pids:
            subprocess.run([sys.executable, HERE / "stop", *map(str, self.pids)], check=True)


@dataclass
class Launch:
    """A server that is starting. Several can start side by side."""

    process: subprocess.Popen[str]
    errors: IO[str]
    server: Server | None = field(default=None)

    def ready(self) -> Server:
        """Wait until it answers. RuntimeError with what it said where it does not start."""
        if self.server is None:
            out, _ = self.process.communicate(timeout=READY_SECONDS)
            if self.process.returncode != 0:
                self.errors.seek(0)
                raise RuntimeError(f"the server did not start:\n{self.errors.read()}")
            self.errors.close()
            self.server = described(json.loads(out))
        return self.server

    def stop(self) -> None:
        """Wait until it has started, and end it."""
        self.ready().stop()


def launch(kind: str, data: Path, *options: str) -> Launch:
    """Begin to start a server: `kafka`, `search`, `opensearch` or `objects`, with everything it holds in `data`."""
    data.mkdir(parents=True, exist_ok=True)
    errors = (data / "start.err").open("w+")
    command = [sys.executable, str(HERE / SCRIPTS[kind]), "--data", str(data), *ENGINES.get(kind, ()), *options]
    return Launch(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True), errors)


def described(about: dict[str, Any]) -> Server:
    """The server that a start script describes."""
    pids = about["pids"].values() if "pids" in about else [about["pid"]]
    return Server(about.get("bootstrap") or about["url"], tuple(pids), Path(about["data"]), about["version"])


def lacking(kind: str) -> str | None:
    """What this machine lacks to start the server; None if nothing."""
    if kind == "objects":
        return "Go (go), which builds it" if shutil.which("go") is None and downloads(kind) is not None else None
    if shutil.which("mvn") is None:
        return "Maven (mvn), which fetches the servers"
    if kind == "kafka":
        return None if java_version() >= 17 else "Java 17 or newer (java)"
    return None if whole_jdk() else "a whole JDK 21 or newer (PROBEWATCH_JAVA_HOME, JAVA_HOME or /usr/lib/jvm)"


def downloads(kind: str) -> str | None:
    """How much a start would download; None where the cache has it."""
    cache = Path(os.environ.get("PROBEWATCH_SERVICES_CACHE") or Path.home() / ".cache/probewatch-services")
    name, size = {
        "kafka": ("kafka", "43 MB"),
        "search": ("elasticsearch", "1.1 GB"),
        "opensearch": ("opensearch", "161 MB"),
        "objects": ("minio", "300 MB"),
    }[kind]
    return None if any(path.is_dir() for path in cache.glob(f"{name}-*")) else size


def java_version() -> int:
    """Major version of the `java` on the path; 0 if there is none."""
    if shutil.which("java") is None:
        return 0
    said = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(\d+)', said)
    return int(found[1]) if found else 0


def whole_jdk() -> bool:
    """Whether the search servers' start script would find a JDK that they can run on."""
    named = [os.environ.get("PROBEWATCH_JAVA_HOME"), os.environ.get("JAVA_HOME")]
    homes = [Path(home) for home in named if home] + sorted(Path("/usr/lib/jvm").glob("*"))
    return any(_is_whole_jdk(home) for home in homes)


def _is_whole_jdk(home: Path) -> bool:
    release = home / "release"
    if not release.is_file() or not (home / "bin/javac").exists():
        return False
    text = release.read_text()
    version = re.search(r'JAVA_VERSION="(\d+)', text)
    return version is not None and int(version[1]) >= 21 and "jdk.jdi" in text

"""The image as far as it goes without a container engine: linted, put together, and run where it cannot write."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from services.fixtures import refuse
from services.tools import CACHE

REPOSITORY = Path(__file__).parents[2]
IMAGE = REPOSITORY / "deploy" / "image"
CPU = "generic"
SETTINGS = """
[keys]
secret = {{ env = "KEY" }}
[source.files]
paths = ["{log}"]
[sinks.file]
type = "file"
path = "{state}/alerts.ndjson"
[runtime]
state = "{state}"
[health]
port = 0
[log]
form = "json"
"""


def digest() -> str:
    """What the image is made of."""
    files = [IMAGE / "assemble", IMAGE / "kernels.toml", REPOSITORY / "pyproject.toml", REPOSITORY / "constraints.txt"]
    for package in ("detectors", "monitor"):
        files += sorted(p for p in (REPOSITORY / package).rglob("*") if p.is_file() and "__pycache__" not in p.parts)
    sums = b"".join(hashlib.sha256(file.read_bytes()).digest() for file in files)
    return hashlib.sha256(sums + sys.version.encode()).hexdigest()[:16]


@pytest.fixture(scope="session")
def prefix(request: pytest.FixtureRequest) -> Path:
    """The package as `assemble` puts it together; kept until what it is made of changes."""
    if shutil.which("unshare") is None:
        refuse(request.config, "the image's file system needs unshare")
    place = CACHE / "image" / digest()
    if not (place / "complete").exists():
        shutil.rmtree(CACHE / "image", ignore_errors=True)  # one of them is 600 MB
        place.parent.mkdir(parents=True)
        variables = {**os.environ, "PYTHON": sys.executable, "CPU": CPU, "EXTRAS": "s3"}
        done = subprocess.run([IMAGE / "assemble", REPOSITORY, place], env=variables, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        (place / "complete").touch()
    for script in ("start", "healthy"):
        shutil.copy(IMAGE / script, place / "bin" / script)
    return place


def test_the_linter_finds_nothing() -> None:
    linter = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([linter, IMAGE / "Dockerfile"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    refused = subprocess.run([linter, "-"], input="FROM python\nRUN cd /", capture_output=True, text=True, check=False)
    assert refused.returncode != 0


def test_everything_that_is_copied_is_in_the_build_context() -> None:
    lines = (IMAGE / "Dockerfile").read_text().splitlines()
    copied = [
        name for line in lines if line.startswith("COPY ") and "--from" not in line for name in line.split()[1:-1]
    ]
    allowed = re.findall(r"^!(.+)$", (IMAGE / "Dockerfile.dockerignore").read_text(), re.MULTILINE)
    assert len(copied) >= 8
    for name in copied:
        assert (REPOSITORY / name).exists()
        assert any(name == one or name.startswith(f"{one}/") for one in allowed), f"{name} is ignored"


def test_it_runs_as_nobody_special() -> None:
    last = (IMAGE / "Dockerfile").read_text().rpartition("FROM ")[2]
    assert re.search(r"^USER 10001:10001$", last, re.MULTILINE)
    assert re.search(r"^HEALTHCHECK .*healthy", last, re.MULTILINE)


@pytest.mark.deployment
@pytest.mark.timeout(1800)
def test_it_starts_quickly_on_a_file_system_that_it_cannot_write(prefix: Path, tmp_path: Path) -> None:
    state, kernels = tmp_path / "state", tmp_path / "kernels"
    state.mkdir()
    kernels.mkdir()
    (log,) = prefix.glob("lib/python3.*/site-packages/monitor/console/demo/day.ndjson.zst")
    (tmp_path / "probewatch.toml").write_text(SETTINGS.format(log=log, state=state))
    script = (
        f"mount --make-rprivate / && mount --bind {state} {state} && mount --bind {kernels} {kernels} && "
        f"mount -o remount,bind,ro / && ! touch {tmp_path}/x 2>/dev/null && "
        f"exec {prefix}/bin/start run --config {tmp_path}/probewatch.toml"
    )
    rights = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    variables = {
        "PATH": "/usr/bin:/bin",
        "HOME": "/nonexistent",
        "KEY": base64.b64encode(b"k" * 32).decode(),
        "NUMBA_CACHE_DIR": str(kernels),
        "NUMBA_CPU_NAME": CPU,
        "NUMBA_CPU_FEATURES": "",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command = ["unshare", *rights, "--mount", "sh", "-c", script]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["message"] for line in done.stderr.splitlines()][-1] == "ended"
    assert b'"tier":"named"' in (state / "alerts.ndjson").read_bytes()
    brought = {str(path.relative_to(prefix / "kernels")) for path in (prefix / "kernels").rglob("*.nb?")}
    there = {str(path.relative_to(kernels)) for path in kernels.rglob("*.nb?")}
    assert len(brought) > 50
    assert there == brought, "kernels were compiled anew, so that the start was slow"

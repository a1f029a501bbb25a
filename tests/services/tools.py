"""The tools that judge what lies in `deploy/`, fetched once into the cache of the servers, never taken from the path.

Go tools are built in a module of their own, since some name exclusions that `go install` refuses; Debian's packages are
unpacked and not installed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from tempfile import mkdtemp
from types import MappingProxyType
from typing import Final

CACHE: Final = Path(os.environ.get("PROBEWATCH_SERVICES_CACHE") or Path.home() / ".cache/probewatch-services")

#: Module, version and package of each tool that Go builds.
GO: Final[Mapping[str, tuple[str, str, str]]] = MappingProxyType(
    {
        "compose": ("github.com/compose-spec/compose-go/v2", "v2.16.2", "cmd"),
        "hclfmt": ("github.com/hashicorp/hcl/v2", "v2.25.0", "cmd/hclfmt"),
        "helm": ("helm.sh/helm/v3", "v3.22.0", "cmd/helm"),
    }
)

#: Debian's packages of each tool, its own first, and where it lies in them.
DEBIAN: Final[Mapping[str, tuple[tuple[str, ...], str]]] = MappingProxyType(
    {
        "nginx": (("nginx",), "usr/sbin/nginx"),
        "promtool": (("prometheus",), "usr/bin/promtool"),
        "systemd-analyze": (("systemd", "libsystemd-shared"), "usr/bin/systemd-analyze"),
    }
)


def lacking_tool(name: str) -> str | None:
    """What this machine lacks to fetch the tool; None where it is there or can be fetched."""
    if place(name).exists():
        return None
    needed = "go" if name in GO else "apt-get"
    return None if shutil.which(needed) else needed


def place(name: str) -> Path:
    """Where the tool lies once it was fetched."""
    if name in GO:
        return CACHE / f"{name}-{GO[name][1]}" / name
    return CACHE / f"debian-{name}" / DEBIAN[name][1]


def tool(name: str) -> Path:
    """The tool, fetched on the first call: built by Go in two to four minutes, or unpacked in seconds."""
    if not place(name).exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        making = Path(mkdtemp(dir=CACHE))
        (_build if name in GO else _unpack)(name, making)
        home = CACHE / place(name).relative_to(CACHE).parts[0]
        with contextlib.suppress(OSError):  # another run was quicker
            making.rename(home)
    return place(name)


def libraries(name: str) -> dict[str, str]:
    """Variables with which a tool out of a Debian package finds the libraries that came with it."""
    found = {str(path.parent) for path in (CACHE / f"debian-{name}").rglob("*.so*")}
    return {"LD_LIBRARY_PATH": os.pathsep.join(sorted(found))} if found else {}


def _build(name: str, folder: Path) -> None:
    module, version, package = GO[name]
    variables = {**os.environ, "GOFLAGS": "-mod=mod"}
    (folder / "go.mod").write_text("module tools\n\ngo 1.24\n")
    for command in (
        ["go", "get", f"{module}/{package}@{version}"],
        ["go", "build", "-trimpath", "-ldflags", "-s -w", "-o", name, f"{module}/{package}"],
    ):
        subprocess.run(command, cwd=folder, env=variables, check=True, capture_output=True)


def _unpack(name: str, folder: Path) -> None:
    packages = DEBIAN[name][0]
    for package in packages:
        if subprocess.run(["apt-get", "download", package], cwd=folder, capture_output=True, check=False).returncode:
            subprocess.run(["apt-get", "update", "--quiet"], check=True, capture_output=True)  # a fresh machine
            done = subprocess.run(["apt-get", "download", package], cwd=folder, capture_output=True, check=False)
            if done.returncode and package == packages[0]:  # older releases have its libraries in the package itself
                raise RuntimeError(f"{package} cannot be fetched: {done.stderr.decode()}")
    for file in folder.glob("*.deb"):
        subprocess.run(["dpkg", "--extract", file, folder], check=True)
        file.unlink()

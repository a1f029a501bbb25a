"""Fetches the servers of the tests before the tests run, and says first how much that is; or, asked for `tools`, those
that judge `deploy/`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from services.launch import SCRIPTS, downloads, lacking, launch
from services.tools import DEBIAN, GO, lacking_tool, place, tool


def main() -> int:
    """Start and stop each server that is not in the cache yet, or fetch the tools; 1 where one could not be fetched."""
    if os.environ.get("SERVERS") == "no":
        print("SERVERS=no: the tests with real servers are left out")
        return 0
    if sys.argv[1:] == ["tools"]:
        return max(fetched_tool(name) for name in (*GO, *DEBIAN))
    lacks = {kind: lacking(kind) for kind in SCRIPTS}
    sizes = {kind: size for kind in SCRIPTS if lacks[kind] is None and (size := downloads(kind)) is not None}
    for kind, what in lacks.items():
        if what is not None:
            print(f"the {kind} server needs {what}: its tests will not run, and in continuous integration they fail")
    if sizes:
        told = " and ".join(f"{size} for the {kind} server" for kind, size in sizes.items())
        print(f"downloading through Maven and Go, once: {told} (SERVERS=no leaves their tests out)", flush=True)
    return max((fetched(kind) for kind in sizes), default=0)


def fetched(kind: str) -> int:
    """Have it put together by a first start; 0, or 1 where that failed."""
    with TemporaryDirectory() as folder:
        try:
            launch(kind, Path(folder)).stop()
        except RuntimeError as problem:
            print(problem, file=sys.stderr)
            return 1
    return 0


def fetched_tool(name: str) -> int:
    """Have a tool that judges `deploy/` in the cache; 0, also where this machine lacks what it needs, or 1."""
    lacks = lacking_tool(name)
    if lacks is not None:
        print(f"{name} needs {lacks}: its tests will not run, and in continuous integration they fail")
        return 0
    if not place(name).exists():
        print(f"fetching {name}, once; Go builds for up to four minutes", flush=True)
    try:
        tool(name)
    except (RuntimeError, subprocess.CalledProcessError) as problem:
        print(f"{name}: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

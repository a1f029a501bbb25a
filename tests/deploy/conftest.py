"""What tests of `deploy/` share: its folder, and tools that were fetched for them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from services.fixtures import refuse
from services.tools import lacking_tool, libraries, tool

DEPLOY = Path(__file__).parents[2] / "deploy"
Call = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def call(request: pytest.FixtureRequest) -> Call:
    """Runs a tool: call("promtool", "check", "rules", file, cwd=folder)."""

    def run(name: str, *arguments: str | Path, **more: object) -> subprocess.CompletedProcess[str]:
        lacks = lacking_tool(name)
        if lacks is not None:
            refuse(request.config, f"{name} needs {lacks}")
        command = [str(tool(name)), *map(str, arguments)]
        variables = os.environ | libraries(name)
        return subprocess.run(command, env=variables, capture_output=True, text=True, check=False, **more)  # type: ignore[call-overload]

    return run

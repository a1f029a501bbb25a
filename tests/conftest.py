"""What all tests share: real servers, started once per run where a test asks for them. No test races the clock.

With `--numprocesses`, whatever needs servers runs in one process, first, because it mostly waits; every other file
stays whole, so that what its tests share is made once.
"""

from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

pytest_plugins = ["services.fixtures"]

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="write golden alerts anew; read their diff")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.get_closest_marker("servers") is None)


class Whole(LoadScopeScheduling):  # type: ignore[misc]
    """Every file in one process, and all files with tests that need servers in the same one."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return "servers" if needs_servers(self.config.rootpath / file) else file


@cache
def needs_servers(file: Path) -> bool:
    """Whether a file of tests asks for real servers."""
    return "pytest.mark.servers" in file.read_text()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Whole:
    return Whole(config, log)


@pytest.fixture
def update(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are to be written anew."""
    return bool(request.config.getoption("--update"))

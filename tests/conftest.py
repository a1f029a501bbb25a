"""What all tests share: real servers, started once per run where a test asks for them. No test races the clock.

With `--numprocesses`, whatever needs servers runs in one process, first, because it mostly waits; every other file
stays whole, so that what its tests share is made once.
"""

import pytest
from hypothesis import settings

pytest_plugins = ["services.fixtures"]

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="write golden alerts anew; read their diff")


@pytest.hookimpl(tryfirst=True)  # before groups are read
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        served = item.get_closest_marker("servers") is not None
        item.add_marker(pytest.mark.xdist_group("servers" if served else item.nodeid.partition("::")[0]))
    items.sort(key=lambda item: item.get_closest_marker("servers") is None)


@pytest.fixture
def update(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are to be written anew."""
    return bool(request.config.getoption("--update"))

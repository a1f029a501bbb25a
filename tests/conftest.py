"""What all tests share: real servers, started once per run where a test asks for them. No test races the clock."""

import pytest
from hypothesis import settings

pytest_plugins = ["services.fixtures"]

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="write golden alerts anew; read their diff")


@pytest.fixture
def update(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are to be written anew."""
    return bool(request.config.getoption("--update"))

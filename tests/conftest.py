"""What all tests share: real servers, started once per run where a test asks for them. No test races the clock."""

from hypothesis import settings

pytest_plugins = ["services.fixtures"]

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

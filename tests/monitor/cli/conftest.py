import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from installed import KEY, Invoke, metadata

from monitor.cli.root import root


@pytest.fixture
def invoke(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Invoke]:
    """Runs a command in this process, with a key and two detectors installed."""
    monkeypatch.syspath_prepend(str(metadata(tmp_path_factory.mktemp("package"))))
    monkeypatch.setenv("PROBEWATCH_KEY", KEY)

    def call(*arguments: str | Path, input: str | None = None) -> Result:
        return CliRunner().invoke(root, [str(one) for one in arguments], input=input)

    yield call
    importlib.invalidate_caches()

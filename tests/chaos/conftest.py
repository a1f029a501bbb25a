"""What the tests of chaos share: one warm process, one log with its oracle."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from chaos.lives import Lives, MakeLives, Place
from chaos.nursery import Nursery
from chaos.scene import Oracle, Scene, fill, lines, oracle
from installed import KEY
from services.launch import Server

from monitor.config.settings import Settings

RECORDS = 8_000
PARTITIONS = 4


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    made = Nursery()
    yield made
    made.close()


@pytest.fixture(scope="session")
def key() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PROBEWATCH_KEY", KEY)
        yield


@pytest.fixture(scope="session")
def scene(kafka: Server) -> Scene:
    return fill(kafka.address, lines(RECORDS, PARTITIONS))


@pytest.fixture(scope="session")
def quiet(scene: Scene, key: None) -> Oracle:
    found = oracle(scene, Settings())
    assert len(found.findings) > 30
    return found


@pytest.fixture
def daemons(nursery: Nursery, kafka: Server, scene: Scene, tmp_path: Path) -> Iterator[MakeLives]:
    """Places of one group that share their snapshots, each with a file as its sink: daemons("a", instance="a")."""
    group, made = uuid.uuid4().hex[:8], list[Lives]()

    def make(name: str, **settings: object) -> Lives:
        values = {
            "folder": tmp_path / name,
            "brokers": kafka.address,
            "topic": scene.topic,
            "group": group,
            "sinks": f'[sinks.file]\ntype = "file"\npath = "{tmp_path / name}/alerts.ndjson"\n',
            "snapshots": tmp_path / "snapshots",
        }
        made.append(Lives(nursery, Place(**(values | settings))))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for lives in made:
        lives.end()

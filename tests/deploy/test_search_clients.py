"""The sink with either generation of the Elasticsearch client that we allow: the one that is installed, and 8.19."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from services.launch import Server
from wires import wire

from monitor.siem.install import install
from monitor.siem.requests import Request
from monitor.sinks.bulk import stream_name

OLDER = "elasticsearch>=8.19,<9"
DELIVER = """
import sys
import elasticsearch
from findings import several
from monitor.config.sinks import ElasticsearchSettings
from monitor.sinks.build import build_sinks
settings = ElasticsearchSettings(type="elasticsearch", hosts=(sys.argv[1],), namespace=sys.argv[2], timeout_s=60)
[sink] = build_sinks({"search": settings})
for alerts in (several(3), several(4)):
    print(elasticsearch.__versionstr__, sorted({one.verdict for one in sink.send(alerts)}))
sink.close()
"""


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the older client, before which nothing else is found."""
    folder = tmp_path_factory.mktemp("older")
    command = [
        sys.executable,
        "-m",
        "pip",
        "--disable-pip-version-check",
        "install",
        "--quiet",
        "--target",
        folder,
        OLDER,
    ]
    subprocess.run(command, check=True)
    return folder


@pytest.fixture
def namespace(elasticsearch: Server) -> Iterator[str]:
    name = f"test_{uuid.uuid4().hex[:12]}"
    with wire(elasticsearch.address) as reached:
        install(reached, name)
        yield name
        reached.send(Request("data stream", "DELETE", f"/_data_stream/{stream_name(name)}"))


@pytest.mark.deployment
@pytest.mark.servers
@pytest.mark.parametrize("generation", ["8", "9"])
def test_alerts_arrive_once_with_either_client(
    elasticsearch: Server, namespace: str, older: Path, generation: str
) -> None:
    path = [*([str(older)] if generation == "8" else []), "tests", "."]
    done = subprocess.run(
        [sys.executable, "-c", DELIVER, elasticsearch.address, namespace],
        cwd=Path(__file__).parents[2],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    assert len(said) == 2
    assert all(line.startswith(f"{generation}.") and line.endswith("['delivered']") for line in said), said
    with wire(elasticsearch.address) as reached:
        reached.send(Request("refresh", "POST", f"/{stream_name(namespace)}/_refresh"))
        assert reached.send(Request("count", "GET", f"/{stream_name(namespace)}/_count"))["count"] == 4

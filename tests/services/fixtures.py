"""Fixtures with real servers: `kafka`, `elasticsearch`, `opensearch` and `objects` once per run, and factories of more.

Tests that use them are marked `servers`. They are skipped, loudly, where `SERVERS=no` or where this machine lacks what
the servers need; where `CI=true`, that is a failure. PROBEWATCH_TEST_KAFKA (`host:port`),
PROBEWATCH_TEST_ELASTICSEARCH, PROBEWATCH_TEST_OPENSEARCH and PROBEWATCH_TEST_OBJECTS (URLs) name servers that run
already.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from services.launch import Launch, Server, downloads, lacking, launch

RUNNING = {
    "kafka": "PROBEWATCH_TEST_KAFKA",
    "search": "PROBEWATCH_TEST_ELASTICSEARCH",
    "opensearch": "PROBEWATCH_TEST_OPENSEARCH",
    "objects": "PROBEWATCH_TEST_OBJECTS",
}
FIXTURES = {"kafka": "kafka", "elasticsearch": "search", "opensearch": "opensearch", "objects": "objects"}
SHARED_OPTIONS = {
    "kafka": ("--set", "log.cleaner.backoff.ms=500"),
    "search": (),
    "opensearch": (),
    "objects": (),
}  # compaction within a test
OFF = "SERVERS=no"
NEEDED = pytest.StashKey[set[str]]()
REFUSED = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[NEEDED] = set()
    config.stash[REFUSED] = []


def pytest_collection_finish(session: pytest.Session) -> None:
    for item in session.items:
        names = set(getattr(item, "fixturenames", ()))
        session.config.stash[NEEDED] |= {FIXTURES[name] for name in names & FIXTURES.keys()}


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("servers") and os.environ.get("SERVERS") == "no":
        refuse(item.config, OFF)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    refused = config.stash[REFUSED]
    if refused:
        terminalreporter.section(f"{len(refused)} TESTS WITH REAL SERVERS DID NOT RUN", yellow=True)
        for reason in sorted(set(refused)):
            terminalreporter.write_line(reason)


def refuse(config: pytest.Config, reason: str) -> NoReturn:
    """Skip the test; in continuous integration, fail it."""
    config.stash[REFUSED].append(reason)
    if os.environ.get("CI") == "true":
        pytest.fail(f"tests with real servers have to run in continuous integration: {reason}")
    pytest.skip(reason)


Start = Callable[..., Server]


class Park:
    """The servers of this run."""

    def __init__(self, config: pytest.Config, folder: Path) -> None:
        self._config = config
        self._folder = folder
        self._shared: dict[str, Launch] = {}

    def shared(self, kind: str) -> Server:
        """The server that all tests share. With the first one, all that this run needs start, side by side."""
        running = os.environ.get(RUNNING[kind])
        if running:
            return Server(running)
        self.check(kind)
        for other in sorted(self._config.stash[NEEDED] | {kind}):
            if other not in self._shared and not os.environ.get(RUNNING[other]) and lacking(other) is None:
                self._shared[other] = self.launch(other, *SHARED_OPTIONS[other])
        return self._shared[kind].ready()

    def launch(self, kind: str, *options: str) -> Launch:
        """Begin to start one more server, in a folder of its own."""
        self.check(kind)
        size = downloads(kind)
        if size is not None:
            self._say(f"\ndownloading the {kind} server, once: {size}")
        return launch(kind, self._folder / f"{kind}-{uuid.uuid4().hex[:8]}", *options)

    def stop(self) -> None:
        """End the shared servers."""
        for starting in self._shared.values():
            starting.stop()

    def check(self, kind: str) -> None:
        """Refuse the test where servers are switched off, or this machine lacks what this one needs."""
        if os.environ.get("SERVERS") == "no":
            refuse(self._config, OFF)
        missing = lacking(kind)
        if missing is not None:
            refuse(self._config, f"the {kind} server needs {missing}")

    def _say(self, text: str) -> None:
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            reporter.write_line(text)


@pytest.fixture(scope="session")
def park(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Park]:
    park = Park(request.config, tmp_path_factory.mktemp("servers"))
    yield park
    park.stop()


@pytest.fixture(scope="session")
def kafka(park: Park) -> Server:
    """Apache Kafka, one broker; `address` is its `host:port`. Use topics and groups of your own."""
    return park.shared("kafka")


@pytest.fixture(scope="session")
def elasticsearch(park: Park) -> Server:
    """Elasticsearch without security; `address` is its URL. Use index names of your own."""
    return park.shared("search")


@pytest.fixture(scope="session")
def opensearch(park: Park) -> Server:
    """OpenSearch, the minimal distribution, without security; `address` is its URL. Use namespaces of your own."""
    return park.shared("opensearch")


@pytest.fixture(scope="session")
def objects(park: Park) -> Server:
    """MinIO, which speaks the S3 protocol; `address` is its URL. Use buckets of your own."""
    return park.shared("objects")


@pytest.fixture
def start_objects(park: Park) -> Iterator[Start]:
    """An object store of the test's own."""
    yield from _factory(park, "objects")


@pytest.fixture
def start_kafka(park: Park) -> Iterator[Start]:
    """A Kafka of the test's own: start_kafka("--brokers", "3", "--set", "message.max.bytes=1000")."""
    yield from _factory(park, "kafka")


@pytest.fixture
def start_search(park: Park) -> Iterator[Start]:
    """A search server of the test's own: start_search("--password", "secret") has security, user `elastic_admin`."""
    yield from _factory(park, "search")


@pytest.fixture(scope="session")
def secured_elasticsearch(park: Park) -> Iterator[Callable[[str], Server]]:
    """An Elasticsearch with security, once per run for each password: secured_elasticsearch("secret")."""
    started: dict[str, Server] = {}

    def start(password: str) -> Server:
        if password not in started:
            started[password] = park.launch("search", "--password", password).ready()
        return started[password]

    yield start
    for server in started.values():
        server.stop()


@pytest.fixture
def topic(kafka: Server) -> Callable[..., str]:
    """Makes topics with names of their own: topic(partitions=4, cleanup_policy="compact")."""

    def make(partitions: int = 1, **settings: str) -> str:
        from kafka import KafkaAdminClient

        name = f"test-{uuid.uuid4().hex[:12]}"
        # recorded traffic is years old, and a broker deletes what is older than a week by its timestamps
        configs = {"retention.ms": "-1"} | {key.replace("_", "."): value for key, value in settings.items()}
        admin = KafkaAdminClient(bootstrap_servers=kafka.address)
        admin.create_topics({name: {"num_partitions": partitions, "replication_factor": 1, "configs": configs}})
        admin.close()
        return name

    return make


def _factory(park: Park, kind: str) -> Iterator[Start]:
    servers: list[Server] = []

    def start(*options: str) -> Server:
        servers.append(park.launch(kind, *options).ready())
        return servers[-1]

    yield start
    for server in servers:
        server.stop()

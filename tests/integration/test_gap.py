"""Records that expire while nobody reads, on the real servers: one finding about the gap, and no second one."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

import pytest
from installed import DETECTORS, Daemon, metadata
from kafka import KafkaAdminClient, TopicPartition
from probing import records
from services.launch import Server
from watched import Watched

pytestmark = [pytest.mark.servers, pytest.mark.timeout(900)]

READ, EXPIRED, ALL = 300, 450, 600


def test_records_that_expired_while_we_were_down_are_one_finding(
    tmp_path: Path, kafka: Server, elasticsearch: Server
) -> None:
    package = metadata(tmp_path / "package", DETECTORS)
    stage = Watched(tmp_path, package, kafka.address, elasticsearch.address, partitions=1, snapshots=100)
    lines = [line for _, line in records(ALL)]
    stage.produce((line, None, []) for line in lines[:READ])
    daemon = stage.start()
    stage.wait(daemon, has_received(READ))
    stage.finish(daemon)
    assert gaps(stage) == {}
    snapshots, kept = tmp_path / "state" / "snapshots", tmp_path / "kept"
    shutil.copytree(snapshots, kept)
    stage.produce((line, None, []) for line in lines[READ:])
    admin = KafkaAdminClient(bootstrap_servers=kafka.address)
    admin.delete_records({TopicPartition(stage.topic, 0): EXPIRED})
    admin.close()
    for _ in range(2):  # the second time as if the first had been killed before its snapshot
        daemon = stage.start()
        stage.wait(daemon, has_received(ALL - EXPIRED))
        assert daemon.metric("probewatch_records_missed_total") == EXPIRED - READ
        daemon.process.send_signal(signal.SIGTERM)
        assert daemon.process.wait(stage.patience) == 0, daemon.lines()[-5:]
        shutil.rmtree(snapshots)
        shutil.copytree(kept, snapshots)
    ((name, document),) = gaps(stage).items()
    own = document["probewatch"]
    assert isinstance(own, dict)
    assert (own["lineage"]["first_offset"], own["lineage"]["last_offset"]) == (READ, EXPIRED - 1)
    assert "user" not in document
    (listed,) = stage.told("alerts", "list", "--family", "gap")
    assert f"{listed['finding']}-0001" == name


def has_received(count: int):
    def received(daemon: Daemon) -> bool:
        return daemon.metric("probewatch_records_received_total") >= count

    return received


def gaps(stage: Watched) -> dict[str, dict[str, object]]:
    """The documents about gaps, by id."""
    return {name: one for name, one in stage.documents().items() if one["probewatch"]["family"] == "gap"}  # type: ignore[index]

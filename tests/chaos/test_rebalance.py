"""Who owns a partition, on the real broker: zombies, rolling restarts, daemons that come and go."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from chaos.judge import compare
from chaos.kill_points import KillPoint
from chaos.lives import Lives, MakeLives, wait_until
from chaos.scene import Oracle, Scene
from kafka import KafkaAdminClient
from services.launch import Server

from monitor.formats.native import encode, parse
from monitor.runtime.folder import SnapshotFolder

# starting servers and compiling kernels is not what is timed
pytestmark = [pytest.mark.servers, pytest.mark.timeout(600, func_only=True)]

ASSIGNMENTS = ("range", "cooperative-sticky")
SESSION = 6.0


def offsets(snapshots: Path) -> dict[int, int]:
    return {header["partition"]: header["next_offset"] for _, _, header in SnapshotFolder(snapshots).latest()}


def written(snapshots: Path) -> dict[str, bytes]:
    """Every state that was written. Claims are left out: a zombie that has joined again, and is given partitions by the
    group, claims them rightly."""
    return {file.name: file.read_bytes() for file in snapshots.iterdir() if not file.name.startswith("claim-")}


def committed(kafka: Server, group: str) -> dict[int, int]:
    admin = KafkaAdminClient(bootstrap_servers=kafka.address)
    try:
        found = admin.list_group_offsets([group])[group]
    finally:
        admin.close()
    return {at.partition: about.offset for at, about in found.items()}


def alerts(*places: Lives) -> list[tuple[str, bytes]]:
    """What the places have delivered into their files, each alert once: two of them may have made the same one."""
    files = [file for one in places if (file := one.place.folder / "alerts.ndjson").exists()]
    found = {line for file in files for line in file.read_bytes().splitlines()}
    return [(parse(line).id, line) for line in sorted(found)]


def expected(quiet: Oracle) -> dict[str, bytes]:
    return {name: encode(one) for name, one in quiet.findings.items()}


def read_all(scene: Scene, snapshots: Path) -> Callable[[], bool]:
    return lambda: sum(offsets(snapshots).values()) >= scene.records


@pytest.mark.parametrize(
    ("step", "assignment"),
    [
        ("monitor.sources.kafka:KafkaSource.confirm", "range"),
        pytest.param("monitor.runtime.partitions:Partitions.feed", "cooperative-sticky", marks=pytest.mark.chaos),
    ],
)
def test_a_zombie_writes_neither_state_nor_offsets(
    daemons: MakeLives, kafka: Server, scene: Scene, quiet: Oracle, tmp_path: Path, step: str, assignment: str
) -> None:
    group = f'assignment = "{assignment}"\nrecords = 100'
    zombie, heir = daemons("zombie", kafka=group, pace=0.02), daemons("heir", kafka=group)
    frozen = zombie.start(KillPoint(step, 2, 1, signal.SIGSTOP))
    wait_until(lambda: _stopped(frozen.pid), frozen.lines)
    heir.start()
    wait_until(read_all(scene, tmp_path / "snapshots"), lambda: heir.last.lines()[-5:])
    wait_until(lambda: sum(committed(kafka, zombie.place.group).values()) == scene.records)
    before = written(tmp_path / "snapshots")
    frozen.send(signal.SIGCONT)
    said = "no snapshot: the group does not count the partition as ours"
    if "confirm" in step:
        wait_until(lambda: bool(frozen.said(said)), lambda: frozen.lines()[-5:])
    time.sleep(3.0)  # six times the time between two snapshots
    assert written(tmp_path / "snapshots") == before
    assert sum(committed(kafka, zombie.place.group).values()) == scene.records
    assert frozen.stop() == 0, frozen.lines()[-5:]
    assert heir.last.stop() == 0
    assert offsets(tmp_path / "snapshots") == {number: len(part) for number, part in enumerate(scene.parts)}
    assert compare(expected(quiet), alerts(zombie, heir)).good


@pytest.mark.chaos
def test_a_rolling_restart_of_static_members_moves_nothing(
    daemons: MakeLives, scene: Scene, quiet: Oracle, tmp_path: Path
) -> None:
    places = [daemons(name, instance=name, kafka="records = 100", session=30, pace=0.2) for name in ("a", "b")]
    for one in places:
        one.start()
    wait_until(lambda: all(one.last.partitions() == 2 for one in places), places[0].last.lines)
    owned, dropped = [_owned(one) for one in places], _dropped(places)
    for one in (*places, *places):  # twice around, once in order and once killed
        (one.last.stop if len(one.all) == 1 else one.last.kill)()
        one.start()
        wait_until(lambda one=one: one.last.partitions() == 2, lambda one=one: one.last.lines())
    assert [_owned(one) for one in places] == owned
    assert _dropped(places) == dropped, "something has moved"
    wait_until(read_all(scene, tmp_path / "snapshots"))
    for one in places:
        assert one.last.stop() == 0
    assert compare(expected(quiet), alerts(*places)).good


@pytest.mark.chaos
@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_one_to_four_daemons_come_and_go(
    daemons: MakeLives, scene: Scene, quiet: Oracle, tmp_path: Path, assignment: str
) -> None:
    group = f'assignment = "{assignment}"\nrecords = 100'
    places = [daemons(name, kafka=group, pace=0.2) for name in "abcd"]
    moved = []
    for here in ("a", "ab", "abc", "abcd", "bcd", "cd", "d"):
        begun = time.monotonic()
        for one in places:
            name = one.place.folder.name
            if name in here and not (one.all and one.last.running):
                one.start()
            if name not in here and one.all and one.last.running:
                assert one.last.stop() == 0
        running = [one for one in places if one.place.folder.name in here]
        wait_until(lambda running=running: _shared(running, len(scene.parts)), lambda: str(moved))
        moved.append(f"{here}: {time.monotonic() - begun:.1f} s")
    wait_until(read_all(scene, tmp_path / "snapshots"))
    assert places[-1].last.stop() == 0
    print(assignment, moved, "partitions taken:", sum(len(_taken(one)) for one in places))
    assert compare(expected(quiet), alerts(*places)).good


def _shared(running: list[Lives], partitions: int) -> bool:
    counts = [one.last.partitions() for one in running]
    return sum(counts) == partitions and min(counts) >= partitions // len(running)


def _taken(lives: Lives) -> list[object]:
    return [line["partition"] for life in lives.all for line in life.said("partition taken")]


def _owned(lives: Lives) -> set[object]:
    """What the last life has, by what it says."""
    owned: set[object] = set()
    for line in lives.last.lines():
        if line["message"] == "partition taken":
            owned.add(line["partition"])
        if line["message"] == "partition dropped":
            owned.discard(line["partition"])
    return owned


def _dropped(places: list[Lives]) -> int:
    return sum(len(life.said("partition dropped")) for one in places for life in one.all)


def _stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "T"

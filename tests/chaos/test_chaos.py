"""Rounds of faults and kills. What has no mark `chaos` is the short share that runs with all tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random, SystemRandom

import pytest
from chaos.cluster import Cluster
from chaos.kills import passage
from chaos.nursery import Nursery
from chaos.rounds import play
from chaos.scene import Oracle, Scene, fill, lines, oracle
from services.launch import Server

from monitor.config.settings import Settings

# starting servers and compiling kernels is not what is timed
pytestmark = [pytest.mark.servers, pytest.mark.timeout(600, func_only=True)]
SHARE = ("search half", "search rolled", "rebalance", "webhook 500", "kill")
MACHINE = ("clock back", "full disk", "read-only disk", "clock ahead")


def test_a_few_kills(
    nursery: Nursery, scene: Scene, quiet: Oracle, kafka: Server, elasticsearch: Server, tmp_path: Path
) -> None:
    seed = SystemRandom().randrange(1_000_000)
    print(f"seed {seed}")
    chance = Random(f"a few kills {seed}")
    kills = 0
    while kills < 5:  # a quick machine is at the end of the log before that, and begins again
        place = tmp_path / str(kills)
        found = passage(nursery, place, scene, quiet, kafka.address, elasticsearch.address, chance, most=5 - kills)
        assert found.good, (seed, found)
        assert found.kills, seed
        kills += found.kills


def test_faults_of_the_far_sides_and_a_rebalance(
    nursery: Nursery, scene: Scene, quiet: Oracle, kafka: Server, elasticsearch: Server, tmp_path: Path
) -> None:
    seed = SystemRandom().randrange(1_000_000)
    print(f"seed {seed}")
    found = play(nursery, tmp_path, scene, quiet, elasticsearch.address, seed, kafka.address, named=SHARE)
    assert found.good, (seed, found)


@pytest.mark.chaos
@pytest.mark.parametrize("seed", [3])
def test_a_round_of_faults(
    nursery: Nursery, scene: Scene, quiet: Oracle, kafka: Server, elasticsearch: Server, tmp_path: Path, seed: int
) -> None:
    found = play(nursery, tmp_path, scene, quiet, elasticsearch.address, seed, kafka.address, faults=3)
    assert found.good, found


@pytest.mark.chaos
def test_a_dozen_kills(
    nursery: Nursery, scene: Scene, quiet: Oracle, kafka: Server, elasticsearch: Server, tmp_path: Path
) -> None:
    chance = Random("a dozen kills")
    found = passage(nursery, tmp_path, scene, quiet, kafka.address, elasticsearch.address, chance, most=12)
    assert found.good, found
    assert found.kills == 12


@pytest.mark.chaos
def test_faults_of_the_machine(
    nursery: Nursery, scene: Scene, quiet: Oracle, kafka: Server, elasticsearch: Server, tmp_path: Path
) -> None:
    found = play(nursery, tmp_path, scene, quiet, elasticsearch.address, 1, kafka.address, named=MACHINE)
    assert found.good, found


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    made = Cluster(tmp_path / "cluster")
    yield made
    made.stop()


@pytest.mark.chaos
@pytest.mark.parametrize("named", [["move leaders"] * 3, ["kill broker"] * 2], ids=["leaders", "killed"])
def test_brokers_fail_under_load(
    nursery: Nursery, key: None, elasticsearch: Server, cluster: Cluster, tmp_path: Path, named: list[str]
) -> None:
    scene = fill(cluster.address, lines(8_000, 4), cluster.brokers)
    wanted, before = oracle(scene, Settings()), cluster.leaders(scene.topic)
    found = play(nursery, tmp_path, scene, wanted, elasticsearch.address, 1, cluster, named=named)
    # each move asserts that every partition got another leader
    assert found.good, found
    assert cluster.leaders(scene.topic).keys() == before.keys()

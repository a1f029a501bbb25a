"""A short share of the chaos; `make chaos` plays more of it."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from chaos.kills import passage
from chaos.nursery import Nursery
from chaos.rounds import play
from chaos.scene import Oracle, Scene
from services.launch import Server

pytestmark = [pytest.mark.servers, pytest.mark.chaos, pytest.mark.timeout(600)]


@pytest.mark.parametrize("seed", [3])
def test_a_round_of_faults(
    nursery: Nursery, scene: Scene, quiet: Oracle, kafka: Server, elasticsearch: Server, tmp_path: Path, seed: int
) -> None:
    found = play(nursery, tmp_path, scene, quiet, elasticsearch.address, seed, kafka.address, faults=3)
    assert found.good, found


def test_a_dozen_kills(
    nursery: Nursery, scene: Scene, quiet: Oracle, kafka: Server, elasticsearch: Server, tmp_path: Path
) -> None:
    chance = Random("a dozen kills")
    found = passage(nursery, tmp_path, scene, quiet, kafka.address, elasticsearch.address, chance, most=12)
    assert found.good, found
    assert found.kills == 12

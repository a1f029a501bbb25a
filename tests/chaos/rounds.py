"""Rounds: a world, some faults chosen by a seed while its log is read, then peace, then the judge."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random

from chaos.cluster import Cluster
from chaos.faults import ANYWHERE, WITH_A_CLUSTER, Fault, move_leaders
from chaos.nursery import Nursery
from chaos.scene import Oracle, Scene
from chaos.world import Judged, judge, world


def play(
    nursery: Nursery,
    folder: Path,
    scene: Scene,
    oracle: Oracle,
    search: str,
    seed: int,
    cluster: Cluster | str,
    faults: int = 5,
    named: Sequence[str] = (),
) -> Judged:
    """One round. `cluster`: brokers of our own, or the address of some that are left alone. `named`: these faults
    and no others."""
    chance = Random(f"round {seed}")
    own = cluster if isinstance(cluster, Cluster) else None
    brokers = cluster if isinstance(cluster, str) else cluster.address
    ours = _of_brokers(own)
    known = {**ANYWHERE, **ours}
    chosen = list(named) or chance.sample(sorted(known), faults)
    if ours and not named and not set(chosen) & ours.keys():
        chosen[chance.randrange(faults)] = chance.choice(sorted(ours))
    with world(nursery, folder, scene, brokers, own, search, chance) as made:
        for number in range(chance.randint(1, 3)):
            made.start(number)
        time.sleep(1.0)
        for name in chosen:
            made.faults.append(f"{name} at {made.read()}")
            known[name](made)
            time.sleep(0.5)
        made.settle()
        return judge(made, oracle)


def _of_brokers(cluster: Cluster | None) -> Mapping[str, Fault]:
    """What can be done to these brokers: one alone has nobody to hand its partitions to."""
    if cluster is None:
        return {}
    return {name: fault for name, fault in WITH_A_CLUSTER.items() if cluster.brokers > 1 or fault is not move_leaders}

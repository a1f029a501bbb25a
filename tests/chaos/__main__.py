"""`python -m chaos --rounds 10 --seed 1 --kills 100`: rounds of faults, and many kills; ends with 1 where one is bad.

Servers: those of PROBEWATCH_TEST_KAFKA and PROBEWATCH_TEST_ELASTICSEARCH where they are set, else started for the run;
rounds with an odd number have three brokers of their own.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from random import Random, SystemRandom

from chaos.cluster import Cluster
from chaos.kills import passage
from chaos.nursery import Nursery
from chaos.rounds import play
from chaos.scene import fill, lines, oracle
from installed import KEY
from services.launch import launch

from monitor.config.settings import Settings

RECORDS = 16_000
PARTITIONS = 4
KILLS = 50  # in one passage through the log
KEPT = 200  # rounds and passages whose folders are kept apart


def main() -> None:
    """Plays what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(1_000_000))
    options = parser.parse_args()
    print(f"seed {options.seed}: {options.rounds} rounds, {options.kills} kills", flush=True)
    os.environ["PROBEWATCH_KEY"] = KEY
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    with ExitStack() as stack:
        search = _search(stack, folder)
        one = Cluster(folder / "kafka", brokers=1)
        stack.callback(one.stop)
        three = Cluster(folder / "cluster") if options.rounds > 1 else None
        if three is not None:
            stack.callback(three.stop)
        nursery = Nursery()
        stack.callback(nursery.close)
        bad = _rounds(nursery, folder, search, one, three, options.rounds, options.seed)
        bad += _kills(nursery, folder, search, one, options.kills, options.seed)
    print(f"seed {options.seed}: {'every round and passage is good' if not bad else f'{bad} are bad; see {folder}'}")
    sys.exit(1 if bad else 0)


def _rounds(
    nursery: Nursery, folder: Path, search: str, one: Cluster, three: Cluster | None, rounds: int, seed: int
) -> int:
    """How many rounds are bad."""
    parts = lines(RECORDS, PARTITIONS)
    scenes = {cluster: fill(cluster.address, parts, cluster.brokers) for cluster in (one, three) if cluster}
    oracles = {cluster: oracle(scene, Settings()) for cluster, scene in scenes.items()}
    bad = 0
    for number in range(rounds):
        cluster = three if three is not None and number % 2 else one
        place = folder / f"round-{number}"
        place.mkdir()
        begun = time.monotonic()
        found = play(nursery, place, scenes[cluster], oracles[cluster], search, seed + number, cluster)
        bad += not found.good
        seconds = time.monotonic() - begun
        print(
            f"round {number} (seed {seed + number}, {seconds:.0f} s): {'good' if found.good else 'BAD'}; {found}",
            flush=True,
        )
    return bad


def _kills(nursery: Nursery, folder: Path, search: str, one: Cluster, kills: int, seed: int) -> int:
    """How many passages are bad."""
    if not kills:
        return 0
    scene = fill(one.address, lines(RECORDS, 2))
    wanted = oracle(scene, Settings())
    done, bad, where, lost, doubled = 0, 0, Counter[str](), 0, 0
    while done < kills:
        place = folder / f"kills-{done}"
        begun = time.monotonic()
        most = min(KILLS, kills - done)
        found = passage(nursery, place, scene, wanted, one.address, search, Random(f"kills {seed + done}"), most)
        done += found.kills
        where += found.where
        bad += not found.good
        lost, doubled = lost + found.verdict.missing, doubled + found.verdict.doubled
        seconds = time.monotonic() - begun
        print(f"{done} kills ({seconds:.0f} s, {found.rollovers} rollovers): {found.verdict}", flush=True)
    print(f"{done} kills: {lost} lost, {doubled} doubled; " + ", ".join(f"{n} in {w}" for w, n in where.most_common()))
    return bad


def _search(stack: ExitStack, folder: Path) -> str:
    running = os.environ.get("PROBEWATCH_TEST_ELASTICSEARCH")
    if running:
        return running
    starting = launch("search", folder / "search")
    stack.callback(starting.stop)
    return starting.ready().address


if __name__ == "__main__":
    main()

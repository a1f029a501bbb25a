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

from traffic.assistant import Assistant
from traffic.judge import verdict
from traffic.records import Served, labels, merge
from traffic.scene import Game
from traffic.world import World

LIBRARIES = ("numpy", "scipy", "scikit-learn", "adversarial-robustness-toolbox")


def _accuracy(world: World) -> dict[str, dict[str, float]]:
    """Share of right answers on training records and on natural inputs, by version."""
    others, classes = world.natural()
    return {
        name: {
            "members": round(float((model(world.members).argmax(axis=1) == world.member_classes).mean()), 4),
            "others": round(float((model(others).argmax(axis=1) == classes).mean()), 4),
        }
        for name, model in world.versions.items()
    }


def manifest(games: Sequence[Game], seed: int, digest: str) -> dict[str, Any]:
    """What was played, with which libraries, and how well the attacks worked."""
    figures: dict[str, Any] = {"seed": seed, "sha256": digest, "worlds": {}}
    figures["packages"] = {name: version(name) for name in LIBRARIES}
    for game in games:
        world = game.world
        accuracy = {} if isinstance(world, Assistant) else _accuracy(world)
        figures["worlds"][world.name] = {
            "accuracy": accuracy,
            "queries": sum(len(p.trace) for p in game.cast),
            "clients": dict(sorted(Counter(str(p.label["kind"]) for p in game.cast).items())),
            "success": {kind: verdict(game.families[kind], asks) for kind, asks in game.attacks.items()},
        }
    return figures


def _put(stem: Path, suffix: str, content: bytes) -> None:
    """Write a file whole or not at all: somebody may be reading the one before."""
    whole, part = stem.with_name(stem.name + suffix), stem.with_name(stem.name + suffix + ".part")
    part.write_bytes(content)
    part.replace(whole)


def _log(games: Sequence[Game], seed: int, stem: Path, level: int) -> str:
    """Write the log line by line; the hash of its lines."""
    whole = stem.with_name(stem.name + ".ndjson.zst")
    part, digest = whole.with_name(whole.name + ".part"), hashlib.sha256()
    with part.open("wb") as raw, zstandard.ZstdCompressor(level=level).stream_writer(raw) as packed:
        for line in merge([(game.world, game.cast) for game in games], seed):
            digest.update(line + b"\n")
            packed.write(line + b"\n")
    part.replace(whole)
    return digest.hexdigest()


def write(games: Sequence[Game], seed: int, stem: Path, level: int = 5) -> dict[str, Any]:
    """Write STEM.ndjson.zst, STEM.labels.json, STEM.manifest.json, STEM.training.ndjson.zst; return the manifest."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    pack = zstandard.ZstdCompressor(level=level)
    digest = _log(games, seed, stem, level)
    table: dict[str, Any] = {}
    for game in games:
        table |= labels(game.cast)
    _put(stem, ".labels.json", orjson.dumps(table, option=orjson.OPT_INDENT_2))
    known: list[tuple[Served, Any]] = [(game.world, one) for game in games for one in game.world.members]
    training = b"".join(orjson.dumps({"model": w.name, **w.record(one, None, False)}) + b"\n" for w, one in known)
    _put(stem, ".training.ndjson.zst", pack.compress(training))
    figures = manifest(games, seed, digest)
    _put(stem, ".manifest.json", orjson.dumps(figures, option=orjson.OPT_INDENT_2))
    return figures

"""Hashes of the scenes as they were recorded: tests/benchmarks/detection/manifest.json, by scene and seed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

RECORDED = Path(__file__).resolve().parents[1] / "manifest.json"


def recorded(path: Path = RECORDED) -> dict[str, dict[str, Any]]:
    """What was recorded, by name of the scene with its seed; nothing where there is no such file."""
    return dict(orjson.loads(path.read_bytes())) if path.is_file() else {}


def compared(scene: str, seed: int, figures: dict[str, Any], path: Path = RECORDED) -> str:
    """Whether this log is the recorded one, as a sentence: on another processor the last bits may differ."""
    before = recorded(path).get(f"{scene}-{seed}")
    if before is None:
        return f"{scene}, seed {seed}: no hash is recorded"
    if before["sha256"] == figures["sha256"]:
        return f"{scene}, seed {seed}: the log is the recorded one"
    now, then = figures["packages"], before["packages"]
    others = [f"{name} {now[name]} instead of {then.get(name)}" for name in now if now[name] != then.get(name)]
    reason = ", ".join(others) or "another processor, or the generator has changed since"
    return f"{scene}, seed {seed}: the log is not the recorded one ({reason}); figures may differ a little"


def record(scene: str, seed: int, figures: dict[str, Any], path: Path = RECORDED) -> None:
    """Keep the hash, the counts and the library versions of a scene."""
    (world,) = figures["worlds"].values()
    entry = {
        "sha256": figures["sha256"],
        "queries": world["queries"],
        "clients": sum(world["clients"].values()),
        "packages": figures["packages"],
    }
    table = recorded(path) | {f"{scene}-{seed}": entry}
    path.write_bytes(orjson.dumps(dict(sorted(table.items())), option=orjson.OPT_INDENT_2) + b"\n")

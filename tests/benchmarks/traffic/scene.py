"""Plays whole scenes: learning days with honest clients and a few slow attackers, then attack days."""

from __future__ import annotations

import hashlib
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import zstandard

from traffic import evasion, extraction, honest_images, honest_images_unseen, honest_tables, inversion, membership, tables
from traffic.abuse import ATTACK, LEARNING, key_spray, many_models, volume_burst
from traffic.cast import Names, Role, perform, variants
from traffic.judge import verdict
from traffic.records import Played, labels, merge, render_input
from traffic.service import Service
from traffic.world import World

Rng = np.random.Generator
SEEDS = {"tune": 1, "held": 2}


@dataclass(frozen=True)
class Size:
    """How many clients play. `rare` is the share of attackers among the clients of the learning days."""

    learning: int = 190
    attack: int = 330
    unseen_each: int = 6
    attackers_each: int = 8
    variants_each: int = 1
    campaigns: tuple[int, ...] = (5,)
    abuse_each: int = 4
    rare: float = 0.01


@dataclass
class Game:
    """A played scene: all clients, and the services that the attackers of each kind used."""

    world: World
    cast: list[Played]
    attacks: dict[str, list[Service]]
    families: dict[str, str]


def image_roles() -> tuple[list[Role], list[Role], list[Role]]:
    """Roles of a picture service: honest and known, honest and unseen, attacks."""
    known = [Role(kind, what, tempo) for kind, (what, tempo) in honest_images.KNOWN.items()]
    unseen = [Role(kind, what, tempo, unseen=True) for kind, (what, tempo) in honest_images_unseen.UNSEEN.items()]
    attacks = []
    for family, module in (("evasion", evasion), ("inversion", inversion), ("membership-inference", membership)):
        for kind, what in module.ATTACKS.items():
            suffice = kind in module.LABELS_SUFFICE
            attacks.append(Role(kind, what, "machine", family, unseen=True, labels_suffice=suffice))
    attacks += [Role(kind, what, "machine", "extraction", unseen=True) for kind, what in extraction.ATTACKS.items()]
    attacks.append(Role("probe-replay", extraction.probe_replay, "machine", "property-inference", unseen=True))
    attacks.append(Role("trigger-patches", extraction.trigger_patches, "machine", "backdoor-probing", unseen=True))
    return known, unseen, attacks


def table_roles() -> tuple[list[Role], list[Role], list[Role]]:
    """Roles of a table service: honest and known, honest and unseen, attacks."""
    known = [Role(kind, what, tempo) for kind, (what, tempo) in honest_tables.KNOWN.items()]
    unseen = [Role(kind, what, tempo, unseen=True) for kind, (what, tempo) in honest_tables.UNSEEN.items()]
    attacks = [
        Role(kind, what, "machine", family, unseen=True, labels_suffice=kind in tables.LABELS_SUFFICE)
        for family, kinds in tables.ATTACKS.items()
        for kind, what in kinds.items()
    ]
    attacks.append(Role("score-only", membership.score_only, "machine", "membership-inference", unseen=True))
    return known, unseen, attacks


def honest_counts(roles: Sequence[Role], total: int) -> list[int]:
    """Ordinary users are four times as many as any other kind."""
    weights = np.array([4.0 if role.kind == "user" else 1.0 for role in roles])
    return [int(count) for count in np.maximum(1, np.rint(total * weights / weights.sum()))]


def play(world: World, roles: tuple[list[Role], list[Role], list[Role]], size: Size, seed: int, prefix: str = "key") -> Game:
    """Play one scene; every client has its own random stream, so that one client's change moves no other."""
    known, unseen, attacks = roles
    names = Names(np.random.default_rng([seed, 3]), prefix)
    game = Game(world, [], defaultdict(list), {role.kind: role.family for role in attacks if role.family})
    number = iter(range(10**6))

    def send(role: Role, part: tuple[int, int], count: int = 1) -> None:
        for _ in range(count):
            ask, played = perform(world, role, names, part, np.random.default_rng([seed, 11, next(number)]))
            game.cast += played
            if role.family is not None:
                game.attacks[role.kind].append(ask)

    for part, total in ((LEARNING, size.learning), (ATTACK, size.attack)):
        for role, count in zip(known, honest_counts(known, total), strict=True):
            send(role, part, count)
    picker = np.random.default_rng([seed, 12])
    for _ in range(max(1, round(size.learning * size.rare))):
        send(replace(attacks[int(picker.integers(len(attacks)))], variant="slow", tempo="slow"), LEARNING)
    for role in unseen:
        send(role, ATTACK, size.unseen_each)
    for role in attacks:
        send(role, ATTACK, size.attackers_each)
        for variant in variants(role):
            send(variant, ATTACK, size.variants_each)
        for members in size.campaigns:
            send(replace(role, variant=f"group-of-{members}", members=members), ATTACK)
    for _ in range(size.abuse_each):
        for abuse in (volume_burst, key_spray, many_models):
            game.cast += abuse(world, known[0], names, np.random.default_rng([seed, 11, next(number)]))
    _share_addresses(game.cast, names)
    return game


def _share_addresses(cast: list[Played], names: Names) -> None:
    """Several tenants behind one address (NAT), and many addresses behind one key."""
    behind = names.address()
    for place, played in enumerate(p for p in cast if p.label["kind"] == "nat-user"):
        behind = names.address() if place % 8 == 0 else behind
        played.identity = replace(played.identity, address=behind)
    for played in cast:
        if played.label["kind"] == "many-users":
            played.addresses = [names.address() for _ in range(len(played.trace))]


def manifest(games: Sequence[Game], seed: int, digest: str) -> dict[str, Any]:
    """What was played, with which libraries, and how well the attacks worked."""
    figures: dict[str, Any] = {"seed": seed, "sha256": digest, "worlds": {}}
    figures["packages"] = {name: version(name) for name in ("numpy", "scipy", "scikit-learn", "adversarial-robustness-toolbox")}
    for game in games:
        world = game.world
        accuracy = {
            name: {
                "members": round(float((model(world.members).argmax(axis=1) == world.member_classes).mean()), 4),
                "others": round(float((model(world.pool).argmax(axis=1) == world.pool_classes).mean()), 4),
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
        orjson.dumps({"model": g.world.name, "input": render_input(g.world, one)}) + b"\n" for g in games for one in g.world.members
    )
    stem.with_suffix(".training.ndjson.zst").write_bytes(pack.compress(training))
    figures = manifest(games, seed, hashlib.sha256(lines).hexdigest())
    stem.with_suffix(".manifest.json").write_bytes(orjson.dumps(figures, option=orjson.OPT_INDENT_2))
    return figures


def timed(what: str, started: float) -> None:
    """Say on standard output what was done and how long it took."""
    print(f"{what}: {time.perf_counter() - started:.1f} s", flush=True)

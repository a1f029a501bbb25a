"""A new model: who is found, and who accused in vain, after so many queries of honest clients and none before.

Each attacker, and some honest clients of every kind, come alone to a model that has seen the first 0, 64, 256 ...
queries of a scene's other honest clients. Named tests alone: novelty is silent until 100 clients are known.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np
import orjson
import zstandard
from hearing import SECOND, TRIED, Client, Said, clients_of
from numpy.typing import NDArray
from owner import SENSITIVE, SUFFIX
from rich.console import Console
from rich.progress import track

from detectors.novelty import Novelty
from detectors.sketch.queries import Queries
from monitor.config.engine import EngineSettings
from monitor.engine.bank import Bank
from monitor.engine.partition import PartitionEngine
from monitor.record.decode import Decoder
from monitor.record.pseudonyms import Pseudonyms, text
from monitor.record.raw import Partition, RawBatch
from monitor.runtime.engines import detector_classes, sensitive_columns
from monitor.runtime.keys import OPEN_KEYS

LEVELS: Final = (0, 64, 256, 1_024, 4_096, 16_384)
EACH: Final = 3  # honest clients of each kind that come alone
PLACE: Final = Partition("coldstart", 0)

State = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Scene:
    """A scene taken apart: the lines of each client that comes alone, those of all other honest clients in the order
    of the log, and the truth about the first."""

    alone: Mapping[str, list[bytes]]
    crowd: list[bytes]
    clients: Mapping[str, Client]


@dataclass(frozen=True, slots=True)
class Heard:
    """What a kind of client got to hear after so many queries of others: how many came, how many were named, how many
    rightly, and the median of their queries then."""

    after: int
    sort: str
    kind: str
    clients: int
    named: int
    right: int
    middle: float | None


def taken_apart(log: Path) -> Scene:
    """The scene of that log. OSError where it or its labels are missing."""
    labels = orjson.loads(log.with_name(log.name.removesuffix(SUFFIX) + ".labels.json").read_bytes())
    clients = {name: one for name, one in clients_of(labels).items() if one.kind != TRIED and not one.variant}
    wanted = solitary(clients)
    alone: defaultdict[str, list[bytes]] = defaultdict(list)
    crowd = []
    for line in zstandard.ZstdDecompressor().stream_reader(log.read_bytes()).read().splitlines():
        name = orjson.loads(line)["client"]["id"]
        if name in wanted:
            alone[name].append(line)
        elif name in clients and not clients[name].attack:
            crowd.append(line)
    return Scene(alone, crowd, {name: clients[name] for name in alone})


def solitary(clients: Mapping[str, Client]) -> set[str]:
    """Names of those who come alone: all attackers without a disguise, and the first honest ones of each kind."""
    counts: defaultdict[str, int] = defaultdict(int)
    found = set()
    for name, client in clients.items():
        counts[client.kind] += 1
        if client.attack or counts[client.kind] <= EACH:
            found.add(name)
    return found


def decoded(decoder: Decoder, lines: Sequence[bytes]) -> Queries:
    """The queries of these records."""
    count = len(lines)
    return decoder.decode(RawBatch(PLACE, lines, np.arange(count), np.full(count, -1), count)).queries


def states(crowd: Sequence[bytes], levels: Sequence[int], engine: PartitionEngine, decoder: Decoder) -> list[State]:
    """What the engine knows after so many records of the crowd."""
    found, done = [], 0
    for level in levels:
        while done < min(level, len(crowd)):
            stop = min(level, len(crowd), done + 4_096)
            engine.feed(decoded(decoder, crowd[done:stop]))
            done = stop
        found.append(engine.dump())
    return found


def named(engine: PartitionEngine, queries: Queries, pseudonym: str) -> list[Said]:
    """What each named finding says of that client."""
    first = {finding.finding: finding for finding in reversed(engine.feed(queries)) if finding.client == pseudonym}
    return [
        Said(one.finding, one.tier, one.family, one.queries, (one.raised_at - one.started) / SECOND)
        for one in first.values()
        if one.tier == "named"
    ]


def play(log: Path, levels: Sequence[int] = LEVELS, *, show: bool = False) -> list[Heard]:
    """Let everybody come alone at every level."""
    scene, decoder = taken_apart(log), Decoder(OPEN_KEYS)
    settings, names = EngineSettings(known=SENSITIVE), Pseudonyms(OPEN_KEYS.pseudonyms, OPEN_KEYS.epoch)
    detectors = [make() for make in detector_classes().values() if make is not Novelty]
    bank = Bank(detectors, sensitive_columns(settings, OPEN_KEYS))
    known = states(scene.crowd, levels, PartitionEngine(PLACE, settings, bank), decoder)
    heard: dict[tuple[int, str], list[Client]] = defaultdict(list)
    for name, lines in track(scene.alone.items(), console=Console(stderr=True), disable=not show):
        queries, truth = decoded(decoder, lines), scene.clients[name]
        for level, state in zip(levels, known, strict=True):
            engine = PartitionEngine.restore(PLACE, settings, bank, state)
            said = named(engine, queries, text(names.client(name)))
            heard[level, truth.kind].append(replace(truth, said=said))
    return [counted(level, own) for (level, _), own in sorted(heard.items())]


def counted(level: int, clients: Sequence[Client]) -> Heard:
    """One kind at one level."""
    first = [said.queries for client in clients if (said := client.first) is not None]
    right = sum(client.right is not None for client in clients)
    one, middle = clients[0], median(first) if first else None
    return Heard(level, one.sort, one.kind, len(clients), len(first), right, middle)


def render(title: str, heard: Sequence[Heard]) -> str:
    """As Markdown: a row for each kind, a column for each level, named clients of those who came, and their median."""
    levels = sorted({one.after for one in heard})
    lines = [f"# Cold start, {title}", "", "Clients named of those who came, and the median of their queries then,"]
    lines += ["by how many queries of others the model had seen before.", ""]
    lines += ["| | kind | " + " | ".join(f"{level:,}" for level in levels) + " |"]
    lines += ["| --- | --- |" + " ---: |" * len(levels)]
    for sort in ("asked", "limit", "known", "unseen"):
        own = [one for one in heard if one.sort == sort]
        if own:
            lines += [
                _line(sort, kind, [o for o in own if o.kind == kind]) for kind in dict.fromkeys(o.kind for o in own)
            ]
            lines += [_total(sort, own, levels)]
    return "\n".join(lines) + "\n"


def _line(sort: str, kind: str, own: Sequence[Heard]) -> str:
    cells = [f"{one.named}/{one.clients}" + (f" ({one.middle:.0f})" if one.named else "") for one in own]
    return f"| {sort} | {kind} | " + " | ".join(cells) + " |"


def _total(sort: str, own: Iterable[Heard], levels: Sequence[int]) -> str:
    sums = []
    for level in levels:
        here = [one for one in own if one.after == level]
        sums.append(f"**{sum(one.named for one in here)}/{sum(one.clients for one in here)}**")
    return f"| {sort} | **all** | " + " | ".join(sums) + " |"


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, play, print and save."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("scenes", nargs="+", type=Path, metavar="SCENE.ndjson.zst")
    asked.add_argument("--save", type=Path, metavar="FOLDER", help="keep the tables there, as Markdown")
    wish = asked.parse_args(arguments)
    for log in wish.scenes:
        scene = log.name.removesuffix(SUFFIX)
        page = render(scene, play(log, show=sys.stderr.isatty()))
        print(page)
        if wish.save is not None:
            wish.save.mkdir(parents=True, exist_ok=True)
            (wish.save / f"coldstart-{scene}.md").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()

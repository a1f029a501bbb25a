"""Novelty: what the budget promises and what honest clients of known kinds get, and what findings there are.

    cd tests/benchmarks/detection && PYTHONPATH=..:. python -m studies.novelty scenes/digits-tune.ndjson.zst

Promised are false findings per 1,000 clients a day. Delivered are clients with evidence that beats the budget, over the
days on which the clients of the scene were seen; both for each detector alone, at the whole budget, and for the two
together as the engine has them. Counted are clients that were judged: the first hundred of a model are not. Those of
the learning days are judged as well as later ones; kinds that nobody had shown before are counted by themselves.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

from detectors.scoring.evidence import DECADES
from studies.overheard import Scene, play

BUDGETS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)


def rarest(scene: Scene) -> dict[str, dict[int, float]]:
    """The smallest p-value for a day in view of each client, by detector and of both (twice the smaller one)."""
    found = {}
    for name, notes in scene.notes.items():
        own: dict[int, float] = {}
        for note in notes:
            own[note.client] = min(own.get(note.client, 1.0), 10.0 ** (-DECADES * note.strength) / note.days)
        found[name] = own
    tests = max(1, sum(any(p < 1.0 for p in own.values()) for own in found.values()))
    together = {key: min(1.0, tests * min(own.get(key, 1.0) for own in found.values())) for key in scene.labels}
    return {**found, "together": together}


def delivered(scene: Scene, p: dict[int, float], budget: float, sort: str) -> tuple[int, float]:
    """Clients of a sort that beat the budget, and how many that is per 1,000 of them a day."""
    keys = [key for key, label in scene.labels.items() if sort_of(label) == sort and key in judged(scene)]
    false = sum(p.get(key, 1.0) < budget / 1000 for key in keys)
    return false, 1000 * false / max(1, sum(scene.days[key] for key in keys))


def judged(scene: Scene) -> set[int]:
    """The clients of which a test said anything at all."""
    return {note.client for notes in scene.notes.values() for note in notes if note.strength > 0.0}


def sort_of(label: dict[str, object]) -> str:
    """`known`, `unseen` or `attack`."""
    return "attack" if label["attack"] else "unseen" if label["unseen"] else "known"


def table(title: str, scene: Scene) -> str:
    """Promised and delivered, and the attackers found at the same budgets."""
    lines = [f"## {title}", ""]
    keys = [key for key, label in scene.labels.items() if sort_of(label) == "known" and key in judged(scene)]
    seen = sum(scene.days[key] for key in keys)
    lines += [
        f"{len(keys)} honest clients of known kinds were judged, {seen} client days; one client is {1000 / seen:.2f}",
        "",
    ]
    names = ["together", *scene.notes]
    lines += ["| promised | " + " | ".join(f"{name}: known · unseen · attackers" for name in names) + " |"]
    lines += ["|---" * (len(names) + 1) + "|"]
    p = rarest(scene)
    attackers = sum(sort_of(label) == "attack" for label in scene.labels.values())
    for budget in BUDGETS:
        cells = []
        for name in names:
            count, rate = delivered(scene, p[name], budget, "known")
            unseen, _ = delivered(scene, p[name], budget, "unseen")
            found, _ = delivered(scene, p[name], budget, "attack")
            cells.append(f"{rate:.2f} ({count}) · {unseen} · {found / attackers:.2f}")
        lines.append(f"| {budget:g} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", told(scene)])


def told(scene: Scene) -> str:
    """The findings of the novelty tier that an operator gets at default settings."""
    from base64 import b32decode

    from studies.overheard import key_of

    latest = {one.finding: one for one in scene.findings if one.tier == "novelty"}.values()
    honest, lines = 0, []
    for one in latest:
        members = [key_of(b32decode(name.upper() + "=" * (-len(name) % 8))) for name in one.members]
        kinds = Counter(f"{sort_of(scene.labels[key])}:{scene.labels[key]['kind']}" for key in members)
        honest += not any(kind.startswith("attack") for kind in kinds)
        lines.append(
            f"- {one.labels.get('clients')} clients: " + ", ".join(f"{k} {n}" for k, n in kinds.most_common(6))
        )
    people = [key for key, label in scene.labels.items() if not label["attack"] and key in scene.days]
    days = sum(scene.days[key] for key in people)
    head = f"{len(latest)} novelty findings, {honest} of them of honest clients alone: {1000 * honest / days:.1f} per "
    return "\n".join([head + f"1,000 honest clients a day ({len(people)} clients, {days} client days)", *lines, ""])


def main() -> None:
    """Read the command line, play, print."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("scenes", nargs="+", type=Path, metavar="SCENE.ndjson.zst")
    for log in asked.parse_args().scenes:
        sys.stdout.write(table(log.name.partition(".")[0], play(log)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()

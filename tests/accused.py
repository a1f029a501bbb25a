"""Who is named on narrow tables: plays days of each and counts; `PYTHONPATH=tests python -m accused` prints a table.

Arguments: honest clients (280), attackers of each kind (6), days of each table (3), the first day's seed (0).
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict

import narrow
import recorded

from detectors.sketch.rows import RowSketcher
from monitor.alerts.finding import Finding
from monitor.engine.bank import Bank
from monitor.record.pseudonyms import Pseudonyms, text

SOON = 200  # queries within which an attacker is to be found
BATCH = 1000

Said = dict[narrow.Client, dict[str, Finding]]


def heard(table: narrow.Table, honest: int, hostile: int, seed: int) -> Said:
    """Who came in a day of that table, and the findings of each by their identity, as they opened."""
    marked = int(RowSketcher(recorded.KEYS.sketches).sketch([{narrow.MARKED: 0.0}])[0].name[0])
    engine = recorded.engine(Bank(recorded.every().detectors, {"narrow": {marked: narrow.MARKED}}))
    lines, clients = narrow.play(table, honest, hostile, seed)
    names = Pseudonyms(recorded.KEYS.pseudonyms, recorded.KEYS.epoch)
    owners = {text(names.client(client.name)): client for client in clients}
    said: Said = {client: {} for client in clients}
    for at in range(0, len(lines), BATCH):
        for one in engine.feed(recorded.decoded(lines[at : at + BATCH], at)):
            for name in [one.client] if one.client is not None else one.members:
                said[owners[name]].setdefault(one.finding, one)
    return said


def named(found: dict[str, Finding]) -> list[Finding]:
    """The named ones of a client's findings."""
    return [one for one in found.values() if one.tier == "named"]


def soon(client: narrow.Client, found: dict[str, Finding]) -> tuple[bool, bool]:
    """Whether an attacker was named within 200 queries, and whether that was its family."""
    early = [one.family for one in named(found) if one.queries <= SOON]
    return bool(early), narrow.ATTACKS[client.kind][1] in early


def main(honest: int = 280, hostile: int = 6, days: int = 3, first: int = 0) -> None:
    """Print, for each table, findings per 1,000 honest clients a day by test, and attackers found (family right)."""
    for name, table in narrow.TABLES.items():
        tests: Counter[str] = Counter()
        caught: dict[str, list[tuple[bool, bool]]] = defaultdict(list)
        novel = 0
        for seed in range(first, first + days):
            for client, found in heard(table, honest, hostile, seed).items():
                if client.hostile:
                    caught[client.kind].append(soon(client, found))
                    continue
                tests.update(f"{one.evidence[0].detector}/{one.evidence[0].test}" for one in named(found))
                novel += len(found) - len(named(found))
        scale = 1000 / (honest * days)
        by = ", ".join(f"{test} {scale * count:.1f}" for test, count in tests.most_common())
        of = ", ".join(
            f"{kind} {sum(a for a, _ in all_)} ({sum(b for _, b in all_)}) of {len(all_)}"
            for kind, all_ in caught.items()
        )
        print(f"{name}: named {scale * tests.total():.1f} [{by}], novelty {scale * novel:.1f}; found {of}", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

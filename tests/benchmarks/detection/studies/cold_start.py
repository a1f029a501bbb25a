"""A new model: who is found, and who is accused in vain, in its first hours and days.

The honest clients of a scene, those of the kinds that its learning days know, use a model that nobody has used before,
as they do in the scene. In several runs a few attackers at a time (so that no run is mostly attack) begin when it
is some minutes to days old: their own queries with their own pauses, moved in time. Attackers count by the model's age
when they begin, false findings by its age when they are raised. And each attacker, and a few honest clients of every
kind, are once the first to come: to a model that nobody has asked anything before, and nobody else asks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np
from hearing import DAY
from intervals import Share
from owner import maker_for, warmed
from playing import PARTITION, Told, cores, quiet, side_by_side
from printed import table

from monitor.alerts.finding import Finding
from monitor.runtime.partitions import EngineMaker
from studies.kept import command, keep
from studies.stream import Act, Scene, act, feed, firsts, merged, scene

HOUR: Final = DAY // 24
EDGES: Final = (0, 1, 3, 6, 12, 24, 48, 96)  # hours
EARLIEST: Final = 1 / 6  # of an hour
RUNS: Final = 6
SHARE: Final = 0.05  # attackers in a run, of the honest
WITHIN: Final = (100, 200)
EACH: Final = 3  # honest clients of each kind that are the first to come
HONEST: Final = {"known": "honest, kind known", "unseen": "honest, kind never seen"}


@dataclass(frozen=True, slots=True)
class Attack:
    """One attacker: the model's age in hours when it began, and its queries until it was named (None: never)."""

    family: str
    kind: str
    age: float
    queries: int | None


@dataclass(frozen=True, slots=True)
class Run:
    """One run: its attackers; and of the honest, the hours at which each was active, was named, was called novel."""

    scene: str
    attacks: list[Attack]
    active: dict[str, list[int]]
    named: dict[str, float]
    novel: dict[str, float]
    known_at: float


@dataclass(frozen=True, slots=True)
class First:
    """One client that was the first to come: its family, or that it was honest, of a kind `known` or `unseen`; and its
    queries until it was named (None: never)."""

    sort: str
    queries: int | None


@dataclass(frozen=True, slots=True)
class Came:
    """One scene: who came first, and all runs."""

    first: list[First]
    runs: list[Run]


def play(log: Path, runs: int, told: Told = quiet) -> Came:
    """All runs of one scene, and before them those who come first."""
    of, make = scene(log), warmed(maker_for(log))
    honest = of.chosen(lambda client: client.sort == "known")
    pool = of.plain_attackers()
    rng = np.random.default_rng(20)
    order = [pool[at] for at in rng.permutation(len(pool))]
    few = max(1, int(SHARE * len(honest)))
    alone = [_first(of, make, who) for who in (*pool, *_some_honest(of))]
    done = []
    for number in range(runs):
        chosen = [order[(number * few + at) % len(order)] for at in range(min(few, len(order)))]
        ages = np.exp(rng.uniform(np.log(EARLIEST), np.log(0.9 * EDGES[-1]), len(chosen)))
        done.append(_run(of, make, honest, dict(zip(chosen, ages.tolist(), strict=True))))
        told(number + 1, runs)
    return Came(alone, done)


def _some_honest(of: Scene) -> list[str]:
    counts = Counter[str]()
    chosen = []
    for who in of.chosen(lambda client: not client.attack):
        counts[of.clients[who].kind] += 1
        if counts[of.clients[who].kind] <= EACH:
            chosen.append(who)
    return chosen


def _first(of: Scene, make: EngineMaker, who: str) -> First:
    one, client = act(of, who), of.clients[who]
    found = firsts(feed(make(PARTITION, None), merged(of.queries, [one])), [one.client])
    return First(client.family or client.sort, _queries(one, found.get(one.client)))


def _run(of: Scene, make: EngineMaker, honest: Sequence[str], begins: dict[str, float]) -> Run:
    acts = {who: act(of, who) for who in honest}
    start, end = min(int(one.times[0]) for one in acts.values()), max(int(one.times[-1]) for one in acts.values())
    attackers = {who: _moved(act(of, who), start + int(age * HOUR), end) for who, age in begins.items()}
    queries = merged(of.queries, [*acts.values(), *attackers.values()])
    engine, known = make(PARTITION, None), []

    def look(fed: int) -> None:
        if of.model not in engine.stats().learning:
            known.append(int(queries.time[min(fed, len(queries)) - 1]))

    findings = feed(engine, queries, look)
    first = firsts(findings, [one.client for one in attackers.values()])
    attacks = [
        Attack(of.clients[who].family or "", of.clients[who].kind, begins[who], _queries(one, first.get(one.client)))
        for who, one in attackers.items()
    ]
    clients = {one.client: who for who, one in acts.items()}
    named, novel = (
        {clients[client]: (one.updated_at - start) / HOUR for client, one in firsts(findings, clients, tier).items()}
        for tier in ("named", "novelty")
    )
    active = {who: np.unique((one.times - start) // HOUR).tolist() for who, one in acts.items()}
    return Run(of.name, attacks, active, named, novel, (min(known, default=end) - start) / HOUR)


def _moved(one: Act, begin: int, end: int) -> Act:
    """The same act from another moment on, as far as the scene lasts."""
    times = one.times - one.times[0] + begin
    there = times <= end
    return Act(one.rows[there], times[there], one.client)


def _queries(one: Act, finding: Finding | None) -> int | None:
    return None if finding is None else int(np.searchsorted(one.times, finding.updated_at, side="right"))


@dataclass(frozen=True, slots=True)
class Age:
    """Models from `low` to `high` hours old: attackers that began then and those found within 100 and 200 queries;
    honest clients active then, on average over the runs, and those first named or first called novel then."""

    low: int
    high: int
    attackers: int
    within: tuple[int, int]
    active: float
    named: float
    novel: float

    @property
    def hours(self) -> str:
        """For the table."""
        return _hours(self.low, self.high)

    def found(self, at: int) -> Share:
        """Found within 100 (0) or 200 (1) queries."""
        return Share(self.within[at], self.attackers)


def _hours(low: int, high: int) -> str:
    return f"{low}–{high} h" if high <= 24 else f"{low // 24}–{high // 24} d"


def ages(runs: Sequence[Run]) -> list[Age]:
    """All runs by the model's age."""
    each = max(1, len(runs) // max(1, len({run.scene for run in runs})))  # runs of one scene: the same honest clients
    found = []
    for low, high in pairwise(EDGES):
        began = [attack for run in runs for attack in run.attacks if low <= attack.age < high]
        within = [sum(one.queries is not None and one.queries <= most for one in began) for most in WITHIN]
        active = sum(any(low <= hour < high for hour in hours) for run in runs for hours in run.active.values())
        named = sum(low <= hour < high for run in runs for hour in run.named.values())
        novel = sum(low <= hour < high for run in runs for hour in run.novel.values())
        found.append(Age(low, high, len(began), (within[0], within[1]), active / each, named / each, novel / each))
    return found


def report(came: Sequence[Came], found: Sequence[Age]) -> str:
    """The account as Markdown."""
    runs = [run for one in came for run in one.runs]
    rows = [
        [one.hours, one.attackers, one.found(0), one.found(1), f"{one.active:.0f}", _thousand(one.named, one.active),
         _thousand(one.novel, one.active)]
        for one in found
    ]  # fmt: skip
    known = {run.scene: median(other.known_at for other in runs if other.scene == run.scene) for run in runs}
    head = ("age of the model", "attackers who begin", "found within 100", "within 200", "honest clients active",
            "first named then, per 1,000", "first novel then, per 1,000")  # fmt: skip
    return "\n".join(
        [
            f"# The first hours and days of a new model: {', '.join(known)}\n",
            "".join(f"- {name}: all that is learnt is known after {hours:.1f} h\n" for name, hours in known.items()),
            table(head, rows),
            "## Found within 200 queries, by family and age of the model\n",
            _families(runs),
            "## The first to come: nobody has asked this model anything before, nobody else asks\n",
            _firsts([one for scene in came for one in scene.first]),
        ]
    )


def _families(runs: Sequence[Run]) -> str:
    attacks = [attack for run in runs for attack in run.attacks]
    rows = []
    for family in sorted({attack.family for attack in attacks}):
        own = [attack for attack in attacks if attack.family == family]
        ranges = ([attack for attack in own if low <= attack.age < high] for low, high in pairwise(EDGES))
        rows.append([family, *(_within([attack.queries for attack in there], 1) for there in ranges)])
    return table(("family", *(_hours(low, high) for low, high in pairwise(EDGES))), rows)


def _firsts(first: Sequence[First]) -> str:
    sorts = sorted({one.sort for one in first}, key=lambda sort: (sort in HONEST, sort))
    told = [(sort, [one.queries for one in first if one.sort == sort]) for sort in sorts]
    whole = [one.queries for one in first if one.sort not in HONEST]
    told.insert(sum(sort not in HONEST for sort in sorts), ("**all attackers**", whole))
    rows = [[HONEST.get(name, name), len(own), _within(own, 0), _within(own, 1)] for name, own in told]
    return table(("", "clients", "named within 100", "within 200"), rows)


def _within(queries: Sequence[int | None], at: int) -> Share:
    return Share(sum(count is not None and count <= WITHIN[at] for count in queries), len(queries))


def _thousand(part: float, whole: float) -> str:
    return f"{1000 * part / whole:.1f}" if whole else ""


def draw(found: Sequence[Age]) -> Any:
    """Detection with intervals above, false findings below, over the model's age."""
    import picture

    figure, (top, low) = picture.plt.subplots(2, 1, figsize=(9, 6), sharex=True, layout="constrained")
    at = np.arange(len(found))
    for place, most, ink in ((0, WITHIN[0], "#0b3c8c"), (1, WITHIN[1], "#5b8def")):
        there = [(x, one.found(place)) for x, one in zip(at, found, strict=True) if one.attackers]
        shift = 0.06 * (2 * place - 1)
        for x, share in there:
            top.plot((x + shift, x + shift), share.interval, color=ink, lw=1.2, alpha=0.5)
        values = [share.value for _, share in there]
        top.plot([x + shift for x, _ in there], values, "o-", color=ink, ms=5, label=f"found within {most} queries")
    top.axhline(0.95, color=picture.FAINT, lw=0.8)
    top.yaxis.set_major_formatter(picture.mpl.ticker.PercentFormatter(1, decimals=0))
    top.set(ylim=(0, 1.03))
    top.set_title("Attackers who begin when the model is so old (95 % intervals)")
    top.legend(loc="lower right")
    for tier, shift in (("named", -0.18), ("novelty", 0.18)):
        parts = [one.named if tier == "named" else one.novel for one in found]
        height = [1000 * part / one.active if one.active else 0.0 for part, one in zip(parts, found, strict=True)]
        bars = low.bar(at + shift, height, 0.34, color=picture.TIER_INK[tier], label=f"first {tier} finding")
        low.bar_label(bars, [f"{value:.1f}" for value in height], fontsize=8, padding=1)
    low.set_xticks(at, [one.hours for one in found])
    low.set(xlabel="age of the model")
    low.grid(visible=False, axis="x")
    low.set_title("Honest clients accused, per 1,000 active then")
    low.legend(loc="upper left")
    return figure


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, play, print and save."""
    wish = command(__doc__, arguments)
    played = side_by_side(play, wish.scenes, cores(), 1 if wish.small else RUNS)
    runs = [run for one in played for run in one.runs]
    found = ages(runs)
    tree = {
        "ages": [asdict(one) for one in found],
        "attacks": [asdict(one) for run in runs for one in run.attacks],
        "first": [asdict(one) for scene in played for one in scene.first],
    }
    keep(wish.save, "cold-start", report(played, found), tree, lambda: draw(found))


if __name__ == "__main__":
    main()

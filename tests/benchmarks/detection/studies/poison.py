"""Poisoners: how far they move what a model learns, and whether those who attack afterwards are still found.

For two weeks honest clients use a model as they did in the scene's learning days. Beside them either nobody poisons, or
one client that never stops and asks ten times as much as others, or 5 % of the clients together, with fresh names every
second day (which teaches more than staying). A poisoner follows an attack of the scene, slowly, among ordinary
queries: no attack query at first, 60 % of them at the end, so that what is strange becomes usual. Or 5 % attack openly
from the first hour, so that floors are raised against what will come. Then, for two days, other attackers of the same
kinds come beside new honest clients, and the poisoners of the last days attack under their own names, now with nothing
but attack queries.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np
from hearing import DAY
from intervals import Share
from owner import maker_for, warmed
from playing import PARTITION, Told, cores, quiet, side_by_side
from printed import table

from monitor.engine.partition import PartitionEngine
from monitor.runtime.partitions import EngineMaker
from studies.kept import command, keep
from studies.stream import Act, Index, Scene, act, feed, firsts, merged, pseudonym, scene

ROUNDS: Final = 7  # times the two learning days
SMALL_ROUNDS: Final = 1
SPAN: Final = 2 * DAY
MOST: Final = 0.6  # share of attack queries at the end
TOGETHER: Final = 0.05  # of the clients
ALONE: Final = 10  # times as many queries as the median client, for the one
SCENARIOS: Final = ("nobody", "one client", "5 % of the clients", "5 %, openly")
WITHIN: Final = 200
Rng = np.random.Generator


@dataclass(frozen=True, slots=True)
class Came:
    """What came of one scenario: the baseline's numbers and the floors at the end of the two weeks, poisoners that were
    named while they poisoned, attackers and poisoners found afterwards within 200 queries of their attack, and honest
    clients of those two days that were named or called novel."""

    scene: str
    scenario: str
    baseline: dict[str, float]
    manifold: list[list[float]]
    floors: dict[str, float]
    poisoners: tuple[int, int]
    strangers: tuple[int, int]
    queries: float | None
    turned: tuple[int, int]
    named: tuple[int, int]
    novel: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Parts:
    """Who plays: honest clients of the learning days and of the days after, attackers to learn from and to attack."""

    learning: list[str]
    later: list[str]
    teachers: list[str]
    attackers: list[str]


def cast(of: Scene) -> Parts:
    """Half of the attackers of each kind lend their queries to poisoners, the others attack."""
    start = int(of.queries.time.min())
    honest = of.chosen(lambda client: not client.attack and not client.unseen)
    kinds: dict[str, list[str]] = {}
    for name in of.plain_attackers():
        kinds.setdefault(of.clients[name].kind, []).append(name)
    first = {name: int(of.queries.time[of.rows[name][0]]) for name in honest}
    return Parts(
        learning=[name for name in honest if first[name] < start + SPAN],
        later=[name for name in honest if first[name] >= start + SPAN],
        teachers=[name for names in kinds.values() for name in names[::2]],
        attackers=[name for names in kinds.values() for name in names[1::2]],
    )


def play(log: Path, rounds: int, told: Told = quiet) -> list[Came]:
    """All scenarios of one scene."""
    of, make = scene(log), warmed(maker_for(log))
    found = []
    for number, scenario in enumerate(SCENARIOS):
        found.append(_scenario(of, make, scenario, rounds))
        told(number + 1, len(SCENARIOS))
    return found


def _scenario(of: Scene, make: EngineMaker, scenario: str, rounds: int) -> Came:
    parts, rng = cast(of), np.random.default_rng(30)
    start = int(of.queries.time.min())
    acts = [act(of, who, at * SPAN, str(at)) for at in range(rounds) for who in parts.learning]
    honest = [before_then(one, start + (number // len(parts.learning) + 1) * SPAN) for number, one in enumerate(acts)]
    poison = list(_poisoners(of, parts, scenario, start, rounds, rng))
    engine = make(PARTITION, None)
    before = feed(engine, merged(of.queries, [*honest, *poison]))
    shift = (rounds - 1) * SPAN
    baseline, manifold, floors = _learnt(of, engine)
    guests = [act(of, who, shift) for who in parts.later]
    strangers = [act(of, who, shift) for who in parts.attackers]
    last = {one.client: one for one in poison if one.times[-1] >= start + shift}
    turned = [_attack(of, parts, client, start + shift + SPAN, rng) for client in last]
    after = feed(engine, merged(of.queries, [*guests, *strangers, *turned]))
    caught, own = firsts(before, [one.client for one in poison]), firsts(after, [one.client for one in turned])
    soon = _soon(after, strangers)
    return Came(
        scene=of.name,
        scenario=scenario,
        baseline=baseline,
        manifold=manifold,
        floors=floors,
        poisoners=(len(caught), len({one.client for one in poison})),
        strangers=(sum(count <= WITHIN for count in soon), len(strangers)),
        queries=float(median(soon)) if soon else None,
        turned=(len(own.keys() | (caught.keys() & last.keys())), len(turned)),
        named=(len(firsts(after, [one.client for one in guests])), len(guests)),
        novel=(len(firsts(after, [one.client for one in guests], "novelty")), len(guests)),
    )


def before_then(one: Act, end: int) -> Act:
    """What a client did before that moment. Some of those who come in the learning days stay longer; were all of it
    fed first, the engine's clock would stand at the end of the scene before the first attacker comes."""
    there = one.times < end
    return Act(one.rows[there], one.times[there], one.client)


def _soon(findings: Any, attackers: Sequence[Act]) -> list[int]:
    """The queries of each attacker that was found until it was."""
    first = firsts(findings, [one.client for one in attackers])
    found = [(one, first[one.client].updated_at) for one in attackers if one.client in first]
    return [int(np.searchsorted(one.times, when, side="right")) for one, when in found]


def _poisoners(of: Scene, parts: Parts, scenario: str, start: int, rounds: int, rng: Rng) -> Iterator[Act]:
    """The poisoners' acts: each two days long, one name for all of them or a fresh one each time."""
    usual = int(np.median([len(of.rows[name]) for name in parts.learning]))
    if scenario == SCENARIOS[0]:
        return
    many = max(1, round(TOGETHER * len(parts.learning))) if scenario != SCENARIOS[1] else 1
    for number in range(rounds):
        share = 1.0 if scenario == SCENARIOS[3] else MOST * (number / (rounds - 1) if rounds > 1 else 1.0)
        for seat in range(many):
            name = "poisoner" if many == 1 else f"poisoner {number} {seat}"
            count = usual * ALONE if many == 1 else usual
            rows = _mixed(of, parts, count, share, (seat, number), rng)
            times = np.sort(rng.integers(start + number * SPAN, start + (number + 1) * SPAN, len(rows)))
            yield Act(rows, times, pseudonym(name))


def _mixed(of: Scene, parts: Parts, count: int, share: float, which: tuple[int, int], rng: Rng) -> Index:
    """Ordinary queries of many clients, and among them those of one attacker in their order; another one each time."""
    names, (seat, number) = parts.teachers, which
    teacher = of.rows[names[(seat + number * 7) % len(names)]]
    attack = rng.random(count) < share
    ordinary = np.concatenate([of.rows[name] for name in parts.learning])
    rows = rng.choice(ordinary, count)
    rows[attack] = np.resize(teacher, int(attack.sum()))
    return rows


def _attack(of: Scene, parts: Parts, client: bytes, start: int, rng: Rng) -> Act:
    """A poisoner that attacks at last: some attacker's queries within the two days that follow."""
    rows = of.rows[parts.attackers[int(rng.integers(len(parts.attackers)))]]
    return Act(rows, np.sort(rng.integers(start, start + SPAN, len(rows))), client)


def _learnt(of: Scene, engine: PartitionEngine) -> tuple[dict[str, float], list[list[float]], dict[str, float]]:
    """The numbers of the baseline, the manifold's components, and the raised floors, of the model that is asked most; a
    study may look inside."""
    views = [view for (model, _), view in engine._views.items() if model == of.model]
    view = max(views, key=lambda one: one.windows.queries)
    known = view.baseline._asdict()
    plain = {name: float(value) for name, value in known.items() if isinstance(value, float) and np.isfinite(value)}
    for name in ("dependence", "rarity"):
        plain |= {f"{name} {what}": float(one) for what, one in zip(("centre", "spread"), known[name], strict=True)}
    plain = {name: value for name, value in plain.items() if np.isfinite(value)}
    tests = [f"{test.detector}/{test.name}" for test in engine._bank.tests]
    highest = np.atleast_2d(view.dump()["floors"]).max(axis=0)  # of the whole stream and of its parts
    floors = {test: float(floor) for test, floor in zip(tests, highest, strict=True) if floor > 0.5}
    return plain, known["components"].tolist(), floors


def turn(clean: Came, other: Came) -> float | None:
    """How much of the clean manifold the other one no longer spans, 0 to 1; None where there is none."""
    a, b = np.array(clean.manifold), np.array(other.manifold)
    return None if a.size == 0 or a.shape != b.shape else float(1 - np.sum((a @ b.T) ** 2) / len(a))


def report(came: Sequence[Came]) -> str:
    """The account as Markdown."""
    parts = [f"# Two weeks of poison: {', '.join(dict.fromkeys(one.scene for one in came))}\n", f"{WORDS}\n"]
    rows = [
        [one.scene, one.scenario, f"{one.poisoners[0]} of {one.poisoners[1]}", Share(*one.strangers),
         "" if one.queries is None else f"{one.queries:.0f}", f"{one.turned[0]} of {one.turned[1]}",
         f"{one.named[0]} of {one.named[1]}", f"{one.novel[0]} of {one.novel[1]}"]
        for one in came
    ]  # fmt: skip
    head = ("scene", "who poisons", "named while poisoning", "attackers found within 200", "queries",
            "poisoners found when they attack", "honest named", "honest novel")  # fmt: skip
    return "\n".join([*parts, table(head, rows, 2), "## What was moved\n", _moved(came)])


WORDS: Final = "Attackers come after the two weeks; shares are in per cent with 95 % intervals."


def _moved(came: Sequence[Came]) -> str:
    rows = []
    for name in dict.fromkeys(one.scene for one in came):
        clean, *others = [one for one in came if one.scene == name]
        for what, value in clean.baseline.items():
            rows.append([name, what, f"{value:.3g}", *(_change(value, one.baseline.get(what)) for one in others)])
        turned = [turn(clean, one) for one in others]
        if all(one is not None for one in turned):
            rows.append([name, "manifold no longer spanned", "", *(f"{100 * (one or 0):.1f} %" for one in turned)])
        floors = sorted({test for one in (clean, *others) for test in one.floors})
        rows += [
            [name, f"floor of {test}", *(f"{one.floors.get(test, 0.5):.2f}" for one in (clean, *others))]
            for test in floors
        ]
    return table(("scene", "", *SCENARIOS), rows, 2)


def _change(clean: float, other: float | None) -> str:
    if other is None:
        return "not known"
    return f"{other:.3g} ({100 * (other - clean) / abs(clean):+.1f} %)" if clean else f"{other:.3g}"


def moves(clean: Came) -> list[tuple[str, float, float]]:
    """The numbers of a baseline that tests depend on, with what a change is measured by: distances by themselves, the
    levels of errors and of columns by the ordinary spread around them."""
    known = clean.baseline
    spreads = {"level": "unit", "dependence centre": "dependence spread", "rarity centre": "rarity spread"}
    return [
        (what, value, abs(known.get(spreads.get(what, what), value)))
        for what, value in known.items()
        if what != "slope" and value
    ]


INKS: Final = dict(zip(SCENARIOS, ("#5b8def", "#f0a202", "#d1495b", "#5a189a"), strict=True))


def draw(came: Sequence[Came]) -> Any:
    """Detection by scenario, how far each number moved, and the floors that were raised."""
    import picture

    floors = list(dict.fromkeys((one.scene, test) for one in came for test in sorted(one.floors)))
    wide = (1.1, 1, 0.9) if floors else (1.1, 1)
    size = (14, max(4.5, 0.2 * len(floors) + 1.2))
    figure, axes = picture.plt.subplots(1, len(wide), figsize=size, width_ratios=wide, layout="constrained")
    _found(axes[0], came)
    _numbers(axes[1], came)
    if floors:
        for one in came:
            own = [(at, one.floors.get(test, 0.5)) for at, (scene, test) in enumerate(floors) if scene == one.scene]
            shift = 0.16 * (SCENARIOS.index(one.scenario) - 1.5)
            axes[2].plot([y for _, y in own], [at + shift for at, _ in own], "o", color=INKS[one.scenario], ms=4)
        axes[2].set_yticks(range(len(floors)), [f"{scene}: {test}" for scene, test in floors], fontsize=7.5)
        axes[2].invert_yaxis()
        axes[2].set(xlim=(0.48, 0.92))
        axes[2].set_title("Floors that were raised (0.5: not)")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower left", ncols=len(SCENARIOS))
    return figure


def _found(ax: Any, came: Sequence[Came]) -> None:
    import picture

    names = list(dict.fromkeys(one.scene for one in came))
    for at, (scenario, ink) in enumerate(INKS.items()):
        shares = [Share(*one.strangers) for one in came if one.scenario == scenario]
        x = np.arange(len(shares)) + 0.2 * (at - 1.5)
        ax.bar(x, [one.value or 0.0 for one in shares], 0.18, color=ink, label=scenario)
        for place, one in zip(x, shares, strict=True):
            ax.plot((place, place), one.interval, color=picture.INK, lw=1)
            ax.text(place, 0.03, f"{one.part}/{one.whole}", color="white", ha="center", fontsize=8, rotation=90)
    ax.set_xticks(range(len(names)), names)
    ax.set(ylim=(0, 1.03), yticks=(0, 0.5, 1))
    ax.grid(visible=False, axis="x")
    ax.yaxis.set_major_formatter(picture.mpl.ticker.PercentFormatter(1, decimals=0))
    ax.set_title("Attackers found within 200 queries, after two weeks of poison")


def _numbers(ax: Any, came: Sequence[Came]) -> None:
    labels: list[str] = []
    for name in dict.fromkeys(one.scene for one in came):
        clean, *others = [one for one in came if one.scene == name]
        for what, value, unit in moves(clean):
            labels.append(f"{name}: {what}")
            for one in others:
                moved = 100 * (one.baseline.get(what, value) - value) / unit
                ax.plot(moved, len(labels) - 1, "o", color=INKS[one.scenario], ms=5)
    ax.axvline(0, color=INKS[SCENARIOS[0]], lw=1, zorder=0)
    ax.set_yticks(range(len(labels)), labels, fontsize=8)
    ax.invert_yaxis()
    ax.set(xlabel="per cent (levels: of the ordinary spread)")
    ax.set_title("How far what is learnt moved")


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, play, print and save."""
    wish = command(__doc__, arguments)
    played = side_by_side(play, wish.scenes, cores(), SMALL_ROUNDS if wish.small else ROUNDS)
    came = [one for each in played for one in each]
    tree = {"scenarios": [{**asdict(one), "manifold": len(one.manifold)} for one in came]}
    keep(wish.save, "poison", report(came), tree, lambda: draw(came))


if __name__ == "__main__":
    main()

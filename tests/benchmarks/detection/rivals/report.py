"""Outcomes of a scene as Markdown tables and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from printed import table

from rivals.measure import Honest, Outcome, Tally

NOTE = (
    "Cells: share found / median queries at the first flag, by the client's own count; flags before the attack do not "
    "count, nor do clients of the learning days. Recalibrated: no more than one in two hundred honest clients of the "
    "learning days is flagged.\n"
)


def cell(tally: Tally | None) -> str:
    """Share found and median queries.

    >>> cell(Tally(4, 3, 3, 51.0, 60.0)), cell(Tally(4, 0, 0, None, None)), cell(None)
    ('.75 / 51', '0', '')
    """
    if tally is None or not tally.clients:
        return ""
    if not tally.found or tally.median is None:
        return "0"
    return f"{_share(tally.found, tally.clients)} / {tally.median:.0f}"


def _share(part: int, whole: int) -> str:
    if part == whole:
        return "1"
    return f"{part / whole:.2f}".lstrip("0") if part else "0"


def flagged(honest: Mapping[str, Honest], unseen: bool) -> str:
    """Share of honest clients flagged, of kinds known or never seen."""
    kinds = [one for one in honest.values() if one.unseen == unseen]
    flags, clients = sum(one.flagged for one in kinds), sum(one.clients for one in kinds)
    return f"{_share(flags, clients)} ({flags} of {clients})" if clients else ""


def markdown(scene: str, outcomes: Sequence[Outcome], unfit: Mapping[str, str]) -> str:
    """All tables of one scene."""
    families = sorted({family for one in outcomes for family in one.by_family})
    head = ["rival", "setting", *families, "known honest flagged", "unseen honest flagged", "µs/query", "bytes/client"]
    rows = [
        [
            one.rival,
            one.setting,
            *(cell(one.by_family.get(family)) for family in families),
            flagged(one.honest, unseen=False),
            flagged(one.honest, unseen=True),
            f"{one.microseconds:.0f}" if one.microseconds >= 10 else f"{one.microseconds:.1f}",
            f"{one.bytes_a_client:,}",
        ]
        for one in outcomes
    ]
    parts = [f"# Rivals on {scene}\n", NOTE, table(head, rows, names=2)]
    parts += [f"{name} does not apply: {why}.\n" for name, why in unfit.items()]
    parts += ["## Attackers who hide\n", _variants(outcomes), "## Attacks by kind\n", _kinds(outcomes)]
    parts += ["## Honest clients flagged, by kind\n", _honest(outcomes)]
    return "\n".join(parts)


def _names(outcomes: Iterable[Outcome]) -> list[str]:
    return [f"{one.rival}, {one.setting}" for one in outcomes]


def _variants(outcomes: Sequence[Outcome]) -> str:
    variants = sorted({name for one in outcomes for name in one.by_variant})
    groups = sorted({name for one in outcomes for name in one.groups})
    rows = []
    for one in outcomes:
        whole = [_sum(one.groups[name].values()) if name in one.groups else None for name in groups]
        cells = [cell(one.by_variant.get(name)) for name in variants]
        rows.append([one.rival, one.setting, *cells, *map(cell, whole)])
    return table(["rival", "setting", *variants, *(f"{name}, as one" for name in groups)], rows, names=2)


def _sum(tallies: Iterable[Tally]) -> Tally:
    """Counts of several kinds together; the median is that of the kinds' medians, weighted by those found."""
    ones = list(tallies)
    middles = sorted(one.median for one in ones if one.median is not None for _ in range(one.found))
    return Tally(
        clients=sum(one.clients for one in ones),
        found=sum(one.found for one in ones),
        within_100=sum(one.within_100 for one in ones),
        median=middles[len(middles) // 2] if middles else None,
        p90=None,
    )


def _kinds(outcomes: Sequence[Outcome]) -> str:
    kinds = sorted({(one.families[kind], kind) for one in outcomes for kind in one.attacks})
    rows = [[family, kind, *(cell(one.attacks.get(kind)) for one in outcomes)] for family, kind in kinds]
    return table(["family", "kind", *_names(outcomes)], rows, names=2)


def _honest(outcomes: Sequence[Outcome]) -> str:
    kinds = sorted({(entry.unseen, kind) for one in outcomes for kind, entry in one.honest.items()})
    rows = []
    for unseen, kind in kinds:
        shares = [one.honest[kind] for one in outcomes]
        cells = [_share(entry.flagged, entry.clients) for entry in shares]
        rows.append([kind, "never seen before" if unseen else "known", str(shares[0].clients), *cells])
    return table(["kind", "", "clients", *_names(outcomes)], rows, names=2)


def tree(outcomes: Iterable[Outcome]) -> list[dict[str, Any]]:
    """The same for JSON; a threshold that nothing reaches is null."""
    entries = []
    for one in outcomes:
        entry = asdict(one)
        entry["threshold"] = one.threshold if abs(one.threshold) < float("inf") else None
        entries.append(entry)
    return entries

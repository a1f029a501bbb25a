"""Lets rivals read a scene, and counts whom they flag.

Recalibration: the threshold lies just above the highest statistic of honest clients in the learning days, after
forgiving one in two hundred of them. It knows which of those clients are honest, which an operator does not; that
favours the rivals. Clients of the learning days are not counted afterwards.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from rivals.contract import RECALIBRATED, SILENT, Floats, Rival, Trace, first_flag
from rivals.scenes import Scene, Truth

FORGIVEN: Final = 0.005
SOON: Final = 100
TRIED: Final = "tried-key"  # keys that were tried in vain: what is said of them is said of whoever tried them


@dataclass(frozen=True, slots=True)
class Tally:
    """Attackers of one kind: how many there are, were found, were found within 100 of their queries; median and 90 %
    quantile of the queries at the first flag, over those found."""

    clients: int
    found: int
    within_100: int
    median: float | None
    p90: float | None


@dataclass(frozen=True, slots=True)
class Honest:
    """Honest clients of one kind, and how many of them were flagged."""

    clients: int
    flagged: int
    unseen: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """One rival at one setting. `attacks` by kind, plain attackers alone; `variants` the same by variant; `groups` by
    variant and kind, a group of accounts counting as one; `families` says which family a kind belongs to."""

    rival: str
    setting: str
    threshold: float
    attacks: Mapping[str, Tally]
    families: Mapping[str, str]
    by_family: Mapping[str, Tally]
    variants: Mapping[str, Mapping[str, Tally]]
    groups: Mapping[str, Mapping[str, Tally]]
    by_variant: Mapping[str, Tally]
    honest: Mapping[str, Honest]
    microseconds: float
    bytes_a_client: int


def recalibrated(peaks: Sequence[float], forgiven: float = FORGIVEN) -> float:
    """The least threshold that flags no honest client of the learning days but the forgiven share.

    Where nobody but the forgiven was spoken of, whoever is spoken of as they were is flagged; where nobody was, nobody
    is, because nothing is known.

    >>> recalibrated([1.0, 3.0, 2.0]) > 3.0, recalibrated([float(n) for n in range(400)]) > 397
    (True, True)
    >>> recalibrated([5.0, SILENT, SILENT], 0.4), recalibrated([SILENT])
    (5.0, inf)
    """
    ordered = np.sort(np.asarray(peaks, float))[::-1]
    spoken = ordered[np.isfinite(ordered)]
    if not len(spoken):
        return np.inf
    place = int(forgiven * len(ordered))
    return float(np.nextafter(spoken[place], np.inf) if place < len(spoken) else spoken[-1])


def run(rival: Rival, scene: Scene, shares: Sequence[float] = ()) -> list[Outcome]:
    """Let one rival learn and read the scene; an outcome for each setting.

    `shares` are further shares of honest clients of the learning days that may be flagged, each one more setting.
    """
    rival.learn(scene.lesson)
    rival.follow(scene.streams[:2])  # compiled before the clock starts
    started = time.process_time()
    traces = rival.follow(scene.streams)
    cost = 1e6 * (time.process_time() - started) / scene.queries + (scene.encoding if rival.encodes else 0.0)
    peaks = learning_peaks(scene, traces)
    thresholds = {**rival.published(), RECALIBRATED: recalibrated(peaks)}
    thresholds |= {f"{RECALIBRATED}-{share:g}": recalibrated(peaks, share) for share in shares}
    size = int(np.mean([trace.state for trace in traces]))
    return [outcome(rival.name, name, limit, scene, traces, cost, size) for name, limit in thresholds.items()]


def learning_peaks(scene: Scene, traces: Sequence[Trace]) -> list[float]:
    """The highest statistic of each honest client within the learning days."""
    return [
        _peak(trace.statistic[:count])
        for trace, truth, count in zip(traces, scene.truths, scene.learnt, strict=True)
        if count and not truth.attack
    ]


def _peak(statistic: Floats) -> float:
    return float(statistic.max(initial=SILENT))


@dataclass(frozen=True, slots=True)
class Seen:
    """A client with its count of queries at the first flag that counts."""

    truth: Truth
    first: int | None


def outcome(
    rival: str, setting: str, threshold: float, scene: Scene, traces: Sequence[Trace], cost: float, size: int
) -> Outcome:
    """Count at one threshold."""
    told = seen(scene, traces, threshold)
    attackers = [one for one in told if one.truth.attack]
    plain = [one for one in attackers if not one.truth.variant]
    varied = [one for one in attackers if one.truth.variant]
    variants = sorted({one.truth.variant for one in varied})
    groups = joined(varied)
    return Outcome(
        rival=rival,
        setting=setting,
        threshold=threshold,
        attacks=tallies(plain, "kind"),
        families={one.truth.kind: one.truth.family for one in attackers},
        by_family=tallies(plain, "family"),
        variants={name: tallies([one for one in varied if one.truth.variant == name], "kind") for name in variants},
        groups={
            name: tallies([one for one in groups if one.truth.variant == name], "kind")
            for name in sorted({one.truth.variant for one in groups})
        },
        by_variant=tallies(varied, "variant"),
        honest=honest(one for one in told if not one.truth.attack),
        microseconds=round(cost, 2),
        bytes_a_client=size,
    )


def seen(scene: Scene, traces: Sequence[Trace], threshold: float) -> list[Seen]:
    """First flags of the clients of the attack days; what is said of a tried key counts for the key's thief."""
    firsts, tried = dict[str, Seen](), dict[str, list[int]]()
    for truth, trace in zip(scene.truths, traces, strict=True):
        if truth.part == "learning":
            continue
        first = first_flag(trace, threshold, truth.begins)
        if truth.kind != TRIED:
            firsts[truth.name] = Seen(truth, first)
        elif first is not None:
            tried.setdefault(truth.campaign, []).append(first)
    for name, counts in tried.items():
        if name in firsts:
            own = firsts[name].first
            firsts[name] = Seen(firsts[name].truth, min([*counts, *([] if own is None else [own])]))
    return list(firsts.values())


def tallies(clients: Sequence[Seen], key: str) -> dict[str, Tally]:
    """A tally for each value of a field of the truth, by name."""
    groups: dict[str, list[int | None]] = {}
    for one in clients:
        groups.setdefault(getattr(one.truth, key), []).append(one.first)
    return {name: tally(groups[name]) for name in sorted(groups)}


def tally(firsts: Sequence[int | None]) -> Tally:
    """Count first flags.

    >>> tally([10, None, 200])
    Tally(clients=3, found=2, within_100=1, median=105.0, p90=181.0)
    """
    found = [first for first in firsts if first is not None]
    return Tally(
        clients=len(firsts),
        found=len(found),
        within_100=sum(first <= SOON for first in found),
        median=float(np.median(found)) if found else None,
        p90=float(np.quantile(found, 0.9)) if found else None,
    )


def joined(clients: Iterable[Seen]) -> list[Seen]:
    """Each group of accounts as one, found when one of its accounts is."""
    groups: dict[str, list[Seen]] = {}
    for one in clients:
        if one.truth.campaign:
            groups.setdefault(one.truth.campaign, []).append(one)
    return [
        Seen(members[0].truth, min((one.first for one in members if one.first is not None), default=None))
        for members in groups.values()
    ]


def honest(clients: Iterable[Seen]) -> dict[str, Honest]:
    """Honest clients by kind."""
    groups: dict[str, list[Seen]] = {}
    for one in clients:
        groups.setdefault(one.truth.kind, []).append(one)
    return {
        kind: Honest(len(ones), sum(one.first is not None for one in ones), ones[0].truth.unseen)
        for kind, ones in sorted(groups.items())
    }

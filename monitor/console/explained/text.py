"""An explanation on a terminal, and as a tree for machines."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from click import style

from monitor.alerts.guidance import guidance
from monitor.alerts.words import claim, measured, plain, written
from monitor.console.evidence import large
from monitor.console.explained.account import Account, Number, Silence, leading
from monitor.console.explained.tracing import who
from monitor.formats.native import finite, moment, render

STREAMS: Final[Mapping[int, str]] = MappingProxyType({0: "all", 1: "those linked", 2: "those unlike the model's"})
_BARS: Final = "▁▂▃▄▅▆▇█"
_WIDE: Final = 40  # blocks of a row of bars
_SAID: Final = 8  # tests that are told


def lines(account: Account) -> Iterator[str]:
    """The explanation, line by line."""
    finding = account.finding
    yield style(plain(finding.title), bold=True) + f"  {finding.severity}, risk {finding.risk:.0f}, {finding.status}"
    yield f"client {plain(who(finding))}, model {plain(finding.model)}, opened after {finding.queries:,} queries"
    yield plain(finding.reason)
    yield from _part("AGAIN", rebuilt(account))
    yield from _part("EVIDENCE", _evidence(account))
    yield from _part("NUMBERS", _numbers(account.numbers))
    yield from _part("WHO SAID WHAT", _words(account))
    yield from _part("SILENT WITH", [f"{measured(s.feature)} {side(s)} {_number(s)}" for s in account.silences[:_SAID]])
    nearest = [account.nearest, *(f"departs in {one}" for one in account.departures)] if account.nearest else []
    yield from _part("NEAREST PROFILE", nearest)
    beside = guidance(finding)
    yield from _part("A FALSE ALARM IF", [beside.false_alarm, beside.look])
    yield from _part("MISSING", account.missing)


def rebuilt(account: Account) -> list[str]:
    """Whether the finding was made again, and if not, what is different and why that may be."""
    compared, lineage = account.compared, account.finding.lineage
    place = f"{lineage.topic}-{lineage.partition}, {account.trace.records:,} records"
    match compared.verdict:
        case "same":
            several = {1: "the revision is", 2: "both revisions are"}.get(
                compared.revisions, f"all {compared.revisions} revisions are"
            )
            return [f"made again from {plain(place)}: {several} the same, bit for bit"]
        case "differs":
            return [f"made again from {plain(place)}, and not the same", *compared.differences, *compared.because]
        case "absent":
            return [f"the log {plain(place)} does not bring this finding about", *compared.because]
        case _:
            return ["not made again: there is no log; this is what the finding itself says"]


def side(one: Silence) -> str:
    """On which side of its limit a number is silent."""
    return "at most" if one.above else "at least"


def _number(one: Silence) -> str:
    return f"{written(one.feature, one.limit)} (it was {written(one.feature, one.value)}; {'/'.join(one.test)})"


def _part(head: str, told: Sequence[str] | Iterator[str]) -> Iterator[str]:
    told = list(told)
    if told:
        yield ""
        yield style(head, bold=True)
        yield from (f"  {plain(line)}" for line in told)


def _evidence(account: Account) -> Iterator[str]:
    finding = account.finding
    yield f"e-value {large(finding.evalue)}; {large(finding.budget)} had to be beaten"
    for piece in sorted(finding.evidence, key=lambda one: -one.evalue):
        yield f"{piece.detector}/{piece.test}  {piece.strength:.2f}  e-value {large(piece.evalue)}  {claim(piece)}"
        path = account.paths.get((piece.detector, piece.test), ())
        if len(path) > 1:
            yield f"  {_row([value for _, value in path], finding.budget)}  after {path[0][0]} to {path[-1][0]} queries"


def _row(values: Sequence[float], budget: float) -> str:
    """E-values as bars on a logarithmic scale; a full one beats the budget by a thousand."""
    top = math.log10(max(budget, 10.0)) + 3
    heights = (min(math.log10(max(value, 1.0)) / top, 1.0) for value in values[-_WIDE:])
    return "".join(_BARS[min(int(height * len(_BARS)), len(_BARS) - 1)] for height in heights)


def _numbers(numbers: Sequence[Number]) -> Iterator[str]:
    for one in numbers:
        usual = "not known" if one.usual is None else written(one.feature, one.usual)
        told = f"{measured(one.feature)}: {written(one.feature, one.value)}, usually {usual}"
        if one.rank is not None:
            told += f"; above {one.rank:.0%} of {len(one.cohort)} others"
        yield told


def _words(account: Account) -> Iterator[str]:
    loud = sorted(account.words, key=lambda word: -word.strongest / max(word.floor, 1e-9))[:_SAID]
    for word in sorted(loud, key=lambda word: word.first):
        spoke = "spoke" if word.strongest >= word.floor else "never spoke"
        yield (
            f"{'/'.join(word.test)} of {STREAMS.get(word.stream, 'the group')}: first after {word.first:,} queries,"
            f" strongest after {word.at:,} ({word.strongest:.2f} of {word.floor:.2f}), {spoke}"
        )


def tree(account: Account) -> dict[str, Any]:
    """The explanation for machines."""
    lead = leading(account.finding)
    return {
        "finding": render(account.finding),
        "again": {
            "verdict": account.compared.verdict,
            "revisions": account.compared.revisions,
            "differences": list(account.compared.differences),
            "because": list(account.compared.because),
        },
        "leading": None if lead is None else f"{lead.detector}/{lead.test}",
        "numbers": [
            {
                "feature": one.feature,
                "value": finite(one.value),
                "usual": one.usual,
                "above_share_of_others": one.rank,
                "others": len(one.cohort),
            }
            for one in account.numbers
        ],
        "tests": [
            {
                "test": "/".join(word.test),
                "stream": word.stream,
                "first": word.first,
                "at": word.at,
                "strength": word.strongest,
                "needed": word.floor,
                "evalue": finite(word.evalue),
            }
            for word in account.words
        ],
        "paths": {
            "/".join(test): [[queries, finite(value)] for queries, value in path]
            for test, path in account.paths.items()
        },
        "silent_with": [
            {
                "test": "/".join(one.test),
                "feature": one.feature,
                "value": finite(one.value),
                "at_most" if one.above else "at_least": one.limit,
            }
            for one in account.silences
        ],
        "nearest_profile": account.nearest or None,
        "departures": list(account.departures),
        "queries": [
            {"offset": one.offset, "time": moment(one.time), "repeated": one.repeated, "refused": one.refused}
            for one in account.trace.queries
        ],
        "missing": list(account.missing),
    }

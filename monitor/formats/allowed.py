"""What a sink may be told: a finding without the parts that are withheld from it.

Applied before a renderer, so that every form keeps to it in the same way.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Final

from monitor.alerts.finding import TEST, Evidence, Finding, Lineage
from monitor.config.delivery import ALL, Part

PARTS: Final[tuple[Part, ...]] = ALL
WITHHELD: Final = "[withheld]"

_NOWHERE: Final = Lineage("", 0, 0, 0, "", "", ())


def withhold(finding: Finding, parts: Collection[Part]) -> Finding:
    """The finding without those parts.

    `client`, `members` and `group` are pseudonyms: where one stands in another text of the finding (title, reason,
    profile, labels, names of features) it becomes `[withheld]`. A label `clients` says how many members there were.
    `values` are the numbers behind the evidence, and the sentence that repeats them. `labels` are the operator's and
    those of storms and kinds of traffic; that a finding is a test is never withheld. Without `lineage` the finding can
    not be made again from the log.
    """
    kept = replace(
        finding,
        client=None if "client" in parts else finding.client,
        members=() if "members" in parts else finding.members,
        group=None if "group" in parts else finding.group,
        labels=_labels(finding, parts),
        evidence=tuple(map(_bare, finding.evidence)) if "values" in parts else finding.evidence,
        reason=_claimed(finding) if "values" in parts else finding.reason,
        lineage=_NOWHERE if "lineage" in parts else finding.lineage,
    )
    secret = _names(finding, parts)
    return _hidden(kept, secret) if secret else kept


def _labels(finding: Finding, parts: Collection[Part]) -> dict[str, str]:
    if "labels" in parts:
        return {TEST: finding.labels[TEST]} if finding.is_test else {}
    if "members" in parts and finding.members and "clients" not in finding.labels:
        return finding.labels | {"clients": str(len(finding.members))}
    return finding.labels


def _bare(piece: Evidence) -> Evidence:
    return replace(piece, contributions=())


def _claimed(finding: Finding) -> str:
    """A test without evidence says no more than that it is one."""
    if finding.evidence:
        return f"{finding.evidence[0].detector}/{finding.evidence[0].test}"
    return finding.reason if finding.is_test else finding.family


def _names(finding: Finding, parts: Collection[Part]) -> list[str]:
    """The withheld pseudonyms, the longest first: one may be part of another."""
    names: dict[Part, tuple[str | None, ...]] = {
        "client": (finding.client,),
        "members": finding.members,
        "group": (finding.group,),
    }
    withheld = {name for part, several in names.items() if part in parts for name in several if name}
    return sorted(withheld, key=lambda name: (-len(name), name))


def _hidden(finding: Finding, secret: list[str]) -> Finding:
    def hide(text: str) -> str:
        for name in secret:
            text = text.replace(name, WITHHELD)
        return text

    def of(piece: Evidence) -> Evidence:
        told = tuple(replace(one, feature=hide(one.feature)) for one in piece.contributions)
        return replace(piece, detector=hide(piece.detector), test=hide(piece.test), contributions=told)

    return replace(
        finding,
        model=hide(finding.model),
        client=None if finding.client is None else hide(finding.client),
        members=tuple(map(hide, finding.members)),
        group=None if finding.group is None else hide(finding.group),
        title=hide(finding.title),
        reason=hide(finding.reason),
        change=hide(finding.change),
        evidence=tuple(map(of, finding.evidence)),
        profile=None if finding.profile is None else hide(finding.profile),
        response=tuple(map(hide, finding.response)),
        lineage=replace(finding.lineage, topic=hide(finding.lineage.topic)),
        labels={hide(key): hide(value) for key, value in finding.labels.items()},
    )

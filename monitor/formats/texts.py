"""Text for other systems: nothing that steers a terminal or breaks a frame, and no longer than the target takes."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from monitor.alerts.finding import Evidence, Finding
from monitor.alerts.words import plain

CUT: Final = " …[cut]"  # stands at the end of what was shortened
_MARK: Final = len(CUT.encode())


def cut(text: str, most: int) -> str:
    """The text, at most so many characters (8 or more), marked where some were left off.

    >>> cut("abcdefghijkl", 10)
    'abc …[cut]'
    """
    return text if len(text) <= most else text[: most - len(CUT)] + CUT


def cut_bytes(text: str, most: int) -> str:
    """The same, counted in bytes of UTF-8 (9 or more); no character is cut in two.

    >>> cut_bytes("ééééééé", 13)
    'éé …[cut]'
    """
    coded = text.encode()
    return text if len(coded) <= most else coded[: most - _MARK].decode(errors="ignore") + CUT


def cleaned(finding: Finding) -> Finding:
    """The finding with `?` for each character of its texts that can not be printed.

    Those are control characters (line breaks, NUL, escape sequences), marks that turn the direction of writing, lone
    surrogates, and blanks other than the space. Labels whose names become equal are one label, the last.
    """
    group, profile, client = (None if text is None else plain(text) for text in _optional(finding))
    lineage = replace(
        finding.lineage,
        topic=plain(finding.lineage.topic),
        detector_version=plain(finding.lineage.detector_version),
        config_hash=plain(finding.lineage.config_hash),
        key_epochs=tuple(map(plain, finding.lineage.key_epochs)),
    )
    return replace(
        finding,
        model=plain(finding.model),
        client=client,
        members=tuple(map(plain, finding.members)),
        group=group,
        title=plain(finding.title),
        reason=plain(finding.reason),
        change=plain(finding.change),
        evidence=tuple(map(_piece, finding.evidence)),
        profile=profile,
        response=tuple(map(plain, finding.response)),
        lineage=lineage,
        labels={plain(key): plain(value) for key, value in finding.labels.items()},
    )


def _optional(finding: Finding) -> tuple[str | None, str | None, str | None]:
    return finding.group, finding.profile, finding.client


def _piece(piece: Evidence) -> Evidence:
    told = tuple(replace(one, feature=plain(one.feature)) for one in piece.contributions)
    return replace(piece, detector=plain(piece.detector), test=plain(piece.test), contributions=told)

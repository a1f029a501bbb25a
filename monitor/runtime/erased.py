"""The list of erased clients, kept beside the snapshots: whoever takes a partition over has to honour it as well.

Pieces `erasures-NUMBER.json`: what is known is the union of all of them, so that two who erase at once lose nothing,
and a crash between writing the new piece and removing the old ones neither.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count
from typing import Final

import orjson

from monitor.config.trouble import Trouble
from monitor.record.raw import Partition
from monitor.runtime.shelf import Shelf

PREFIX: Final = "erasures-"
_SUFFIX: Final = ".json"

Listed = dict[str, dict[str, int]]  # hexadecimal mark -> partition -> first offset that counts again


def listed(shelf: Shelf) -> Listed:
    """All marks, with the offset in each partition up to which its client was erased; Trouble where a piece cannot be
    read."""
    return _union(shelf)[0]


def remember(shelf: Shelf, marks: Sequence[str], offsets: Mapping[Partition, int]) -> None:
    """Adds marks that count up to these offsets. Trouble where the list cannot be read or written."""
    known, before = _union(shelf)
    ends = {str(partition): offset for partition, offset in offsets.items()}
    for mark in marks:
        where = known.setdefault(mark, {})
        where |= {one: max(offset, where.get(one, 0)) for one, offset in ends.items()}
    content = [memoryview(orjson.dumps(known, option=orjson.OPT_INDENT_2))]
    newest = max((int(name.removeprefix(PREFIX).removesuffix(_SUFFIX)) for name in before), default=0)
    try:
        for number in count(newest + 1):
            try:
                shelf.put(f"{PREFIX}{number:06d}{_SUFFIX}", content)
            except FileExistsError:
                continue
            break
        for name in before:
            shelf.remove(name)
    except OSError as problem:
        raise _trouble(str(problem.strerror), PREFIX) from None


def _union(shelf: Shelf) -> tuple[Listed, list[str]]:
    """All marks, and the names of the pieces in which they stand: no others may be removed for them."""
    found: Listed = {}
    try:
        pieces = _pieces(shelf)
        for name in pieces:
            _merge(found, name, shelf)
    except OSError as problem:
        raise _trouble(str(problem.strerror), PREFIX) from None
    return found, pieces


def _pieces(shelf: Shelf) -> list[str]:
    names = (name for name in shelf.names(PREFIX) if name.endswith(_SUFFIX))
    return sorted(name for name in names if name.removeprefix(PREFIX).removesuffix(_SUFFIX).isdigit())


def _merge(found: Listed, name: str, shelf: Shelf) -> None:
    try:
        for mark, where in orjson.loads(shelf.read(name)).items():
            own = found.setdefault(str(mark), {})
            for partition, offset in where.items():
                own[str(partition)] = max(int(offset), own.get(str(partition), 0))
    except (ValueError, TypeError, AttributeError):
        raise _trouble("it is not as it was written", shelf.place(name)) from None


def _trouble(reason: str, where: str) -> Trouble:
    mend = "restore it from a backup: without it what was erased would be learnt again"
    return Trouble(what=f"the list of erased clients cannot be used: {reason}", where=where, mend=mend)

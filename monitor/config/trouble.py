"""The one exception for what a person can mend: what is wrong, where, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any


class Trouble(Exception):  # noqa: N818  (what a person reads, not a fault of the program)
    """Something that a person can put right. The command line prints it, without a traceback, and exits with 2.

    >>> print(Trouble(what="the port is 99999", where="probewatch.toml: health.port", mend="write 1 to 65535"))
    what:  the port is 99999
    where: probewatch.toml: health.port
    mend:  write 1 to 65535
    """

    def __init__(self, *, what: str, where: str, mend: str) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.mend = mend

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(type(self), what=self.what, where=self.where, mend=self.mend), ()  # from process to process

    def __str__(self) -> str:
        return f"what:  {self.what}\nwhere: {self.where}\nmend:  {self.mend}"


def leaves(group: BaseExceptionGroup[Trouble]) -> Iterator[Trouble]:
    """The troubles of a group, in their order."""
    for inner in group.exceptions:
        if isinstance(inner, BaseExceptionGroup):
            yield from leaves(inner)
        else:
            yield inner

"""A failure of the code on a record: which kind it was and where, in words that repeat nothing of the record."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from traceback import walk_tb
from typing import Final

from monitor.config.trouble import Trouble
from monitor.record.decode import MACHINE

NOT_THEIRS: Final = (*MACHINE, Trouble)  # no record is to blame for these: they end the process, as they should
_LIBRARIES: Final = sys.stdlib_module_names | {"numba", "numpy", "river"}


@dataclass(frozen=True, slots=True)
class Fault:
    """An exception without its message, which could repeat the input: its kind, and the innermost place outside of
    libraries at which it arose."""

    kind: str
    module: str
    line: int

    @classmethod
    def of(cls, problem: BaseException) -> Fault:
        """What may be told of an exception that was caught."""
        places = [(str(frame.f_globals.get("__name__")), line) for frame, line in walk_tb(problem.__traceback__)]
        own = [place for place in places if place[0].partition(".")[0] not in _LIBRARIES]
        return cls(type(problem).__name__, *(own or places or [("?", 0)])[-1])

    @property
    def told(self) -> dict[str, str]:
        """For a line of the log."""
        return {"error": self.kind, "place": f"{self.module}, line {self.line}"}

    def __str__(self) -> str:
        return f"{self.kind} in {self.module}, line {self.line}"

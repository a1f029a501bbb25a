"""Training tables in CSV: each row as the service would log it, numbers as numbers and everything else as texts.

CSV has no types, so that they are told by the whole column: one cell that is no number makes it a column of texts.
Codes that look like numbers and are not (a postcode) have to be named. An empty cell is nothing in a column of numbers,
and an empty text in one of texts.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import TextIOWrapper
from pathlib import Path
from typing import Any, Final, Self

from monitor.config.trouble import Trouble
from monitor.sources.protocol import Progress

Cell = int | float | str | bool | None
Report = Callable[[Progress], None]

_NUMBER: Final = re.compile(r"[+-]?(?:0|[1-9]\d*|(?=\.\d))(?:\.\d*)?(?:[eE][+-]?\d+)?", re.ASCII)
_LEAST, _MOST = -(2**63), 2**64 - 1  # whole numbers that JSON is read to; beyond, it is read to a float64
_TRUTHS: Final = {"true": True, "false": False}
_REPORT: Final = 10_000  # rows between two reports


def number(cell: str) -> int | float | None:
    """The number that a cell is, whole where it is written so; None where it is none, begins with a needless 0, or is
    beyond the range of numbers.

    >>> [number(cell) for cell in ("41", "-0.5", "1e3", "007", "", "nan", "1e999")]
    [41, -0.5, 1000.0, None, None, None, None]
    """
    if not _NUMBER.fullmatch(cell):
        return None
    if cell.lstrip("+-").isdigit() and _LEAST <= int(cell) <= _MOST:
        return int(cell)
    value = float(cell)
    return value if abs(value) != float("inf") else None


def texts(cell: str) -> Cell:
    """The cell as it stands."""
    return cell


def truths(cell: str) -> Cell:
    """True, false, or nothing."""
    return _TRUTHS.get(cell.lower())


_READERS: Final[dict[str, Callable[[str], Cell]]] = {"numbers": number, "truths": truths, "texts": texts}


@dataclass(frozen=True, slots=True)
class Table:
    """A CSV file: its columns in their order, how each is taken (`numbers`, `truths`, `texts`, `left out`), and whether
    rows are vectors."""

    path: Path
    kinds: dict[str, str] = field(default_factory=dict)
    vector: bool = False

    @classmethod
    def look(cls, path: Path, text: frozenset[str], without: frozenset[str], vector: bool) -> Self:
        """The table after a first look at all of it; Trouble where it cannot be one."""
        with _opened(path) as (reader, _):
            names = _names(path, reader)
            missing = sorted((text | without) - set(names))
            if missing:
                mend = f"its columns are {', '.join(names)}"
                raise Trouble(what=f"there is no column {', '.join(missing)}", where=str(path), mend=mend)
            may = {name: {"texts"} if name in text else {"numbers", "truths", "texts"} for name in names}
            for _, row in _rows(path, reader, len(names)):
                for name, cell in zip(names, row, strict=True):
                    _narrow(may[name], cell)
        kinds = {name: "left out" if name in without else _first(may[name]) for name in names}
        if vector and set(kinds.values()) - {"numbers", "left out"}:
            mend = "leave those columns out with --without, or read the rows as columns"
            raise Trouble(what="rows with texts in them are no vectors", where=str(path), mend=mend)
        return cls(path, kinds, vector)


def table_rows(table: Table, report: Report) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each row as the input of a record, with its line."""
    taken = [(at, name, _READERS[kind]) for at, (name, kind) in enumerate(table.kinds.items()) if kind in _READERS]
    total = table.path.stat().st_size
    with _opened(table.path) as (reader, position):
        _names(table.path, reader)
        for count, (line, row) in enumerate(_rows(table.path, reader, len(table.kinds)), 1):
            cells = {name: read(row[at]) for at, name, read in taken}
            yield line, {"vector": list(cells.values())} if table.vector else {"columns": cells}
            if count % _REPORT == 0:
                report(Progress(position(), total))


def _narrow(may: set[str], cell: str) -> None:
    """What a column may still be after one more cell; an empty one says nothing."""
    if not cell or len(may) == 1:
        return
    if number(cell) is None:
        may.discard("numbers")
    if cell.lower() not in _TRUTHS:
        may.discard("truths")


def _first(may: set[str]) -> str:
    """The narrowest of what a column may be; a column without any cell is one of texts."""
    return "texts" if len(may) != 2 else next(kind for kind in _READERS if kind in may)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, Callable[[], int]]]:
    """A reader of the file's rows, and how far it has come in bytes."""
    try:
        with path.open("rb") as raw, TextIOWrapper(raw, "utf-8-sig", newline="") as file:
            yield csv.reader(file, strict=True), raw.tell
    except OSError as problem:
        mend = "give a file that is there and that you may read"
        raise Trouble(
            what=f"the training data cannot be read: {problem.strerror}", where=str(path), mend=mend
        ) from None
    except UnicodeDecodeError:
        raise Trouble(what="it is not UTF-8", where=str(path), mend="write the file in UTF-8") from None


def _names(path: Path, reader: Any) -> list[str]:
    """The first line."""
    names = next(_rows(path, reader, None), (1, []))[1]
    if not names or len(set(names)) < len(names) or not all(names):
        mend = "begin the file with a line of different column names, as the records have them"
        raise Trouble(what="the first line does not name the columns", where=f"{path}: line 1", mend=mend)
    return names


def _rows(path: Path, reader: Any, columns: int | None) -> Iterator[tuple[int, list[str]]]:
    """Rows with their lines; empty lines are passed over."""
    try:
        for row in reader:
            if row and columns is not None and len(row) != columns:
                what = f"a row has {len(row)} cells, and there are {columns} columns"
                mend = "write a cell for every column, in quotation marks where it holds a comma"
                raise Trouble(what=what, where=f"{path}: line {reader.line_num}", mend=mend)
            if row:
                yield reader.line_num, row
    except csv.Error as problem:
        mend = "write commas between cells and quotation marks in pairs"
        raise Trouble(what=f"it is no CSV: {problem}", where=f"{path}: line {reader.line_num}", mend=mend) from None

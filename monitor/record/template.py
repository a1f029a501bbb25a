"""What records of one template have in common: which slot holds which field, found out from one of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from monitor.record.census import key_count
from monitor.record.slots import FLOAT, FLOATS, INT, INTS, NOTHING, STRING, TRUTH

Path = tuple[str, ...]

_TEXT: Final = {STRING, NOTHING}
_NUMBER: Final = {INT, FLOAT, NOTHING}
_LIST: Final = {INTS, FLOATS}
_NEEDED: Final = {STRING}
FIELDS: Final[Mapping[Path, set[int]]] = {
    ("id",): _TEXT,
    ("time",): _TEXT | _NUMBER,
    ("client",): _NEEDED,
    ("client", "id"): _NEEDED,
    ("client", "group"): _TEXT,
    ("client", "address"): _TEXT,
    ("client", "user_agent"): _TEXT,
    ("model",): _NEEDED,
    ("model", "name"): _NEEDED,
    ("model", "version"): _TEXT,
    ("input",): {NOTHING},
    ("input", "vector"): _LIST,
    ("input", "embedding"): _LIST,
    ("input", "text"): _NEEDED,
    ("input", "digest"): _NEEDED,
    ("input", "tensor", "shape"): {INTS},
    ("input", "tensor", "datatype"): _NEEDED,
    ("input", "tensor", "data"): _NEEDED,
    ("output",): {NOTHING},
    ("output", "label"): _TEXT | _NUMBER | {TRUTH},
    ("output", "confidence"): _NUMBER,
    ("output", "text"): _TEXT,
    ("output", "value"): _NUMBER,
    ("output", "logprobs"): _LIST,
    ("output", "probabilities"): _LIST,
    ("request",): {NOTHING},
    ("request", "logprobs"): {TRUTH, INT, NOTHING},
    ("request", "top_k"): _NUMBER,
    ("request", "temperature"): _NUMBER,
    ("request", "max_tokens"): _NUMBER,
    ("request", "stream"): {TRUTH, NOTHING},
    ("request", "logit_bias"): {NOTHING},
    ("status",): {INT, NOTHING},
    ("latency_ms",): _NUMBER,
}
"""Fields that can be read from slots, and what may stand in them; records with anything else go the general way."""

COLUMNS: Final = ("input", "columns")
CLASSES: Final = ("output", "probabilities")
_INPUTS: Final = ("vector", "embedding", "text", "tensor", "columns", "messages", "sketch", "digest")
_FOREIGN: Final = ("inputs", "outputs", "specversion")  # several queries in a record; an envelope around one
_CELL: Final = {STRING, INT, FLOAT, TRUTH, NOTHING}
_ANY: Final = set(range(FLOATS + 1))


@dataclass(frozen=True, slots=True)
class Template:
    """`slot` of each field that stands in the records; `allowed` a bit for each kind that may stand in each slot;
    slots of the `columns` of a row, and of the `classes` of probabilities by name, with the names; how many keys the
    records have, and how many `unknown` fields."""

    slot: Mapping[Path, int]
    allowed: tuple[int, ...]
    columns: tuple[tuple[str, int], ...]
    classes: tuple[tuple[str, int], ...]
    keys: int
    unknown: int

    @property
    def kind_of_input(self) -> str:
        """Which input the records have; "" for none."""
        if self.columns:
            return "columns"
        return next((name for name in _INPUTS if any(path[:2] == ("input", name) for path in self.slot)), "")


def template(record: Mapping[str, Any], slots: int, keys: int, unknown: int) -> Template | None:
    """The template of a record that was parsed, has so many slots and keys, and was read the general way with so many
    unknown fields. None where records like it have to go that way."""
    paths = list(_paths(record, ()))
    if len(paths) != slots or key_count(record) != keys or any(name in record for name in _FOREIGN):
        return None
    if not _one_input(record.get("input")) or any(_closed(path) for path in paths):
        return None
    return Template(
        {path: at for at, path in enumerate(paths) if path in FIELDS},
        tuple(sum(1 << kind for kind in _kinds(path)) for path in paths),
        tuple((path[2], at) for at, path in enumerate(paths) if path[:2] == COLUMNS),
        tuple((path[2], at) for at, path in enumerate(paths) if path[:2] == CLASSES and len(path) == 3),
        keys,
        unknown,
    )


def _paths(given: Mapping[str, Any], above: Path) -> Iterator[Path]:
    for name, value in given.items():
        if type(value) is dict:
            yield from _paths(value, (*above, name))
        else:
            yield (*above, name)


def _one_input(given: Any) -> bool:
    return given is None or (type(given) is dict and sum(name in given for name in _INPUTS) == 1)


def _closed(path: Path) -> bool:
    """Whether a field of the schema stands there that cannot be read from slots."""
    if path in FIELDS or (path[:2] in (COLUMNS, CLASSES) and len(path) == 3):
        return False
    return (path[:1] == ("input",) and path[1] in _INPUTS) or path[:2] in (CLASSES, ("request", "logit_bias"))


def _kinds(path: Path) -> set[int]:
    if path in FIELDS:
        return FIELDS[path]
    if path[:2] == COLUMNS:
        return _CELL
    return {INT, FLOAT} if path[:2] == CLASSES else _ANY

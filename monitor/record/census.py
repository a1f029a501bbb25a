"""Counts the keys of a record that was read: how many there are, and how many the schema does not know."""

from __future__ import annotations

from typing import Any, Final, get_args

from monitor.record.wire import Wire, WireRecord

Fields = dict[str, type[Wire] | None]


def census(record: dict[str, Any]) -> tuple[int, int]:
    """All keys of a record that fits the schema, and the unknown fields among them (what lies within those included in
    the first count only).

    >>> census({"client": "a", "model": {"name": "m", "x": {"y": 1}}, "input": None})
    (6, 1)
    """
    return _census(record, WireRecord)


def key_count(document: Any) -> int:
    """Keys of all objects in a parsed document."""
    found = 0
    rest = [document]
    while rest:
        one = rest.pop()
        if type(one) is dict:
            found += len(one)
            rest += one.values()
        elif type(one) is list:
            rest += one
    return found


def _census(given: dict[str, Any], model: type[Wire]) -> tuple[int, int]:
    fields = _FIELDS[model]
    keys, unknown = len(given), 0
    for name, value in given.items():
        if name not in fields:
            unknown += 1
            keys += key_count(value)
            continue
        inner = fields[name]
        if inner is None:  # names of columns and classes are no fields
            keys += len(value) if type(value) is dict else 0
            continue
        for one in value if type(value) is list else (value,):
            if type(one) is dict:
                more, strange = _census(one, inner)
                keys, unknown = keys + more, unknown + strange
    return keys, unknown


def _inner(annotation: Any) -> type[Wire] | None:
    """The model within the type of a field."""
    if isinstance(annotation, type) and issubclass(annotation, Wire):
        return annotation
    return next(filter(None, map(_inner, get_args(annotation))), None)


_FIELDS: Final[dict[type[Wire], Fields]] = {
    model: {name: _inner(field.annotation) for name, field in model.model_fields.items()}
    for model in Wire.__subclasses__()
}

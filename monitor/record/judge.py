"""The slow path: finds the words for a record that the fast path did not understand, and counts unknown fields."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel, ValidationError

from monitor.record.refusal import Refused
from monitor.record.wire import Wire, WireRecord

_REASONS: Final = {"missing": "missing-field"}
_MOST_ERRORS: Final = 1000  # more are not worth their time
_EXPECTED: Final = {
    "missing": "a required field is missing",
    "string_type": "a string was expected",
    "int_type": "an integer was expected",
    "float_type": "a number was expected",
    "bool_type": "true or false was expected",
    "list_type": "a list was expected",
    "dict_type": "an object was expected",
    "model_type": "an object was expected",
    "literal_error": "one of the words of the schema was expected",
}


def unknown_fields(record: dict[str, Any]) -> int:
    """How many fields of the record the schema does not know. Refused where it does not fit the schema."""
    try:
        return _unknown(WireRecord.model_validate(record))
    except ValidationError as problem:
        raise _refusal(problem) from None
    except RecursionError:
        raise Refused("wrong-type", "record: nested too deeply") from None


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


def _unknown(wire: BaseModel) -> int:
    total = len(wire.model_extra or ())
    for value in wire.__dict__.values():
        for one in value if type(value) is list else (value,):
            if isinstance(one, Wire):
                total += _unknown(one)
    return total


def _fields(model: type[BaseModel]) -> frozenset[str]:
    return frozenset().union(*(each.model_fields for each in (model, *Wire.__subclasses__())))


_KNOWN: Final = _fields(WireRecord)


def _refusal(problem: ValidationError) -> Refused:
    """The deepest error, which is that of the nearest variant, by names of the schema only: names of columns and of
    unknown fields belong to the record."""
    if problem.error_count() > _MOST_ERRORS:
        return Refused("wrong-type", "record: another type was expected, in very many places")
    errors = problem.errors(include_input=False, include_url=False, include_context=False)
    deepest = max(errors, key=lambda error: len(error["loc"]))
    where = ".".join(part for part in deepest["loc"] if isinstance(part, str) and part in _KNOWN) or "record"
    kind = deepest["type"]
    return Refused(_REASONS.get(kind, "wrong-type"), f"{where}: {_EXPECTED.get(kind, 'another type was expected')}")

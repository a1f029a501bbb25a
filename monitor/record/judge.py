"""The slow path: finds the words for a record that was not understood."""

from __future__ import annotations

from typing import Any, Final

from pydantic import ValidationError

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


def judge(record: dict[str, Any]) -> None:
    """Refused, with the reason, where the record does not fit the schema."""
    try:
        WireRecord.model_validate(record)
    except ValidationError as problem:
        raise _refusal(problem) from None
    except RecursionError:
        raise Refused("wrong-type", "record: nested too deeply") from None


_KNOWN: Final = frozenset(name for model in Wire.__subclasses__() for name in model.model_fields)


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

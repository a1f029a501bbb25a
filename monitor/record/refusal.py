"""Why a record is not used: stable codes for counting, and the exception that carries one out of a reader."""

from __future__ import annotations

from typing import Final

REASONS: Final = {
    "not-json": "not JSON, cut off, not UTF-8, a number beyond float64, or nested deeper than 1,024",
    "not-object": "JSON, but not an object",
    "duplicate-key": "an object has the same key twice",
    "too-large": "a ceiling is passed: record, text, elements, columns, classes, keys, queries or query_bytes",
    "missing-field": "a required field is missing",
    "wrong-type": "a field has another type than the record's schema says",
    "empty": "a name or an input is empty",
    "name-too-long": "a name is longer than 512 bytes",
    "bad-number": "NaN, infinity, or a number out of its range",
    "bad-probability": "a probability outside 0 to 1",
    "bad-tensor": "shape, datatype and data of a tensor do not fit together, or the data is not base64",
    "bad-batch": "inputs and outputs of a record of several queries do not fit together",
    "bad-sketch": "a sketch that was not made by this version of the code",
    "sketch-key": "a sketch that was made with the key of another epoch",
    "bad-time": "neither RFC 3339 nor epoch milliseconds",
    "no-time": "neither the record nor the log has a time",
    "time-range": "before 2000 or after 2100",
    "time-skew": "further from the log's own time than the limit",
    "bad-envelope": "a CloudEvents envelope without a usable record in it",
    "decoder-failed": "a fault of this program: it failed on the record, which is set aside; please report it",
    "engine-failed": "a fault of this program: judging the record failed, which is set aside; please report it",
}


class Refused(Exception):  # noqa: N818  (a verdict, not a fault of the program)
    """A record is not used. `reason` is a key of REASONS; `detail` never holds anything from the record."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


class Unfamiliar(Exception):  # noqa: N818
    """A field is not typed as the reader expects; the record's schema will say which."""

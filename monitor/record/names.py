"""What a name has to be: a string of 1 to 512 bytes that is not all blanks."""

from __future__ import annotations

from typing import Final

from monitor.record.limits import NAME_BYTES
from monitor.record.refusal import Refused, Unfamiliar

_SURE: Final = NAME_BYTES // 4  # characters that no encoding takes beyond the ceiling


def named(given: object, field: str) -> str:
    """The name. Unfamiliar where it is no string, Refused where it is empty or too long.

    >>> named("key-1", "client")
    'key-1'
    """
    if type(given) is not str:
        raise Unfamiliar
    if not given or given.isspace():
        raise Refused("empty", f"{field}: an empty name")
    if len(given) > _SURE and len(given.encode()) > NAME_BYTES:
        raise Refused("name-too-long", f"{field}: at most 512 bytes were expected")
    return given

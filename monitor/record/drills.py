"""The group that records of a drill carry: only who has the key can write it, so that no attacker hides behind it."""

from __future__ import annotations

from typing import Final

from monitor.record.keys import Keys
from monitor.record.pseudonyms import text

MARK: Final = "probewatch-drill"
"""The software, and the beginning of the group, the names and the ids of every record of a drill."""

_DIGITS: Final = 16  # 80 bits: nobody guesses it


def drill_group(keys: Keys) -> str:
    """The name of the group, which follows from the key."""
    return f"{MARK}-{text(keys.names.group(MARK))[:_DIGITS]}"


def drill_groups(keys: Keys) -> frozenset[bytes]:
    """The pseudonyms of such groups, of the keys and of those before, under the keys of now."""
    known = [one for one in (keys, keys.former) if one is not None]
    return frozenset(bytes(keys.names.group(drill_group(one))) for one in known)

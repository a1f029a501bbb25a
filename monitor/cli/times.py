"""Times on the command line: moments with their zone, and lengths such as 90m or 2d."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

import click

_UNITS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_PART: Final = re.compile(r"(\d{1,6})([smhdw])")


def moment(_: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """An option's RFC 3339 time with its zone, as microseconds since 1970; a complaint of click's where it is none."""
    if value is None:
        return None
    try:
        parsed = datetime.fromisoformat(value)
    except ValueError:
        raise click.BadParameter("write a time like 2026-12-01T22:00:00Z", param=param) from None
    if parsed.tzinfo is None:
        raise click.BadParameter("say the zone as well, as in 2026-12-01T22:00:00Z or +01:00", param=param)
    return int(parsed.timestamp() * 1e6)


def length(_: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """An option's length of time such as 45m, 2h30m or 7d, as microseconds; a complaint of click's where it is none."""
    if value is None:
        return None
    parts = _PART.findall(value)
    if not parts or "".join(map("".join, parts)) != value:
        raise click.BadParameter("write a length like 45m, 2h30m or 7d (s, m, h, d, w)", param=param)
    return sum(int(count) * _UNITS[unit] for count, unit in parts) * 1_000_000

"""What an answer of HTTP means for the alerts that were sent: one table, and a few lines more for each target."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from monitor.sinks.protocol import DELIVERED, Outcome, Verdict

_LONGEST_WAIT: Final = 86_400.0  # seconds; a receiver that names a longer rest is asked again after a day


@dataclass(frozen=True, slots=True)
class Rule:
    """What these statuses mean. `words` say more to people; `doubtful`: the far side may have taken the alerts."""

    statuses: Container[int]
    verdict: Verdict
    words: str = ""
    doubtful: bool = False


BAD: Final = frozenset({400, 413, 422})  # something is wrong with the alerts, or with one of them

#: What every target means unless it says otherwise; the first rule that fits counts, and whatever fits none is mended
#: by people: credentials, an address, a right.
USUAL: Final = (
    Rule(range(200, 300), "delivered"),
    Rule((408, 425, 429), "retry"),
    Rule(range(500, 1000), "retry", doubtful=True),
    Rule(BAD, "refused"),
    Rule((410,), "hold", "the receiver is gone; give another address or delete the sink"),
    Rule(range(300, 400), "hold", "redirects are not followed; give the final address"),
)


def meant(status: int, retry_after: str | None, now: float, own: Sequence[Rule] = ()) -> Outcome:
    """The outcome of a status; `own` are the target's rules, which go before the usual ones. `now` is in seconds since
    1970, for a `Retry-After` that is a date.

    >>> meant(429, "7", 0.0).after, meant(401, None, 0.0).verdict
    (7.0, 'hold')
    """
    rule = next((one for one in (*own, *USUAL) if status in one.statuses), Rule((), "hold"))
    if rule.verdict == "delivered":
        return DELIVERED
    reason = f"status {status}" + (f": {rule.words}" if rule.words else "")
    after = seconds(retry_after, now) if rule.verdict == "retry" else None
    return Outcome(rule.verdict, reason, after, rule.doubtful)


def seconds(retry_after: str | None, now: float) -> float | None:
    """What `Retry-After` asks for, which is a number of seconds or a date; None where it is neither.

    >>> seconds("120", 0.0), seconds("Thu, 01 Jan 1970 00:01:00 GMT", 0.0), seconds("soon", 0.0)
    (120.0, 60.0, None)
    """
    if retry_after is None:
        return None
    asked = retry_after.strip()
    if asked.isascii() and asked.isdecimal():
        return min(float(asked), _LONGEST_WAIT)
    try:
        at = parsedate_to_datetime(retry_after)
    except (ValueError, OverflowError, TypeError):  # a year or a zone that no calendar has
        return None
    aware = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return min(max(0.0, (aware - datetime.fromtimestamp(now, UTC)).total_seconds()), _LONGEST_WAIT)

"""What a sink is: takes alerts, and says of each one what became of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol, runtime_checkable

from monitor.alerts.finding import Finding

Verdict = Literal["delivered", "retry", "refused", "hold"]
"""What a sink says."""

Fate = Literal[Verdict, "skipped", "folded", "later"]
"""What becomes of an alert: a sink's verdict, or that of its policy, which the sink never sees."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one alert.

    `delivered`: the far side has it. `retry`: it may work later. `refused`: it will never work for this alert, which
    becomes a dead letter. `hold`: it works for no alert until somebody mends something (credentials, a missing
    template); nothing is dropped and the far side is asked again from time to time.

    `reason` is a short text for people and for counting; no secret, address or value of the alert stands in it.
    `after` is the least number of seconds to wait, where the far side has named one. `doubtful`: the far side may have
    taken the alert although it did not say so.

    The delivery has three more, which no sink gives: `skipped`, the alert is not for this sink; `folded`, it is not
    told because of a repeat or a ceiling; `later`, it waits for room under the ceiling.
    """

    verdict: Fate
    reason: str = ""
    after: float | None = None
    doubtful: bool = False


DELIVERED: Final = Outcome("delivered")


class Sink(Protocol):
    """Somewhere alerts go. One thread calls it. `max_batch` is the most alerts that one `send` is given."""

    @property
    def name(self) -> str:
        """As in the settings; it stands in logs, metrics and the outbox."""
        ...

    @property
    def max_batch(self) -> int:
        """Most alerts that one call of `send` is given, at least 1."""
        ...

    def send(self, alerts: Sequence[Finding], doubtful: Collection[str] = ()) -> list[Outcome]:
        """Hands over 1 to `max_batch` alerts, the oldest first; one outcome for each, in the same order.

        `doubtful` are the ids of those that an earlier attempt may have delivered: it had no clear answer, or the
        process ended in the middle of it. Blocks until the far side has answered or the sink's own time-out is over.
        """
        ...

    def close(self) -> None:
        """Lets go of connections and files. Called once, after the last `send`."""
        ...


@runtime_checkable
class Recurring(Protocol):
    """A sink whose far side forgets: open findings are sent again until they have closed."""

    @property
    def again_seconds(self) -> float:
        """Seconds between two times."""
        ...

    def again(self, alerts: Sequence[Finding]) -> bool:
        """Sends what is open, and what has closed lately, once more; whether somebody took it."""
        ...


@runtime_checkable
class Readable(Protocol):
    """A sink whose far side can be asked whether an alert is there."""

    def read_back(self, alert: Finding) -> str:
        """Where the alert was found, in a few words. Trouble where it is not there or cannot be read."""
        ...

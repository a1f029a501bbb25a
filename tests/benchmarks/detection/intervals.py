"""How sure a share or a rate is: 95 % confidence intervals, and both as words for tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from scipy.stats import chi2

Z: Final = 1.959964  # of 95 %
HALF: Final = 0.025  # left out at either end
THOUSAND: Final = 1000.0


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many."""

    part: int
    whole: int

    @property
    def value(self) -> float | None:
        """0 to 1; None where there is nothing to take a share of."""
        return self.part / self.whole if self.whole else None

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval (Wilson 1927), which stays within 0 and 1 and is right for few clients; all of it
        where there are none.

        >>> [round(end, 3) for end in Share(8, 8).interval], Share(0, 0).interval
        ([0.676, 1.0], (0.0, 1.0))
        """
        if not self.whole:
            return 0.0, 1.0
        n, p = self.whole, self.part / self.whole
        middle = (p + Z * Z / (2 * n)) / (1 + Z * Z / n)
        reach = Z / (1 + Z * Z / n) * (p * (1 - p) / n + Z * Z / (4 * n * n)) ** 0.5
        return max(0.0, middle - reach), min(1.0, middle + reach)

    def __str__(self) -> str:
        """The share with its interval, in per cent.

        >>> str(Share(7, 8)), str(Share(0, 0))
        ('88 % (53–98)', '')
        """
        if not self.whole:
            return ""
        low, high = self.interval
        return f"{_points(self.part / self.whole)} % ({_points(low)}–{_points(high)})"


@dataclass(frozen=True, slots=True)
class Rate:
    """So many events in so many client-days."""

    events: int
    days: float

    @property
    def value(self) -> float:
        """Events per 1,000 clients a day; 0 where nobody came."""
        return THOUSAND * self.events / self.days if self.days else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """The exact 95 % interval of a Poisson rate (Garwood 1936), per 1,000 clients a day.

        >>> [round(end, 2) for end in Rate(0, 1000).interval], [round(end, 2) for end in Rate(4, 2000).interval]
        ([0.0, 3.69], [0.54, 5.12])
        """
        if not self.days:
            return 0.0, float("inf")
        low = chi2.ppf(HALF, 2 * self.events) / 2 if self.events else 0.0
        high = chi2.ppf(1 - HALF, 2 * self.events + 2) / 2
        return THOUSAND * float(low) / self.days, THOUSAND * float(high) / self.days

    def __str__(self) -> str:
        """The rate with its interval.

        >>> str(Rate(4, 2000))
        '2.0 (0.5–5.1)'
        """
        if not self.days:
            return ""
        low, high = self.interval
        return f"{self.value:.1f} ({low:.1f}–{high:.1f})"


def _points(share: float) -> str:
    """Per cent without decimals, but near 0 and 100, where 99.6 is not 100 and 0.4 is not 0."""
    percent = 100 * share
    return f"{percent:.1f}" if 0.05 <= percent < 2 or 98 < percent < 99.95 else f"{percent:.0f}"


def percent(share: Share) -> str:
    """A share without its interval.

    >>> percent(Share(7, 8)), percent(Share(0, 0))
    ('88 %', '')
    """
    return "" if share.value is None else f"{_points(share.value)} %"


def lasted(seconds: float | None) -> str:
    """A time for tables.

    >>> lasted(42), lasted(600), lasted(7200), lasted(200_000), lasted(None)
    ('42 s', '10 min', '2.0 h', '2.3 d', '')
    """
    if seconds is None:
        return ""
    for unit, size, least in (("d", 86_400, 2 * 86_400), ("h", 3_600, 7_200), ("min", 60, 120)):
        if seconds >= least:
            return f"{seconds / size:.0f} {unit}" if unit == "min" else f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"

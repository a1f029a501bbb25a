"""The one severity scale: what each of our four levels is called elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from monitor.alerts.finding import Severity


@dataclass(frozen=True, slots=True)
class Level:
    """One severity in the words and numbers of others.

    `elastic` has to be one of 21, 47, 73 and 99: the promotion rule of Kibana takes any other number for medium.
    `syslog` (GELF has the same numbers) counts downwards. `otel` is the SeverityNumber of OpenTelemetry's logs: the
    first of INFO, WARN, ERROR and FATAL.
    """

    elastic: int
    ocsf: int
    cef: int
    leef: int
    pagerduty: str
    sentinel: str
    syslog: int
    sigma: str
    otel: int


LEVELS: Final[Mapping[Severity, Level]] = MappingProxyType(
    {
        "low": Level(21, 2, 3, 3, "info", "Low", 5, "low", 9),
        "medium": Level(47, 3, 6, 5, "warning", "Medium", 4, "medium", 13),
        "high": Level(73, 4, 8, 8, "error", "High", 3, "high", 17),
        "critical": Level(99, 5, 10, 10, "critical", "High", 2, "critical", 21),
    }
)

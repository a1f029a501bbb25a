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
        "low": Level(
            elastic=21, ocsf=2, cef=3, leef=3, pagerduty="info", sentinel="Low", syslog=5, sigma="low", otel=9
        ),
        "medium": Level(
            elastic=47, ocsf=3, cef=6, leef=5, pagerduty="warning", sentinel="Medium", syslog=4, sigma="medium", otel=13
        ),
        "high": Level(
            elastic=73, ocsf=4, cef=8, leef=8, pagerduty="error", sentinel="High", syslog=3, sigma="high", otel=17
        ),
        "critical": Level(
            elastic=99,
            ocsf=5,
            cef=10,
            leef=10,
            pagerduty="critical",
            sentinel="High",
            syslog=2,
            sigma="critical",
            otel=21,
        ),
    }
)

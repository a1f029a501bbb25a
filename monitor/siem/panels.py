"""The dashboards, once: what each panel asks, of which fields. Every form of them is made from here.

A panel's title is the question that it answers. A finding is several documents, so findings are counted by their ids,
and of what changes the latest is shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from monitor.formats.ecs import DATASET, TEST_TAG

Operation = Literal["count", "unique_count", "max", "min", "sum", "last_value"]
Kind = Literal["metric", "over_time", "bars", "heatmap", "table", "text", "session"]

VIEW: Final = "probewatch-alerts"  # id of the data view
SESSION: Final = "probewatch-revisions"  # id of the saved Discover session
TIME: Final = "@timestamp"
FROM: Final = "now-7d"
WIDTH: Final = 48  # columns of the grid

#: What no dashboard, session or rule counts: other data, and what `siem verify` and `sinks test` have written.
DATA: Final = f'data_stream.dataset: "{DATASET}"'
NO_TESTS: Final = f'not tags: "{TEST_TAG}"'


@dataclass(frozen=True, slots=True)
class Metric:
    """A number or a latest value of each group of documents."""

    label: str
    operation: Operation = "unique_count"
    field: str = "probewatch.finding"


@dataclass(frozen=True, slots=True)
class Terms:
    """Groups by the values of a field, those with most of the first metric first."""

    label: str
    field: str
    size: int = 10


@dataclass(frozen=True, slots=True)
class Bands:
    """Groups by bands of a number: above one edge, up to the next."""

    label: str
    field: str
    edges: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel: its name and question, place (`x`, `y`, `w`, `h` on 48 columns), groups, metrics, and a filter (KQL).

    `over_time` is grouped by time first, and a `session` is the saved Discover session. Of a heatmap the two groups are
    across and down.
    """

    name: str
    title: str
    kind: Kind
    place: tuple[int, int, int, int]
    groups: tuple[Terms | Bands, ...] = ()
    metrics: tuple[Metric, ...] = ()
    only: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A page of panels, with controls that filter all of them."""

    id: str
    title: str
    description: str
    controls: tuple[Terms, ...]
    panels: tuple[Panel, ...]


_FINDINGS: Final = Metric("Findings")
_RISK: Final = Metric("Highest risk", "max", "event.risk_score")
_SINCE: Final = Metric("Since", "min", "event.start")
_LATEST: Final = Metric("Latest", "max", "event.end")
_SEVERITY: Final = Terms("Severity", "probewatch.severity", 4)
_FAMILY: Final = Terms("Attack", "probewatch.family", 15)
_MODEL: Final = Terms("Model", "service.name")


def _last(label: str, field: str) -> Metric:
    return Metric(label, "last_value", field)


_CONTROLS: Final = (_SEVERITY, _FAMILY, _MODEL, Terms("Client", "related.user"))

_TRIAGE_TEXT: Final = (
    "**What to do first.** Take the finding with the highest risk below. Its explanation names the numbers that "
    "decided, each with the usual value of the model. Click its id to see nothing else on this page; click a client to "
    "see all that it did. A finding is open until a revision says `closed`. Pseudonyms become names only with the key: "
    "`probewatch pseudonym` on the monitor's host."
)
_QUALITY_TEXT: Final = (
    "**What this page is for.** Which detectors speak, which attacks make most alerts, whether alerts arrive as they "
    "should, and under which key pseudonyms were made. Lag, dropped records, dead letters and memory of the daemon are "
    "not here: they are on its page of metrics, for which there is a Grafana dashboard."
)

TRIAGE: Final = Dashboard(
    "probewatch-triage",
    "[probewatch] Triage",
    "Who probes which model, how badly, and why we think so.",
    _CONTROLS,
    (
        Panel("about", "", "text", (0, 0, 48, 5), text=_TRIAGE_TEXT),
        Panel("found", "How many findings, by severity?", "metric", (0, 5, 24, 8), (_SEVERITY,), (_FINDINGS,)),
        Panel(
            "ended",
            "How many of them have ended?",
            "metric",
            (24, 5, 24, 8),
            (_SEVERITY,),
            (_FINDINGS,),
            only="probewatch.status: closed",
        ),
        Panel(
            "opened",
            "When did findings open, and of which attack?",
            "over_time",
            (0, 13, 24, 14),
            (_FAMILY,),
            (_FINDINGS,),
            only="probewatch.status: open",
        ),
        Panel(
            "techniques",
            "Which technique of ATLAS is aimed at which model?",
            "heatmap",
            (24, 13, 24, 14),
            (_MODEL, Terms("Technique", "probewatch.attack.atlas.techniques", 15)),
            (_FINDINGS,),
        ),
        Panel(
            "why",
            "What was found, about whom, and why?",
            "table",
            (0, 27, 48, 18),
            (Terms("Finding", "probewatch.finding", 50),),
            (
                _RISK,
                _last("State", "probewatch.status"),
                _last("Attack", "rule.name"),
                _last("Model", "service.name"),
                _last("Clients", "related.user"),
                _last("Why", "event.reason"),
                _last("Explanation", "probewatch.explanation"),
                Metric("Queries", "max", "probewatch.exposure.queries"),
                _SINCE,
                _LATEST,
            ),
        ),
        Panel(
            "clients",
            "Which clients are worst?",
            "table",
            (0, 45, 24, 14),
            (Terms("Client", "user.hash"),),
            (_RISK, _FINDINGS, _last("Attack", "rule.name"), _last("Model", "service.name"), _LATEST),
        ),
        Panel(
            "models",
            "Which models are attacked most?",
            "table",
            (24, 45, 24, 14),
            (_MODEL,),
            (_FINDINGS, Metric("Clients", "unique_count", "related.user"), _RISK, _last("Attack", "rule.name")),
        ),
        Panel(
            "campaigns",
            "Which clients act together?",
            "table",
            (0, 59, 24, 14),
            (Terms("Finding", "probewatch.finding"),),
            (
                Metric("Members", "unique_count", "probewatch.members"),
                _RISK,
                _last("Attack", "rule.name"),
                _last("Model", "service.name"),
                _LATEST,
            ),
            only="probewatch.members: *",
        ),
        Panel(
            "exposure",
            "How much has got out?",
            "table",
            (24, 59, 24, 14),
            (Terms("Finding", "probewatch.finding"),),
            (
                Metric("Bits disclosed", "max", "probewatch.exposure.output_bits"),
                Metric("Answered", "max", "probewatch.exposure.answered"),
                Metric("Different inputs", "max", "probewatch.exposure.distinct_inputs"),
                _last("Model", "service.name"),
            ),
        ),
        Panel("revisions", "What happened, revision by revision?", "session", (0, 73, 48, 18)),
    ),
)

QUALITY: Final = Dashboard(
    "probewatch-quality",
    "[probewatch] Detection and noise",
    "Which detectors speak, what is noise, whether alerts arrive.",
    _CONTROLS,
    (
        Panel("about", "", "text", (0, 0, 48, 5), text=_QUALITY_TEXT),
        Panel(
            "risk",
            "How are risks spread, and where is my line?",
            "bars",
            (0, 5, 24, 14),
            (Bands("Risk", "event.risk_score", (0, 20, 40, 60, 80, 100)),),
            (_FINDINGS,),
        ),
        Panel(
            "detectors",
            "Which detectors speak, day by day?",
            "over_time",
            (24, 5, 24, 14),
            (Terms("Detector", "probewatch.evidence.detector", 15),),
            (_FINDINGS,),
        ),
        Panel(
            "noise",
            "Which attacks make most alerts?",
            "table",
            (0, 19, 24, 14),
            (_FAMILY,),
            (Metric("Alerts", "count", ""), _FINDINGS, Metric("Clients", "unique_count", "related.user"), _RISK),
        ),
        Panel(
            "profiles",
            "Which ordinary traffic is taken for an attack?",
            "table",
            (24, 19, 24, 14),
            (Terms("Nearest profile", "probewatch.profile"),),
            (_FINDINGS, _last("Attack", "rule.name"), _RISK),
        ),
        Panel(
            "operations",
            "What was never watched, and why?",
            "table",
            (0, 33, 24, 12),
            (Terms("Finding", "probewatch.finding"),),
            (
                _LATEST,
                _last("What", "rule.name"),
                _last("Why", "event.reason"),
                _last("Topic", "probewatch.lineage.topic"),
            ),
            only="probewatch.tier: operations",
        ),
        Panel(
            "arrival",
            "Which alerts failed in the pipeline, and at what?",
            "table",
            (24, 33, 24, 12),
            (Terms("Processor", "error.type"),),
            (Metric("Alerts", "count", ""), Metric("Latest arrival", "max", "event.ingested")),
            only="event.kind: pipeline_error",
        ),
        Panel(
            "keys",
            "Under which keys were pseudonyms made?",
            "table",
            (0, 45, 24, 12),
            (Terms("Key", "probewatch.lineage.key_epochs"),),
            (_FINDINGS, Metric("Clients", "unique_count", "related.user"), _SINCE, _LATEST),
        ),
        Panel(
            "versions",
            "Which versions and settings found them?",
            "table",
            (24, 45, 24, 12),
            (Terms("Version", "rule.version"), Terms("Settings", "probewatch.lineage.config_hash")),
            (_FINDINGS, _LATEST),
        ),
    ),
)

DASHBOARDS: Final = (TRIAGE, QUALITY)

#: Columns of the saved Discover session: every revision, the latest first.
COLUMNS: Final = (
    "event.severity",
    "rule.name",
    "probewatch.status",
    "service.name",
    "related.user",
    "event.risk_score",
    "event.reason",
    "probewatch.finding",
    "event.sequence",
)


def fields_of(panel: Panel) -> Iterator[str]:
    """The fields that a panel reads, those of its filter not counted."""
    yield from (group.field for group in panel.groups)
    yield from (metric.field for metric in panel.metrics if metric.field)

"""Verdicts that analysts gave in Kibana: why they closed an alert, or how they tagged it, read by a search.

Kibana's alerts (`.alerts-security.alerts-*`) name the document that they come from in `kibana.alert.ancestors`: ours
has the id of the alert. Kibana writes the reason of closing into `kibana.alert.workflow_reason` from 9.2 on; before,
tags had to do (`kibana.alert.workflow_tags`), and they are read as well.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from elastic_transport import TransportError
from elasticsearch import ApiError, Elasticsearch

from monitor.alerts.opinions import Word
from monitor.config.trouble import Trouble
from monitor.formats.ecs import DATASET

ALERTS: Final = ".alerts-security.alerts-*"
_PAGE: Final = 1_000  # alerts of one request
_FIELD: Final = "kibana.alert."
_FIELDS: Final = ("workflow_status", "workflow_reason", "workflow_tags", "workflow_user", "workflow_status_updated_at")
_IDS: Final = "ancestors.id"
_MEANS: Final[dict[str, Word]] = {
    "truepositive": "true",
    "falsepositive": "false",
    "benignpositive": "benign",
    "benign": "benign",
    "duplicate": "duplicate",
}


@dataclass(frozen=True, slots=True)
class Judged:
    """What an analyst made of one alert: its finding, the verdict, who (as Kibana names them) and when, microseconds
    since 1970; 0 where that is not known."""

    finding: str
    word: Word
    author: str
    at: int


@dataclass(slots=True)
class Tally:
    """Alerts that were looked at, and those without a verdict, by their status."""

    alerts: int = 0
    silent: Counter[str] = field(default_factory=Counter)


def pull(client: Elasticsearch, index: str, tally: Tally) -> Iterator[Judged]:
    """The verdicts on our alerts, in the order in which they were given, as far as Kibana says when. Trouble where the
    search does not work."""
    found = []
    for hit in _hits(client, index):
        tally.alerts += 1
        told = {name.removeprefix(_FIELD): values for name, values in hit.get("fields", {}).items()}
        word = meant([*told.get("workflow_reason", ()), *told.get("workflow_tags", ())])
        if word is None:
            tally.silent[str(_first(told, "workflow_status", "open"))] += 1
            continue
        author, at = _first(told, "workflow_user", "kibana"), _first(told, "workflow_status_updated_at", "")
        findings = {str(name).rpartition("-")[0] for name in told.get(_IDS, ())} - {""}
        found += [Judged(finding, word, str(author), _moment(at)) for finding in sorted(findings)]
    yield from sorted(found, key=lambda one: (one.at, one.finding))


def meant(said: list[Any]) -> Word | None:
    """The verdict in reasons and tags, the first that is one; None where there is none.

    >>> meant(["Further investigation required", "False Positive"]), meant(["benign_positive"]), meant(["other"])
    ('false', 'benign', None)
    """
    plain = ("".join(char for char in str(one).lower() if char.isalpha()) for one in said)
    return next((_MEANS[one] for one in plain if one in _MEANS), None)


def _hits(client: Elasticsearch, index: str) -> Iterator[dict[str, Any]]:
    asked: dict[str, Any] = {
        "index": index,
        "query": {"wildcard": {f"{_FIELD}ancestors.index": f"*logs-{DATASET}-*"}},
        "fields": [_FIELD + name for name in (*_FIELDS, _IDS)],
        "source": False,
        "sort": [{"@timestamp": "asc"}, {f"{_FIELD}uuid": {"order": "asc", "unmapped_type": "keyword"}}],
        "size": _PAGE,
        "ignore_unavailable": True,
    }
    try:
        while hits := client.search(**asked)["hits"]["hits"]:
            yield from hits
            asked["search_after"] = hits[-1]["sort"]
    except ApiError as problem:
        what = f"the alerts cannot be read: Elasticsearch answered {problem.status_code}"
        mend = "give a key that may read them: --api-key FILE; deploy/docs/living.md says which privileges it needs"
        raise Trouble(what=what, where=index, mend=mend) from None
    except TransportError as problem:
        what = f"no answer: {type(problem).__name__}"
        raise Trouble(what=what, where=index, mend="check the hosts and certificates of the sink") from None


def _first(told: dict[str, list[Any]], name: str, default: str) -> Any:
    return next(iter(told.get(name, ())), default)


def _moment(written: Any) -> int:
    try:
        return int(datetime.fromisoformat(str(written)).timestamp() * 1e6)
    except ValueError:
        return 0

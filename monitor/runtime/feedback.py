"""Verdicts from a system of alerts into the outbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.config.settings import Settings
from monitor.runtime.operator import noted, opened, opinion
from monitor.sinks.history import History
from monitor.sinks.opinions import Opinions

if TYPE_CHECKING:
    from elasticsearch import Elasticsearch

    from monitor.sinks.workflow import Tally


def fetch(settings: Settings, client: Elasticsearch, index: str, tally: Tally) -> tuple[int, int, int]:
    """Take over what analysts have said in Kibana; how many verdicts were new, how many known before, and how many were
    about findings that this outbox does not know."""
    from monitor.sinks.workflow import pull

    judged = {one.finding: one for one in pull(client, index, tally)}  # the latest of each finding
    with opened(settings) as database:
        history = History(database)
        said = [
            opinion(known, one.word, "closed or tagged in Kibana", one.author, "kibana", one.at)
            for one in judged.values()
            if (known := history.last(one.finding)) is not None
        ]
        noted(settings, "feedback pulled", len(said), "", {"alerts": tally.alerts})
        new = Opinions(database).add(said)
    return new, len(said) - new, len(judged) - len(said)

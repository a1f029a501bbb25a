"""Silences as the daemon sees them: numbers for the metrics, a page for people, and a note when one is over."""

from __future__ import annotations

import logging
from typing import Any

from monitor.alerts.silences import Silence
from monitor.config.settings import Settings
from monitor.formats.native import moment
from monitor.runtime.metrics import Metrics
from monitor.runtime.operator import noted, now
from monitor.sinks.outbox import Outbox
from monitor.sinks.silencing import Kept, Silencing

log = logging.getLogger(__name__)


def tell(outbox: Outbox, settings: Settings, metrics: Metrics, epoch: str) -> dict[str, Any]:
    """Brings the metrics up to date, notes what is over, and gives what the page /silences shows. Trouble where the
    outbox or the audit log cannot be used."""
    silencing, at = outbox.silencing, now()
    for silence, kept in silencing.over(at):
        _note(silence, kept, settings, epoch)
    rules = silencing.rules()
    known = [(one, one.state(at)) for one in rules.silences]
    metrics.silences.set(sum(state == "active" for _, state in known))
    for by, count in silencing.counts().items():
        metrics.kept_back.labels(by).set(count)
    for word, count in outbox.opinions.counts().items():
        metrics.verdicts.labels(word).set(count)
    return {
        "silences": [page(one, state, silencing) for one, state in known if state != "over"],
        "profiles": [{"model": one.model, "name": one.name, "kind": one.code} for one in rules.kinds],
    }


def page(one: Silence, state: str, silencing: Silencing) -> dict[str, Any]:
    """One silence for people and machines: what it asks for, when, who, why, and what it has kept back."""
    kept = silencing.kept(f"silence:{one.id}")
    return {
        "silence": one.id,
        "state": state,
        "matchers": one.matchers.given,
        "start": moment(one.start),
        "end": moment(one.end),
        "reason": one.reason,
        "author": one.author,
        "key_epoch": one.key_epoch,
        "findings": kept.findings,
        "revisions": kept.revisions,
    }


def _note(silence: Silence, kept: Kept, settings: Settings, epoch: str) -> None:
    """Says in the log and in the audit log that a silence is over."""
    about = {"silence": silence.id, "findings": kept.findings, "revisions": kept.revisions}
    noted(settings, "silence over", 1, epoch, about)
    log.warning("a silence is over; what it has kept back is in the outbox", extra=about)

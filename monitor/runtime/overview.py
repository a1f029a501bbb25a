"""One look at a state folder: whether a daemon runs, what waits, what is open, silenced and judged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from monitor.alerts.finding import RANKS
from monitor.config.settings import Settings
from monitor.config.trouble import Trouble
from monitor.runtime.operator import now
from monitor.runtime.paths import outbox_path
from monitor.runtime.running import Running, ask, find, page
from monitor.sinks.outbox import Outbox

Tree = Mapping[str, Any]

_MOST: Final = 10_000  # of each sort that are counted


def overview(settings: Settings) -> Tree | None:
    """All of it; None where nothing has run here yet. Trouble where the outbox cannot be used."""
    running, path = find(settings), outbox_path(settings)
    if running is None and not path.exists():
        return None
    return {"daemon": None if running is None else _daemon(settings, running), "outbox": _outbox(settings)}


def _daemon(settings: Settings, running: Running) -> Tree:
    told: dict[str, Any] = {"pid": running.pid, "pages": running.url}
    try:
        live = page(settings, "/live")
        told |= {"alive": ask(settings, "/healthz")[0] == 200, "ready": live["ready"]}
    except Trouble as trouble:
        return told | {"alive": False, "ready": False, "what": trouble.what}
    kept = ("rate", "queries", "event_lag_seconds", "clients", "models", "learning", "state_bytes", "engine_failed")
    lag = live.get("lag")
    return told | {"lag": None if lag is None else sum(lag.values())} | {name: live.get(name) for name in kept}


def _outbox(settings: Settings) -> Tree | None:
    path = outbox_path(settings)
    if not path.exists():
        return None
    outbox, at = Outbox(path, list(settings.sinks), settings.outbox), now()
    try:
        latest = [
            *outbox.history.latest(status="open", limit=_MOST),
            *outbox.history.latest(status="updated", limit=_MOST),
        ]
        return {
            "waiting": {name: outbox.waiting(name) for name in settings.sinks},
            "held": {name: held[1] for name in settings.sinks if (held := outbox.held(name)) is not None},
            "letters": len(outbox.dead_letters(limit=_MOST)),
            "open": dict(Counter(one.severity for one in latest)),
            "silences": sum(one.state(at) == "active" for one in outbox.silencing.silences()),
            "kept_back": outbox.silencing.counts(),
            "verdicts": outbox.opinions.counts(),
        }
    finally:
        outbox.close()


def summary(tree: Tree) -> list[str]:
    """The same in a few lines for people."""
    return [*_told_daemon(tree["daemon"]), *([] if tree["outbox"] is None else _told_outbox(tree["outbox"]))]


def _told_daemon(daemon: Tree | None) -> list[str]:
    if daemon is None:
        return ["daemon    does not run here"]
    if not daemon["alive"]:
        return [
            f"daemon    process {daemon['pid']} does not answer as it should: {daemon.get('what', 'it stands still')}"
        ]
    state = "ready" if daemon["ready"] else "not ready yet: partitions are not assigned and restored"
    behind = "" if daemon["event_lag_seconds"] is None else f", {daemon['event_lag_seconds']:,.0f} s of event time"
    lines = [f"daemon    process {daemon['pid']}, {state}, {daemon['pages']}"]
    if daemon["queries"] is not None:
        lines += [
            f"reading   {daemon['rate']:,.0f} queries a second, lag {daemon['lag']:,} records{behind}",
            f"memory    {daemon['clients']:,} clients of {daemon['models']} models, {len(daemon['learning'])} still"
            f" learning, {daemon['state_bytes'] / 2**20:,.0f} MiB",
        ]
    if daemon["engine_failed"]:
        lines.append(
            f"faults    {daemon['engine_failed']:,} records were set aside, as judging them failed: see the log"
        )
    return lines


def _told_outbox(outbox: Tree) -> list[str]:
    waits = ", ".join(f"{count:,} for {name}" for name, count in outbox["waiting"].items())
    waits = f"waiting {waits}" if waits else "no sink is set"
    held = "".join(f"; {name} is held: {reason}" for name, reason in outbox["held"].items())
    found = ", ".join(f"{outbox['open'][rank]} {rank}" for rank in reversed(RANKS) if rank in outbox["open"]) or "none"
    kept, said = (
        sum(outbox["kept_back"].values()),
        ", ".join(f"{n} {word}" for word, n in outbox["verdicts"].items() if n),
    )
    return [
        f"outbox    {waits}{held}; {outbox['letters']:,} dead letters",
        f"findings  open: {found}; judged: {said or 'none'}",
        f"silences  {outbox['silences']} active, {kept:,} alerts kept back",
    ]

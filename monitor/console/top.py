"""The screen of `probewatch top`: one page of tables about a daemon that runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from monitor.alerts.words import plain
from monitor.console.words import COLOURS

Tree = Mapping[str, Any]

_SHOWN: Final = 8  # rows of a table


def screen(live: Tree, quiet: Tree) -> RenderableType:
    """The whole screen, from the pages /live and /silences. Text from records is made harmless."""
    return Group(_head(live, quiet), _recent(live), _closest(live), _noisiest(live))


def _head(live: Tree, quiet: Tree) -> RenderableType:
    lag, event_lag = sum(live.get("lag", {}).values()), live.get("event_lag_seconds")
    behind = "" if event_lag is None else f" ({event_lag:,.0f} s of event time)"
    state = "ready" if live.get("ready") else "not ready yet"
    silences = sum(one["state"] == "active" for one in quiet.get("silences", ()))
    learning = live.get("learning", ())
    lines = (
        f"{state}, last turn {live.get('silent_seconds', 0):.1f} s ago, {live.get('state_bytes', 0) / 2**20:,.0f} MiB",
        f"{live.get('rate', 0):,.0f} queries a second, {live.get('queries', 0):,} since the start,"
        f" lag {lag:,} records{behind}",
        f"{live.get('clients', 0):,} clients of {live.get('models', 0)} models"
        f" ({len(learning)} still learning), {live.get('evicted', 0):,} clients had to leave",
        f"{live.get('findings_open', 0):,} findings open, {silences} silences active",
    )
    return Text("\n".join(lines))


def _recent(live: Tree) -> Table:
    table = _table("latest findings", "finding", "status", "severity", "risk", "family", "model", "client")
    for one in live.get("recent", ())[:_SHOWN]:
        who = one["client"] or f"{one['clients']} clients"
        severity = Text(one["severity"], COLOURS.get(one["severity"], ""))
        told = (_cell(one["family"]), _cell(one["model"]), _cell(who))
        table.add_row(one["finding"][:12], one["status"], severity, f"{one['risk']:.0f}", *told)
    return table


def _closest(live: Tree) -> Table:
    table = _table("closest to a finding", "client", "model", "test", "evidence", "queries")
    for one in (live.get("closest") or ())[:_SHOWN]:
        test = f"{one['detector']}/{one['test']}"
        cells = (one["client"], _cell(one["model"]), test, f"{one['share']:.0%}", f"{one['queries']:,}")
        table.add_row(*cells)
    return table


def _noisiest(live: Tree) -> Table:
    table = _table("noisiest tests", "test", "findings opened")
    for test, count in list(live.get("noisiest", {}).items())[:_SHOWN]:
        table.add_row(test, f"{count:,}")
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for name in columns:
        table.add_column(name, header_style="dim", no_wrap=True)
    return table


def _cell(text: str) -> Text:
    """Text without what could steer a terminal, and without marks that would be read as styles."""
    return Text(plain(text))

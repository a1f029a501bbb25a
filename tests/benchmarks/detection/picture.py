"""The pictures: detection by family over queries, honest false findings by kind, promised against delivered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import matplotlib as mpl
import numpy as np
from budgets import TIERS, Delivered
from drawing import FAINT, INK, STYLE, plt, save
from scorecard import Card, Honest, Row

__all__ = ["INK", "STYLE", "mpl", "plt", "save"]  # what pictures of studies are drawn with

VARIANTS: Final = {
    "": ("alone", "#0b3c8c", "-", 2.4),
    "deduplicated": ("without repeats", "#5b8def", "-", 1.4),
    "slow": ("slow", "#159a8c", "-", 1.6),
    "diluted-50": ("half ordinary queries", "#f0a202", "-", 1.6),
    "diluted-80": ("80 % ordinary queries", "#d1495b", "-", 1.8),
    "group-of-5": ("5 accounts", "#a06cd5", (0, (4, 1.5)), 1.6),
    "group-of-20": ("20 accounts", "#5a189a", (0, (4, 1.5)), 1.8),
}
TIER_INK: Final = {"named": "#d1495b", "novelty": "#159a8c"}
LIMIT: Final = ("honest limits", "#8a949e", (0, (1, 1.5)), 1.6)
QUERIES: Final = (5, 500)
ACROSS: Final = 4
MOST_KINDS: Final = 32


def overview(card: Card, came: Sequence[Delivered] = ()) -> Any:
    """One picture of everything."""
    with plt.rc_context(STYLE):
        families = sorted({row.name[0] for row in card.families})
        down = -(-len(families) // ACROSS)
        kinds = shown(card.honest)
        low = max(3.2, 0.21 * len(kinds) + 1.2)
        figure = plt.figure(figsize=(13, 2.1 * down + low + 1.5), layout="constrained")
        top, bottom = figure.subfigures(2, 1, height_ratios=(2.1 * down + 0.9, low))
        _curves(top, card, families, down)
        wide = bottom.subplots(1, 2 if came else 1, width_ratios=(1.5, 1) if came else (1,), squeeze=False)[0]
        honest(wide[0], kinds, card.honest)
        if came:
            promised(wide[1], came)
        figure.suptitle(card.title, x=0.01, ha="left", fontsize=13, fontweight="bold")
        return figure


def _curves(figure: Any, card: Card, families: Sequence[str], down: int) -> None:
    axes = figure.subplots(down, min(ACROSS, len(families)) or 1, sharex=True, sharey=True, squeeze=False).ravel()
    for ax, family in zip(axes, families, strict=False):
        ax.set_title(family)
        for row in card.families:
            if row.name == (family, "limit"):
                curve(ax, row, LIMIT)
        for name, look in reversed(VARIANTS.items()):
            curve_of = card.families if not name else [row for row in card.variants if row.name[0] == name]
            for row in curve_of:
                if row.name[-2:] == (family, "asked"):
                    curve(ax, row, look)
        ax.axhline(0.95, color=FAINT, lw=0.8, zorder=0)
        ax.axvline(100, color=FAINT, lw=0.8, zorder=0)
        ax.set(xscale="log", xlim=QUERIES, ylim=(0, 1.03), xticks=(5, 10, 20, 50, 100, 200, 500), yticks=(0, 0.5, 1))
        ax.xaxis.set_major_formatter(mpl.ticker.FormatStrFormatter("%d"))
        ax.xaxis.set_minor_locator(mpl.ticker.NullLocator())
        ax.yaxis.set_major_formatter(mpl.ticker.PercentFormatter(1, decimals=0))
    for at, ax in enumerate(axes):
        ax.set_visible(at < len(families))
        ax.tick_params(labelbottom=at + ACROSS >= len(families))  # nothing stands below it
    figure.supxlabel("queries from the attack's first one to the first named finding", fontsize=9)
    figure.supylabel("attackers found", fontsize=9)
    there = {row.name[0] for row in card.variants} | {""}
    looks = [look for name, look in VARIANTS.items() if name in there]
    looks += [LIMIT] if any(row.name[-1] == "limit" for row in card.families) else []
    handles = [mpl.lines.Line2D([], [], color=ink, ls=dash, lw=width, label=label) for label, ink, dash, width in looks]
    figure.legend(handles=handles, loc="outside upper left", ncols=len(handles), fontsize=8.5)


def curve(ax: Any, row: Row, look: tuple[str, str, Any, float]) -> None:
    """The share of a row's clients that was found within so many queries, as steps."""
    _, ink, dash, width = look
    at = np.clip(np.array(row.first_queries, float), QUERIES[0], None)
    steps = np.concatenate([[QUERIES[0]], at, [QUERIES[1]]])
    height = np.concatenate([[0.0], np.arange(1, len(at) + 1), [len(at)]]) / max(row.clients, 1)
    ax.step(steps, height, where="post", color=ink, ls=dash, lw=width, clip_on=False, solid_capstyle="round")


def shown(rows: Sequence[Honest]) -> list[Honest]:
    """The kinds of which any client drew a finding, the loudest last, at most MOST_KINDS."""
    loud = [row for row in rows if row.named_findings + row.novel_findings]
    return sorted(loud, key=lambda row: (row.named_rate.value, row.novel_rate.value, row.name))[-MOST_KINDS:]


def honest(ax: Any, kinds: Sequence[Honest], rows: Sequence[Honest]) -> None:
    """False findings by kind of honest client, with intervals."""
    places = np.arange(len(kinds))
    for shift, tier in ((0.15, "named"), (-0.15, "novelty")):
        rates = [row.named_rate if tier == "named" else row.novel_rate for row in kinds]
        there = [(at + shift, rate) for at, rate in zip(places, rates, strict=True) if rate.events]
        for at, rate in there:
            ax.plot(rate.interval, (at, at), color=TIER_INK[tier], lw=1.2, alpha=0.45)
        values = [rate.value for _, rate in there]
        ax.plot(values, [at for at, _ in there], "o", color=TIER_INK[tier], ms=4.5, label=f"{tier} findings")
    ax.set_yticks(places, [row.name[1] + (" (new)" if row.name[0] == "unseen" else "") for row in kinds], fontsize=8)
    silent = len(rows) - len(kinds)
    ax.set_title(f"Honest clients: false findings by kind; {silent} of {len(rows)} kinds drew none")
    ax.set(xscale="symlog", xlabel="findings per 1,000 clients of the kind a day (95 % interval)")
    ax.set_xlim(left=0)
    ax.xaxis.set_major_formatter(mpl.ticker.FormatStrFormatter("%g"))
    ax.grid(visible=False, axis="y")
    ax.legend(loc="lower right", fontsize=8.5)


def promised(ax: Any, came: Sequence[Delivered]) -> None:
    """Delivered over promised, both tiers, known kinds with intervals, kinds never seen as marks; logarithmic."""
    budgets = np.array([one.budget for one in came])
    least = budgets[0] / 4
    ax.fill_between(budgets, budgets / 2, budgets * 2, color="#dde3e9", lw=0, zorder=0, label="within a factor of two")
    for tier, shift in zip(TIERS, (0.95, 1.05), strict=True):
        for sort, look, label in (("known", "o-", "known kinds"), ("unseen", "^:", "kinds never seen")):
            rates = [one.rate(tier, sort) for one in came]
            values = np.maximum([rate.value for rate in rates], least)
            ax.plot(budgets * shift, values, look, color=TIER_INK[tier], ms=5, lw=1.8 if sort == "known" else 1,
                    alpha=1 if sort == "known" else 0.55, label=f"{tier}, {label}")  # fmt: skip
            if sort == "known":
                ends = np.maximum([rate.interval for rate in rates], least)
                ax.vlines(budgets * shift, ends[:, 0], ends[:, 1], color=TIER_INK[tier], lw=1.2, alpha=0.5)
    ax.set(xscale="log", yscale="log", xlabel="promised, per 1,000 clients a day")
    ax.set_ylabel(f"delivered, with 95 % intervals (none: {least:g})")
    ax.set_xticks(budgets, [f"{budget:g}" for budget in budgets])
    ax.xaxis.set_minor_locator(mpl.ticker.NullLocator())
    ax.yaxis.set_major_formatter(mpl.ticker.FormatStrFormatter("%g"))
    ax.set_title("Promised and delivered false findings")
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=2, fontsize=8)


def budget_page(title: str, came: Sequence[Delivered]) -> Any:
    """Promised against delivered with the honest kinds of the largest budget beside it."""
    with plt.rc_context(STYLE):
        kinds = shown(came[-1].honest)
        figure, axes = plt.subplots(1, 2, figsize=(13, max(4.5, 0.21 * len(kinds) + 1.4)), layout="constrained")
        promised(axes[0], came)
        honest(axes[1], kinds, came[-1].honest)
        axes[1].set_title(f"By kind, where {came[-1].budget:g} are promised")
        figure.suptitle(title, x=0.01, ha="left", fontsize=13, fontweight="bold")
        return figure

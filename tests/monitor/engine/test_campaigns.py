"""Attacks of the recorded day dealt out to several accounts: one finding with its members, whatever the cuts."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import recorded
from hypothesis import given, settings
from hypothesis import strategies as st
from queries import Query, batches, columns, name16

from detectors.features.kinship import COLUMNS
from detectors.sketch.queries import Queries
from monitor.alerts.finding import Finding
from monitor.engine.campaigns import Campaigns
from monitor.engine.partition import PartitionEngine
from monitor.engine.view import View
from monitor.formats.native import encode
from monitor.record.pseudonyms import text

SLOW = os.environ.get("NUMBA_DISABLE_JIT") == "1"
KEPT = 1_500 if SLOW else 6_000


@cache
def scene(kind: str, accounts: int) -> Queries:
    """A model's ordinary clients, and after them one attacker whose queries are dealt out to accounts in turn."""
    model = "hi" if kind.startswith("csmia") else "digits"
    ordinary = recorded.records(
        lambda _, label, record: recorded.model(record) == model and not label["attack"] and label["queries"] <= 200
    )[:KEPT]
    attack = recorded.records(lambda _, label, record: label["kind"] == kind and recorded.model(record) == model)
    queries = recorded.decoded([*ordinary, *attack])
    who = list(queries.client)
    for at in range(len(ordinary), len(who)):
        who[at] = name16(f"account-{at % accounts}")
    times = queries.time.copy()
    times[len(ordinary) :] = times[: len(ordinary)].max() + 1_000_000 * np.arange(1, len(attack) + 1)
    return replace(queries, client=tuple(who), time=times)


def members(accounts: int) -> set[str]:
    return {text(name16(f"account-{n}")) for n in range(accounts)}


def campaigns(queries: Queries) -> list[Finding]:
    found = recorded.engine().feed(queries)
    return [finding for finding in found if finding.client is None]


@pytest.mark.skipif(SLOW, reason="takes minutes uncompiled")
@pytest.mark.parametrize(("kind", "family"), [("hop-skip-jump", "evasion"), ("csmia-race", "attribute-inference")])
def test_an_attack_dealt_to_five_accounts_is_one_finding(kind: str, family: str) -> None:
    found = campaigns(scene(kind, 5))
    assert family in {finding.family for finding in found}
    named = set().union(*(finding.members for finding in found))
    assert named <= members(5), "and nobody else"
    last = [finding for finding in found if finding.family == family][-1]
    assert len(last.members) >= 4
    assert last.client is None
    assert last.exposure.queries >= last.queries >= 20


@pytest.mark.skipif(SLOW, reason="takes minutes uncompiled")
def test_members_are_folded_into_the_campaign() -> None:
    found = recorded.engine().feed(scene("hop-skip-jump", 5))
    opened = [finding for finding in found if finding.status == "open" and finding.family == "evasion"]
    groups = [finding.raised_at for finding in opened if finding.client is None]
    alone = [finding for finding in opened if finding.client in members(5) and finding.raised_at > min(groups)]
    assert groups
    assert not alone


def restored(engine: PartitionEngine) -> PartitionEngine:
    arrays = {name: array.copy() for name, array in engine.dump().items()}
    origin = recorded.Origin("c0", "test")
    return PartitionEngine.restore(recorded.PARTITION, recorded.engine_settings(), recorded.every(), arrays, origin)


@cache
def expected(kind: str) -> list[bytes]:
    return [encode(finding) for finding in recorded.engine().feed(scene(kind, 5))]


@pytest.mark.parametrize("kind", ["csmia-race", "hop-skip-jump"])
@settings(max_examples=1 if SLOW else 6)
@given(cuts=st.lists(st.integers(0, 8_000), max_size=12))
def test_cuts_and_restarts_do_not_matter(kind: str, cuts: list[int]) -> None:
    engine, found = recorded.engine(), []
    for batch in batches(scene(kind, 5), cuts):
        found += [encode(finding) for finding in engine.feed(batch)]
        engine = restored(engine)
    assert found == expected(kind)


def test_one_by_one_within_the_attack() -> None:
    queries = scene("csmia-race", 5)
    near_end = [len(queries) - n for n in range(1, 20 if SLOW else 90)]
    engine = recorded.engine()
    found = [encode(finding) for batch in batches(queries, near_end) for finding in engine.feed(batch)]
    assert found == expected("csmia-race")


@pytest.mark.skipif(SLOW, reason="takes minutes uncompiled")
@pytest.mark.parametrize("model", ["digits", "hi"])
def test_honest_clients_of_a_day_are_no_campaign(model: str) -> None:
    honest = recorded.records(lambda _, label, record: not label["attack"] and recorded.model(record) == model)
    assert [one.family for one in campaigns(recorded.decoded(honest))] == []


def row(base: int, value: int) -> dict[str, float]:
    return {**{f"x{j}": float((base * 7919 + j * 104_729) % 9_973) for j in range(6)}, "race": float(value)}


def tenants(samples: int) -> list[Query]:
    """Eighty tenants, each of whom tries the same samples of a kit before its own rows."""
    asked = []
    for tenant in range(80):
        own = [row(10_000 + 50 * tenant + n, tenant % 5) for n in range(40)]
        asked += [
            Query(client=f"t{tenant}", row=cells, time=1_795_255_200_000_000 + (60 * tenant + n) * 1_000_000)
            for n, cells in enumerate([row(n, 1) for n in range(samples)] + own)
        ]
    return asked


@pytest.mark.parametrize("samples", [0, 12])
def test_tenants_who_share_the_samples_of_a_kit_are_no_campaign(samples: int) -> None:
    assert [one for one in recorded.engine().feed(columns(tenants(samples))) if one.client is None] == []


def swept(accounts: int) -> list[Query]:
    """After the tenants, accounts that ask row after row with both values of a column, in turn."""
    start = 1_795_255_200_000_000 + 9_000_000_000
    asked = [row(90_000 + n // 2, n % 2) for n in range(40 * accounts)]
    return [
        Query(client=f"a{n % accounts}", row=cells, time=start + n * 2_000_000, label="pq"[n % 2])
        for n, cells in enumerate(asked)
    ]


def learnt() -> tuple[PartitionEngine, View]:
    """An engine that has seen the tenants, and has learnt that they never meet in any column."""
    engine = recorded.engine()
    engine.feed(columns(tenants(0)))
    (view,) = engine._views.values()
    rare = np.uint64((1 << COLUMNS) - 1)
    view.campaigns.kinship.known = view.campaigns.kinship.known._replace(usable=rare, rare=rare)
    return engine, view


def test_a_sweep_of_two_values_dealt_to_pairs_is_one_group() -> None:
    engine, view = learnt()
    engine.feed(columns(swept(10)))
    (group,) = [group for group in view.campaigns.ties.groups.values() if len(group.members) > 2]
    keys = {int.from_bytes(name16(f"a{n}")[:8], "little") for n in range(10)}
    assert set(group.members) == keys
    assert view.campaigns.suspects(view.bank).keys() == keys
    assert len(restored(engine)._views) == 1


def test_a_group_that_was_quiet_for_long_is_no_more() -> None:
    engine, view = learnt()
    engine.feed(columns(swept(4)))
    assert view.campaigns._names
    late = [replace(query, time=query.time + 26 * 3_600_000_000) for query in tenants(0)[-50:]]
    linked = [replace(query, client=f"b{n % 2}", time=late[-1].time) for n, query in enumerate(swept(2))]
    engine.feed(columns(late))
    engine.feed(columns(linked))
    assert not view.campaigns._names


def test_state_of_another_shape_is_refused() -> None:
    engine = recorded.engine()
    engine.feed(columns(tenants(0)[:50]))
    (view,) = engine._views.values()
    other = Campaigns("m", view.shape, 1, 3)
    with pytest.raises(ValueError, match="kinship of another shape"):
        other.kinship.load(view.campaigns.kinship.dump())

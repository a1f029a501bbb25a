"""New kinds of traffic: one finding each, members that grow, names that silence, ceilings that hold."""

from __future__ import annotations

from dataclasses import replace
from hashlib import blake2b
from typing import Any

import numpy as np
import pytest

from detectors.contract import Blocks
from detectors.novelty import Novelty, looked_at
from detectors.scoring.kinds import Place, code, place
from detectors.sketch.queries import OPAQUE
from monitor.alerts.finding import Contribution, Evidence, Exposure, Finding, Lineage
from monitor.config.engine import EngineSettings, ModelSettings
from monitor.engine.bank import Bank
from monitor.engine.clock import MINUTE
from monitor.engine.findings import CLIENTS, KIND, Findings
from monitor.engine.kinds import KINDS, MEMBERS, Kinds, Profiles, place_of
from monitor.engine.stream import Judged
from monitor.engine.verdicts import DAY, NOVELTY, Court, Verdict, days
from monitor.record.pseudonyms import text

NOON = 1_795_255_200_000_000
ORIGIN = Lineage("requests", 3, 0, 0, "1.0", "c0", ("2026-11",))
NAMES = looked_at(OPAQUE)
HERE, THERE = 0.5, 5.0
BANK = Bank([Novelty()])


def spot(value: float) -> Place:
    return place(OPAQUE, NAMES, np.full(len(NAMES), value))


def who(number: int) -> bytes:
    return number.to_bytes(16, "little")


def mixed(number: int) -> bytes:
    return blake2b(who(number), digest_size=16).digest()


def court(**known: ModelSettings) -> Court:
    settings = EngineSettings(known=known)
    return Court(Bank([]), settings, Profiles.of(settings, BANK))


def opened() -> Findings:
    of = court()
    return Findings(of.settings, of, ORIGIN)


def novel(client: int, where: float = HERE, family: str = NOVELTY, **changes: Any) -> Verdict:
    piece = Evidence(family, "profiles", family, 0.5, 2_000.0, (Contribution("near", 0.9, 0.1, 1.0),))
    given: dict[str, Any] = {
        "index": 0,
        "model": "credit",
        "client": who(client),
        "group": b"g" * 16,
        "started": NOON - client * MINUTE,
        "first_offset": 100 - client,
        "last_offset": 100 + client,
        "queries": 50,
        "evidence": (piece,),
        "profile": None,
        "exposure": Exposure(50 * client, 40, 120.0, 48, 2, 10),
        "place": spot(where),
    }
    return Verdict(**(given | changes))


def heard(findings: Findings, *verdicts: Verdict, clock: int = NOON) -> list[Finding]:
    return [found for verdict in verdicts for found in findings.hear(verdict, clock)]


def test_clients_of_a_kind_share_one_finding() -> None:
    found = heard(opened(), *(novel(client) for client in range(1, 13)))
    assert {one.finding for one in found} == {found[0].finding}
    assert [int(one.labels[CLIENTS]) for one in found] == [1, 2, 3, 4, 6, 8, 12]
    last = found[-1]
    assert last.client is last.group is None
    assert last.members == tuple(sorted(text(who(client)) for client in range(1, 13)))
    assert last.reason.startswith("12 clients began to send this kind of traffic; after 50 queries the latest one ")
    assert found[0].reason.startswith("1 client began")
    assert last.labels[KIND] == code(spot(HERE))
    assert (last.exposure.queries, last.started, last.lineage.first_offset) == (600, NOON - 12 * MINUTE, 88)
    assert (last.lineage.last_offset, last.queries, last.tier) == (112, 50, NOVELTY)


def test_kinds_and_models_are_kept_apart() -> None:
    found = heard(opened(), novel(1), novel(2, THERE), novel(3, model="other"))
    assert len({one.finding for one in found}) == 3
    assert len({one.labels[KIND] for one in found}) == 2


def test_a_client_stays_in_its_kind() -> None:
    findings = opened()
    heard(findings, novel(1), novel(2, THERE))
    assert heard(findings, novel(1, THERE), novel(1, 50.0)) == []
    assert len(findings) == 2


def test_a_client_that_is_named_belongs_to_no_kind() -> None:
    findings = opened()
    (named,) = heard(findings, novel(1, family="evasion"))
    assert named.client == text(who(1))
    assert heard(findings, novel(1)) == []
    assert len(findings) == 1


def test_a_kind_closes_when_nobody_sent_it_for_a_day_and_opens_again_under_its_code() -> None:
    findings = opened()
    (first,) = heard(findings, novel(1))
    assert list(findings.tick(NOON + DAY - 1)) == []
    (closed,) = findings.tick(NOON + DAY)
    assert (closed.status, closed.finding) == ("closed", first.finding)
    (again,) = heard(findings, novel(2), clock=NOON + 2 * DAY)
    assert again.finding != first.finding
    assert again.labels == {KIND: first.labels[KIND], CLIENTS: "2"}


def test_a_novelty_without_a_place_is_about_its_client() -> None:
    findings = opened()
    (found,) = heard(findings, novel(1, place=None))
    assert (found.client, found.labels) == (text(who(1)), {})
    (grown,) = heard(findings, novel(1, place=None), clock=NOON + 6 * MINUTE)
    assert (grown.client, grown.revision) == (found.client, 2)


def test_members_are_capped_and_counted() -> None:
    kinds = Kinds()
    for client in range(MEMBERS - 1):
        kind = kinds.take("m", mixed(client), spot(HERE))
    assert kind.clients == MEMBERS - 1
    for client in range(MEMBERS - 1, 2_000):
        kind = kinds.take("m", mixed(client), spot(HERE))
    assert len(kind.members) == MEMBERS
    assert abs(kind.clients - 2_000) < 150
    before = kind.clients
    assert kinds.take("m", mixed(1_999), spot(HERE)).clients == before
    for client in range(100_000):
        kind.take(mixed(client))
    assert 20_000 < kind.clients < 50_000  # the map is full


def test_kinds_are_bounded_and_the_least_recently_heard_leaves() -> None:
    kinds = Kinds()
    kinds.take("m", who(0), spot(HERE))
    for n in range(1, 2 * KINDS):
        kinds.take("m", who(0), spot(HERE))  # heard again and again: it stays
        kinds.take("m", who(n), replace(spot(HERE), kind=n % 200, mark=bytes([n, 7])))
    assert code(spot(HERE)) in kinds._known["m"]
    assert (len(kinds._known["m"]), kinds.forgotten) == (KINDS, KINDS)


def test_what_is_known_of_kinds_can_be_kept() -> None:
    first, again = opened(), opened()
    heard(first, *(novel(client) for client in range(1, 400)), novel(500, THERE))
    again.load(first.dump())
    assert {name: array.tobytes() for name, array in again.dump().items()} == {
        name: array.tobytes() for name, array in first.dump().items()
    }
    more = [novel(client) for client in range(400, 700)]
    assert heard(first, *more) == heard(again, *more) != []


@pytest.mark.parametrize("mark", ["fit", "other"])
def test_a_profile_has_to_fit_the_program(mark: str) -> None:
    names = NAMES if mark == "fit" else NAMES[::-1]
    written = code(place(OPAQUE, names, np.full(len(NAMES), HERE)))
    settings = EngineSettings(known={"m": ModelSettings(profiles={"nightly": written})})
    if mark == "fit":
        assert Profiles.of(settings, BANK).near("m", spot(HERE)) == "nightly"
    else:
        with pytest.raises(ValueError, match="m, profile 'nightly'"):
            Profiles.of(settings, BANK)


def test_the_nearest_profile_is_named_and_far_ones_are_not() -> None:
    known = Profiles.of(
        EngineSettings(known={"m": ModelSettings(profiles={"b": code(spot(HERE)), "a": code(spot(0.6))})}),
        BANK,
    )
    assert known.near("m", spot(0.51)) == "b"
    assert known.near("m", spot(0.7)) == "a"
    assert known.near("m", spot(THERE)) is None
    assert known.near("other", spot(HERE)) is None


class Says:
    """A test that says the same of every block."""

    name, family, tests, kinds, reads = "says", "evasion", ("always",), frozenset({OPAQUE}), frozenset({"near"})

    def score(self, blocks: Blocks) -> np.ndarray:
        return np.ones((len(blocks), 1))

    def reasons(self, blocks: Blocks, row: int, test: int) -> tuple[()]:
        return ()


class Learns(Says):
    name, family, tests = "learns", NOVELTY, ("profiles",)
    learning = False

    def taught(self, lesson: Blocks) -> Learns:
        return self

    def looks(self, kind: int) -> tuple[str, ...]:
        return NAMES

    def profile(self, blocks: Blocks, row: int) -> str:
        return "profile 1"

    def arrays(self) -> dict[str, np.ndarray]:
        return {}

    def restored(self, arrays: Any) -> Learns:
        return self


def judged(bank: Bank) -> Judged:
    from detectors.features.layout import HEADER

    features = {name: np.full(1, HERE) for name in NAMES}
    blocks = Blocks(OPAQUE, features, np.array([20]), np.array([1], np.uint64), np.array([1]))
    one = np.ones(1, np.int64)
    return Judged(
        index=one,
        clients=[who(1)],
        groups=[b""],
        heads=np.zeros(1, HEADER),
        classes=np.ones(1, np.int32),
        classes_known=one,
        blocks=blocks,
        running=bank.score(blocks),
        floors=np.full(len(bank), 0.5),
        bank=bank,
        usual={"near": 0.1},
    )


@pytest.mark.parametrize("detectors", [[Learns()], [Says(), Learns()]])
def test_a_profile_that_has_a_name_is_silent_and_attacks_are_not(detectors: list[Any]) -> None:
    bank = Bank(detectors)
    settings = EngineSettings(known={"m": ModelSettings(profiles={"nightly": code(spot(HERE))})})
    deaf = Court(bank, settings, Profiles.of(settings, BANK))
    (before,) = Court(bank, EngineSettings()).verdicts("m", judged(bank))
    assert before.evidence[-1].family == NOVELTY
    assert (before.profile, before.place) == ("profile 1", place_of(bank, judged(bank).blocks, 0))
    after = list(deaf.verdicts("m", judged(bank)))
    assert [piece.family for verdict in after for piece in verdict.evidence] == ["evasion"] * (len(detectors) - 1)
    assert [verdict.profile for verdict in after] == ["nightly"] * (len(detectors) - 1)


def test_a_day_in_view_is_a_budget_and_no_more_of_them_count_than_looks() -> None:
    one = judged(Bank([]))
    heads = np.repeat(one.heads, 5)
    heads["last"] = heads["first"] + np.array([-1, DAY - 1, DAY, 3 * DAY, 300 * DAY])
    counts = np.array([4, 4, 4, 1, 4])
    blocks = Blocks(OPAQUE, {}, 10 + 10 * counts, np.zeros(5, np.uint64), counts)
    assert days(replace(one, heads=heads, blocks=blocks)).tolist() == [1, 1, 2, 1, 3]
    assert days(replace(one, heads=heads, blocks=replace(blocks, counts=None))).tolist() == [1] * 5


class Doubts(Learns):
    """A second test that learns, and is asked about another kind of input."""

    name, tests, kinds = "doubts", ("a", "b"), frozenset({OPAQUE, 1})

    def score(self, blocks: Blocks) -> np.ndarray:
        return np.full((len(blocks), 2), 0.4)  # p = 0.004


def test_tests_that_learn_share_the_budget() -> None:
    bank = Bank([Doubts(), Learns()])
    assert (bank.asked(OPAQUE), bank.asked(1), bank.asked(2)) == (3, 2, 0)
    for detectors, found in (([Doubts()], 2), ([Doubts(), Learns()], 1)):
        of = Bank(detectors)
        (verdict,) = Court(of, EngineSettings()).verdicts("m", judged(of))
        assert len(verdict.evidence) == found  # one in 100 is the budget: 2 x 0.004 beats it, 3 x 0.004 does not

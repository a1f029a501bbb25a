from __future__ import annotations

import pytest

from detectors.features.kinship import COLUMNS, NEAR
from monitor.engine import ties as module
from monitor.engine.clock import MINUTE
from monitor.engine.ties import ALIKE, HALF, QUIET, REST, WHOLE, Group, Ties, pair_of

Linked = tuple[int, int]


class Scene:
    """Ties that are fed link by link, a minute apart; whoever links has as many links as queries."""

    def __init__(self, share: float = 1.0) -> None:
        self.ties, self.clock, self.query, self.share = Ties(), 0, 0, share

    def link(self, one: int, other: int, units: int = WHOLE, channel: int = COLUMNS, query: int = -1) -> Group | None:
        self.clock += MINUTE
        self.query += 1
        query = self.query if query < 0 else query
        if not self.ties.link((one, name(one)), (other, name(other)), query, units, self.clock):
            return None
        return self.ties.tie(one, other, channel, self.clock, lambda _: self.share)

    def groups(self) -> list[list[int]]:
        return sorted(sorted(group.members) for group in self.ties.groups.values())


def name(key: int) -> bytes:
    return key.to_bytes(16, "little")


def test_two_links_of_a_rare_kind_tie_two_clients_and_three_of_another() -> None:
    scene = Scene()
    scene.link(1, 2)
    assert scene.groups() == []
    scene.link(2, 1)
    assert scene.groups() == [[1, 2]]
    for _ in range(2):
        scene.link(3, 4, HALF, NEAR)
    assert scene.groups() == [[1, 2]]
    scene.link(3, 4, HALF, NEAR)
    assert scene.groups() == [[1, 2], [3, 4]]


def test_three_are_a_group_that_is_looked_at() -> None:
    scene = Scene()
    for one, other in ((1, 2), (1, 2), (3, 1)):
        assert scene.link(one, other) is None
    group = scene.link(3, 2)
    assert group is not None
    assert group.members == [1, 2, 3]
    assert scene.link(1, 3) is None, "nothing has changed"


def test_a_partners_query_counts_once() -> None:
    """A noisy poller beside one popular picture."""
    scene = Scene()
    for _ in range(50):
        scene.link(1, 2, query=7)
    assert scene.groups() == []


def test_a_client_with_few_links_among_many_queries_is_not_tied() -> None:
    scene = Scene(share=0.4)
    for _ in range(9):
        scene.link(1, 2)
    assert scene.groups() == []


def test_whoever_meets_everybody_is_tied_to_nobody() -> None:
    scene = Scene()
    for turn in range(6):
        for other in range(2, 200):
            scene.link(1 if turn % 2 else other, other if turn % 2 else 1)
    assert all(1 not in group or len(group) < 20 for group in scene.groups())


def test_a_client_is_tied_to_a_group_by_what_it_has_with_all_of_it() -> None:
    scene = Scene()
    for one, other in ((1, 2), (1, 2), (2, 3), (2, 3)):
        scene.link(one, other, channel=NEAR)
    scene.link(9, 1, HALF, NEAR)
    scene.link(9, 2, HALF, NEAR)
    assert scene.groups() == [[1, 2, 3]]
    scene.link(9, 3, HALF, NEAR)
    assert scene.groups() == [[1, 2, 3, 9]]


def test_pairs_that_sweep_the_same_column_at_the_same_time_are_one_group() -> None:
    scene = Scene()
    for _ in range(3):
        scene.link(1, 2, channel=4)
        scene.link(3, 4, channel=4)
        scene.link(5, 6, channel=5)
    assert scene.groups() == [[1, 2, 3, 4], [5, 6]]


def test_pairs_of_another_time_stay_apart() -> None:
    scene = Scene()
    for _ in range(3):
        scene.link(1, 2, channel=4)
    scene.clock += ALIKE + MINUTE
    for _ in range(3):
        scene.link(3, 4, channel=4)
    assert scene.groups() == [[1, 2], [3, 4]]
    for _ in range(2):
        scene.link(5, 6, channel=COLUMNS)
    assert scene.groups() == [[1, 2], [3, 4], [5, 6]]


def test_groups_that_are_tied_become_one_and_the_larger_stays() -> None:
    scene = Scene()
    for one, other in ((1, 2), (2, 1), (3, 4), (4, 3), (4, 5), (5, 4)):
        scene.link(one, other)
    (number,) = [group.number for group in scene.ties.groups.values() if 3 in group.members]
    scene.link(1, 4)
    group = scene.link(1, 3)
    assert group is not None
    assert (group.number, sorted(group.members)) == (number, [1, 2, 3, 4, 5])


def test_quiet_groups_are_forgotten_oldest_first() -> None:
    scene = Scene()
    for one, other in ((1, 2), (1, 2), (3, 4), (3, 4)):
        scene.link(one, other)
    version = scene.ties.version
    scene.ties.expire(scene.clock + REST - MINUTE)
    assert scene.groups() == [[3, 4]]
    assert scene.ties.version == version + 1
    scene.link(1, 2)
    assert scene.groups() == [[1, 2], [3, 4]], "the pair is still known"


def test_old_ties_count_for_nothing() -> None:
    scene = Scene()
    scene.link(1, 2)
    scene.clock += QUIET + MINUTE
    scene.link(1, 2)
    assert scene.groups() == []
    assert scene.ties.kin[1].units == WHOLE


def test_a_link_keeps_a_group() -> None:
    scene = Scene()
    scene.link(1, 2)
    scene.link(1, 2)
    scene.clock += REST - 2 * MINUTE
    scene.link(2, 1)
    scene.ties.expire(scene.clock + 2 * MINUTE)
    assert scene.groups() == [[1, 2]]


def test_clients_that_come_together_are_one_group_without_any_link(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene()
    ties, clock = scene.ties, MINUTE
    assert ties.together((1, name(1)), (2, name(2)), clock) is None, "two are no group that is looked at"
    group = ties.together((3, name(3)), (1, name(1)), clock)
    assert group is not None
    assert group.members == [1, 2, 3]
    version = ties.version
    assert ties.together((3, name(3)), (2, name(2)), 9 * MINUTE) is None
    assert (group.last, ties.version) == (9 * MINUTE, version)
    monkeypatch.setattr(module, "MEMBERS", 3)
    assert ties.together((4, name(4)), (1, name(1)), clock) is None
    assert (group.members, ties.dropped) == ([1, 2, 3], 1)


def test_members_by_links_that_come_together_as_well_are_news() -> None:
    scene = Scene()
    for one, other in ((1, 2), (1, 2), (2, 3), (2, 3)):
        scene.link(one, other)
    version = scene.ties.version
    assert scene.ties.together((1, name(1)), (3, name(3)), scene.clock) is None
    assert scene.ties.version == version + 1


def test_everything_is_bounded_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    for ceiling, most in (("KIN", 40), ("PAIRS", 30), ("GROUPS", 8), ("MEMBERS", 6)):
        monkeypatch.setattr(module, ceiling, most)
    scene = Scene()
    for n in range(300):
        scene.link(n, n + 1)
        scene.link(n + 1, n)
    ties = scene.ties
    assert len(ties.kin) == 40
    assert len(ties._pairs) == 30
    assert len(ties.groups) <= 8
    assert max(len(group.members) for group in ties.groups.values()) <= 6
    assert ties.dropped > 300
    assert all(ties.kin[key].group == group.number for group in ties.groups.values() for key in group.members)


def test_pairs_beyond_the_most_members_stay_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MEMBERS", 3)
    scene = Scene()
    for _ in range(3):
        scene.link(1, 2, channel=4)
        scene.link(3, 4, channel=4)
    assert scene.groups() == [[1, 2], [3, 4]]
    assert scene.ties.dropped


def test_a_member_that_is_forgotten_leaves_its_group(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene()
    scene.link(1, 2)
    scene.link(1, 2)
    monkeypatch.setattr(module, "KIN", 2)
    scene.link(3, 4)
    assert scene.groups() == []


def test_dump_and_load() -> None:
    scene, again = Scene(), Scene()
    for n in range(40):
        scene.link(n % 7, (n * 3 + 1) % 7 + 10, channel=n % 5)
    again.ties.load(scene.ties.dump())
    again.clock, again.query = scene.clock, scene.query
    for one in (scene, again):
        for n in range(30):
            one.link(n % 6, n % 4 + 10, channel=2)
    assert scene.ties.dump()["ties"].tobytes() == again.ties.dump()["ties"].tobytes()


def test_a_pair_has_no_order() -> None:
    assert pair_of(3, 2) == pair_of(2, 3) == (2, 3)

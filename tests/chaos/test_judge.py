"""Checks of the checks: a judge that accepts anything would make every round good."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from chaos.judge import compare
from chaos.kill_points import STEPS, KillPoint, arm, draw

EXPECTED = {"a": {"x": 1}, "b": {"x": 2}}


def test_what_is_as_expected_is_good() -> None:
    assert compare(EXPECTED, [("b", {"x": 2}), ("a", {"x": 1})]).good


@pytest.mark.parametrize(
    "arrived",
    [
        [("a", {"x": 1})],
        [("a", {"x": 1}), ("b", {"x": 2}), ("b", {"x": 2})],
        [("a", {"x": 1}), ("b", {"x": 3})],
        [("a", {"x": 1}), ("b", {"x": 2}), ("c", {"x": 3})],
    ],
    ids=["missing", "doubled", "different", "foreign"],
)
def test_what_is_not_is_bad(arrived: list[tuple[str, object]]) -> None:
    assert not compare(EXPECTED, arrived).good


def test_every_step_is_there_to_be_killed_in() -> None:
    from importlib import import_module

    for step in STEPS:
        module, _, path = step.partition(":")
        owner, name = path.split(".")
        assert callable(getattr(getattr(import_module(module), owner), name))


def test_the_same_seed_draws_the_same_kill_points() -> None:
    one, other = ([draw(chance) for chance in [Random(5)] for _ in range(20)] for _ in range(2))
    assert one == other
    assert len({point.step for point in one}) > 5


@pytest.mark.parametrize("opcodes", [1, 7, 40])
def test_a_kill_point_ends_the_process_in_the_middle_of_a_step(opcodes: int, tmp_path: Path) -> None:
    import os
    import signal

    pid = os.fork()
    if pid == 0:
        arm(KillPoint(f"{__name__}:Counting.step", 3, opcodes))
        for turn in range(1, 10):
            (tmp_path / str(turn)).touch()
            Counting().step()
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
    assert len(list(tmp_path.iterdir())) == 3


class Counting:
    def step(self) -> int:
        return sum(range(50)) + sum(number * number for number in range(50))

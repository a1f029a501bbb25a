"""The watchdog barks at a step that hangs, and at nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

from monitor.sources.watchdog import EXIT_HUNG, Watchdog


def test_a_step_that_hangs_is_told_by_its_name() -> None:
    barked = threading.Event()
    heard: list[str] = []

    def bark(name: str, seconds: float) -> None:
        heard.append(name)
        barked.set()

    with Watchdog(0.05, bark) as dog, dog.step("the poll"):
        assert barked.wait(30)
    assert heard == ["the poll"]


def test_a_step_inside_a_step_has_a_time_of_its_own() -> None:
    heard: list[str] = []
    barked = threading.Event()

    def bark(name: str, seconds: float) -> None:
        heard.append(name)
        barked.set()

    with Watchdog(0.4, bark) as dog, dog.step("outer"):
        for _ in range(4):
            with dog.step("inner"):
                barked.wait(0.2)
        assert heard == []
        assert barked.wait(30)
    assert heard == ["outer"]


def test_steps_that_return_and_idle_time_between_them_are_fine() -> None:
    heard: list[str] = []
    idle = threading.Event()
    with Watchdog(0.2, lambda name, seconds: heard.append(name)) as dog:
        for _ in range(100):
            with dog.step("the poll"):
                pass
        idle.wait(0.5)
    assert heard == []


HANGS = """
import threading
from monitor.sources.watchdog import Watchdog
with Watchdog(0.1) as dog, dog.step("the poll of Kafka"):
    threading.Event().wait()
"""


def test_the_process_ends_with_the_stacks_of_all_threads() -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run([sys.executable, "-c", HANGS], capture_output=True, text=True, env=environment, check=False)
    assert ended.returncode == EXIT_HUNG
    assert "the poll of Kafka has not returned for 0 s" in ended.stderr
    assert "Current thread" in ended.stderr
    assert 'File "<string>", line 5 in <module>' in ended.stderr

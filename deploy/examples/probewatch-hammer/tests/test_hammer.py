"""The checks that every detector has to pass, and golden cases: queries in, what the detector says of them out.

After a change that is meant to move them: `python tests/test_hammer.py` writes the golden files anew.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from probewatch_hammer import Hammer, Params

pytest_plugins = ["detectors.checks"]
DETECTORS = [Hammer(Params(attack=0.995, least=60))]  # what `detector_check` below is asked of

GOLDEN = Path(__file__).parent / "golden"


def test_every_check(detector_check: Callable[[], None]) -> None:
    detector_check()


def said(case: Path) -> list[str]:
    """Every finding that hammer leads, when it opens: whose and after how many queries."""
    command = [sys.executable, "-m", "monitor.cli", "replay", str(case / "queries.ndjson"), "--alerts", "-"]
    done = subprocess.run(command, capture_output=True, check=True)
    alerts = [json.loads(line) for line in done.stdout.splitlines()]
    opened = [one for one in alerts if one["revision"] == 1 and one["evidence"][0]["detector"] == "hammer"]
    return [f"{one['model']} {one['family']} {one['evidence'][0]['test']} {one['queries']}" for one in opened]


@pytest.mark.parametrize("case", sorted(GOLDEN.iterdir()), ids=lambda path: path.name)
def test_golden(case: Path) -> None:
    assert said(case) == (case / "said.txt").read_text().splitlines()


if __name__ == "__main__":
    for folder in sorted(GOLDEN.iterdir()):
        (folder / "said.txt").write_text("".join(f"{line}\n" for line in said(folder)))

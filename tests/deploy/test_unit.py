"""The unit of systemd, judged by systemd itself."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

UNIT = Path(__file__).parents[2] / "deploy" / "probewatch.service"
EXPOSURE = 2.0  # of 10; without any hardening it would be 9.6

pytestmark = pytest.mark.deployment


def test_systemd_understands_it(call: Any, tmp_path: Path) -> None:
    unit = tmp_path / "probewatch.service"
    unit.write_text(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", UNIT.read_text(), flags=re.MULTILINE))
    done = call("systemd-analyze", "verify", "--man=no", unit)
    said = [line for line in done.stderr.splitlines() if "probewatch" in line]
    assert not said, said
    unit.write_text(unit.read_text().replace("ProtectSystem=strict", "ProtectSystem=very"))
    assert "very" in call("systemd-analyze", "verify", "--man=no", unit).stderr


def test_it_may_do_little(call: Any) -> None:
    done = call("systemd-analyze", "security", "--offline=true", UNIT)
    found = re.search(r"exposure level for \S+: ([0-9.]+)", done.stdout)
    assert found is not None, done.stdout + done.stderr
    assert float(found[1]) <= EXPOSURE

"""The example for Terraform, in the form of its own formatter; every variable that it uses is declared, and used."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

TERRAFORM = Path(__file__).parents[2] / "deploy" / "terraform"


@pytest.mark.deployment
def test_it_is_in_form(call: Any, tmp_path: Path) -> None:
    for file in TERRAFORM.glob("*.tf"):
        copy = tmp_path / file.name
        shutil.copy(file, copy)
        done = call("hclfmt", "-check", "-w", copy)
        assert done.returncode == 0, done.stderr
        assert copy.read_text() == file.read_text(), f"{file.name} is not as the formatter writes it"
    (tmp_path / "wrong.tf").write_text('variable "a" {')
    assert call("hclfmt", "-check", "-w", tmp_path / "wrong.tf").returncode != 0


def test_variables_are_declared_and_used() -> None:
    declared = set(re.findall(r'^variable "(\w+)"', (TERRAFORM / "variables.tf").read_text(), re.MULTILINE))
    assert declared == set(re.findall(r"\bvar\.(\w+)", (TERRAFORM / "main.tf").read_text()))

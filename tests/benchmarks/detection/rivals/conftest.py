"""Without the extra `traffic` there are no scenes, and some modules cannot be imported: the tests then skip."""

from __future__ import annotations

from importlib.util import find_spec

NEEDS = {"delta_net.py": "sklearn", "__main__.py": "threadpoolctl"}
collect_ignore = [name for name, module in NEEDS.items() if find_spec(module) is None]

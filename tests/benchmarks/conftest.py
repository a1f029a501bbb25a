"""Without matplotlib, of the `traffic` extra, the style of the pictures cannot be imported."""

from __future__ import annotations

from importlib.util import find_spec

collect_ignore = [] if find_spec("matplotlib") else ["drawing.py"]

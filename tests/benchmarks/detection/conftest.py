"""Without matplotlib, of the `traffic` extra, the pictures cannot be imported: their tests skip."""

from __future__ import annotations

from importlib.util import find_spec

collect_ignore = [] if find_spec("matplotlib") else ["picture.py"]
collect_ignore_glob = [] if find_spec("matplotlib") else ["studies/*.py"]

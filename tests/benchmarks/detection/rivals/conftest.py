"""Without scikit-learn, which the extra `traffic` brings, the trained network cannot be imported; its test skips."""

from __future__ import annotations

from importlib.util import find_spec

collect_ignore = [] if find_spec("sklearn") else ["delta_net.py"]

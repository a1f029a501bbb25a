"""Refused requests of one caller within an hour: counted across clients and models by whoever sees them all.

The engine counts them (it alone sees several clients and models); detectors read them like any other feature.
"""

from __future__ import annotations

from typing import Final

KEYS: Final = "refused_keys"  # different keys refused at one address
MODELS: Final = "refused_models"  # different models at which one key was refused
NAMES: Final = (KEYS, MODELS)

"""Which key makes pseudonyms and sketches: that of the settings, that of the environment, or one that all know."""

from __future__ import annotations

import hmac
import os
from collections.abc import Mapping
from typing import Final

from monitor.config.keys import KeySettings
from monitor.record.keys import FILE_VARIABLE, KEY_VARIABLE, Keys, load_keys, make_keys

# for replays without a key: the same log gives the same pseudonyms everywhere, and hides nobody
OPEN_KEYS: Final = Keys.derive(b"probewatch: everybody knows this key", "open")


def keys_of(settings: KeySettings | None, environment: Mapping[str, str] = os.environ) -> Keys:
    """The keys of the settings, else those of the environment; Trouble where there are none or they cannot be used."""
    if settings is None:
        return load_keys(None, environment)
    return make_keys(settings.secret.text(), settings.epoch, settings.secret.place)


def key_name(keys: Keys) -> str:
    """The epoch, and eight digits that differ where somebody has exchanged the key and forgot the epoch."""
    return f"{keys.epoch}:{hmac.digest(keys.sketches, b'probewatch key name', 'sha256')[:4].hex()}"


def keys_or_open(settings: KeySettings | None, environment: Mapping[str, str] = os.environ) -> Keys:
    """As `keys_of`, but the open keys where nobody has given any; a key that is given and wrong is Trouble."""
    given = settings is not None or environment.get(FILE_VARIABLE) or environment.get(KEY_VARIABLE)
    return keys_of(settings, environment) if given else OPEN_KEYS

"""Which key makes pseudonyms and sketches: that of the settings, that of the environment, or one that all know."""

from __future__ import annotations

import hmac
import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from monitor.config.keys import KeySettings
from monitor.config.trouble import Trouble
from monitor.record.keys import FILE_VARIABLE, KEY_VARIABLE, SECRET_BYTES, Keys, load_keys, make_keys, secret_bytes

# for replays without a key: the same log gives the same pseudonyms everywhere, and hides nobody
OPEN_KEYS: Final = Keys.derive(b"probewatch: everybody knows this key", "open")


def keys_of(settings: KeySettings | None, environment: Mapping[str, str] = os.environ) -> Keys:
    """The keys of the settings, else those of the environment; Trouble where there are none or they cannot be used."""
    if settings is None:
        return load_keys(None, environment)
    own = _with_sketches(make_keys(settings.secret.text(), settings.epoch, settings.secret.place), settings)
    former = settings.former
    if former is None:
        return own
    before = _with_sketches(make_keys(former.secret.text(), former.epoch, former.secret.place), settings)
    return replace(own, former=before)


def _with_sketches(keys: Keys, settings: KeySettings) -> Keys:
    """The keys with the key of sketches that is set, if any."""
    if settings.sketches is None:
        return keys
    raw = secret_bytes(settings.sketches.text())
    if raw is None or len(raw) != SECRET_BYTES:
        mend = "write it with `probewatch key sketches`, by the key before"
        raise Trouble(what="this is no key of sketches", where=settings.sketches.place, mend=mend)
    return replace(keys, sketches=raw, apart=raw != keys.sketches)


def key_name(keys: Keys) -> str:
    """The epoch, and eight digits that differ where somebody has exchanged the key and forgot the epoch."""
    both = hmac.digest(keys.sketches, keys.pseudonyms, "sha256") if keys.apart else keys.sketches
    return f"{keys.epoch}:{hmac.digest(both, b'probewatch key name', 'sha256')[:4].hex()}"


def sketches_name(keys: Keys) -> str:
    """Eight digits for the key of sketches, which may be older than that of pseudonyms."""
    return hmac.digest(keys.sketches, b"probewatch key name", "sha256")[:4].hex()


def keys_or_open(settings: KeySettings | None, environment: Mapping[str, str] = os.environ) -> Keys:
    """As `keys_of`, but the open keys where nobody has given any; a key that is given and wrong is Trouble."""
    given = settings is not None or environment.get(FILE_VARIABLE) or environment.get(KEY_VARIABLE)
    return keys_of(settings, environment) if given else OPEN_KEYS

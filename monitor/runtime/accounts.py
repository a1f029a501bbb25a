"""What the daemon writes into the audit log when it starts: that it uses the key, and which settings have changed."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Final

import orjson

from monitor.config.settings import Settings
from monitor.runtime import audit

log = logging.getLogger(__name__)

KEY_USE: Final = "key use"
SETTINGS: Final = "settings"


def account(file: Path, settings: Settings, epoch: str) -> None:
    """One line for the use of the key; one more where the settings are not those of the last start, with the sections
    that differ. Says the head of the log, so that it is kept where logs are kept. Trouble as `audit.append`."""
    now, digests = datetime.now(UTC), sections(settings)
    before = audit.last(file, SETTINGS)
    known = {} if before is None else before["detail"]["digests"]
    changed = sorted(name for name in known.keys() | digests.keys() if known.get(name) != digests.get(name))
    if changed:
        audit.append(file, now, SETTINGS, len(changed), epoch, {"changed": changed, "digests": digests})
    head = audit.append(file, now, KEY_USE, 1, epoch, {"by": "run"})
    log.info("audit log", extra={"head": str(head), "changed": changed})


def sections(settings: Settings) -> dict[str, str]:
    """A digest of each section of the settings: secrets stand in settings by the place where they are kept."""
    tree = settings.model_dump(mode="json")
    return {name: blake2b(orjson.dumps(part), digest_size=8).hexdigest() for name, part in sorted(tree.items())}

"""What people tell a daemon, running or not: verdicts, silences, names of kinds; each with a line in the audit log."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final

from monitor.alerts.finding import Finding
from monitor.alerts.opinions import Opinion, Word
from monitor.config.settings import Settings
from monitor.config.trouble import Trouble
from monitor.runtime import audit
from monitor.runtime.paths import audit_path, outbox_path
from monitor.sinks.database import Database

LONGEST: Final = 500  # characters of a reason


@contextmanager
def opened(settings: Settings, *, make: bool = False) -> Iterator[Database]:
    """The outbox's file; Trouble where there is none, unless it may be made."""
    path = outbox_path(settings)
    if not make and not path.exists():
        mend = "name the settings of a daemon that has run here"
        raise Trouble(what="there is no outbox", where=str(path), mend=mend)
    database = Database(path)
    try:
        yield database
    finally:
        database.close()


def noted(settings: Settings, action: str, count: int, epoch: str, detail: Mapping[str, Any]) -> None:
    """A line in the audit log, before the thing is done. `detail` has no name and no reason: people write names."""
    audit.append(audit_path(settings), datetime.now(UTC), action, count, epoch, detail)


def now() -> int:
    """Microseconds since 1970."""
    return int(time.time() * 1e6)


def reasoned(reason: str) -> str:
    """A reason in one line. Trouble where there is none, or a novel."""
    plain = " ".join("".join(char if char.isprintable() else " " for char in reason).split())
    if not plain or len(plain) > LONGEST:
        what = "the reason is empty" if not plain else f"the reason has {len(plain)} characters, and {LONGEST} fit"
        raise Trouble(what=what, where="--reason", mend="say in a sentence why, for whoever reads it next year")
    return plain


def opinion(finding: Finding, word: Word, reason: str, author: str, source: str, at: int) -> Opinion:
    """A verdict on a finding, with the test that led it."""
    led = finding.evidence[0] if finding.evidence else None
    test = "" if led is None else f"{led.detector}/{led.test}"
    return Opinion(finding.finding, finding.family, test, word, reason, author, at, source)

"""The response feed at work: looks at the outbox, serves the table as a page, and keeps the topic equal to it.

Nothing of it is state: after a restart the table is made again from the alerts of the outbox, and the topic is read
back, so that what ended meanwhile gets its tombstone. It runs in a thread of its own, and whatever fails in it waits:
detection goes on.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from monitor.alerts.finding import RANKS, Severity
from monitor.config.response import ResponseSettings
from monitor.config.settings import Settings
from monitor.config.trouble import Trouble
from monitor.formats.responses import Entry, Page, Standing, entries, messages, page, table
from monitor.record.keys import Keys
from monitor.record.pseudonyms import former_of, text
from monitor.record.refusal import Refused
from monitor.runtime import audit
from monitor.runtime.metrics import Metrics
from monitor.runtime.paths import audit_path
from monitor.runtime.topic import KafkaTopic, Topic
from monitor.sinks.outbox import Outbox

log = logging.getLogger(__name__)

LOOK: Final = 5.0  # seconds between two looks at what begins and what expires
NAMED: Final = "responses by name"
_MICRO: Final = 1_000_000
_SEVEREST: Final = RANKS[:0:-1]  # `low` asks for nothing; one by one, so that a flood of others hides none

Look = Callable[[int, Severity, int], list[Standing]]  # since when (microseconds), how severe, how many findings


class Responses:
    """The table of one process. `clock` is the wall clock in seconds since 1970."""

    def __init__(
        self,
        settings: ResponseSettings,
        look: Look,
        topic: Topic | None,
        names: Mapping[str, str],
        metrics: Metrics,
        clock: Callable[[], float],
    ) -> None:
        self._settings, self._look, self._topic, self._names = settings, look, topic, names
        self._metrics, self._clock = metrics, clock
        self._told: dict[bytes, bytes] | None = None  # what stands in the topic; None: not known yet
        self._broken = False
        self.page = page([], {})

    def refresh(self) -> list[Entry]:
        """Look at the outbox and tell what stands now; Trouble where the outbox or the topic can not be reached."""
        now, settings = int(self._clock() * _MICRO), self._settings
        since = now - round(settings.minutes * 60 * _MICRO)
        looked = (one for severity in _SEVEREST for one in self._look(since, severity, settings.entries))
        found = [entry for one in looked for entry in entries(one, settings)]
        standing, dropped = table(found, now, settings.entries)
        self.page = page(standing, self._names)
        self._metrics.responses.set(len(standing))
        self._metrics.responses_dropped.set(dropped)
        if self._topic is not None:
            self._publish(self._topic, messages(standing, self._topic.writer))
        return standing

    def _publish(self, topic: Topic, wanted: Mapping[bytes, bytes]) -> None:
        if self._told is None:
            self._told = topic.known()
        changes: dict[bytes, bytes | None] = {key: v for key, v in wanted.items() if self._told.get(key) != v}
        changes |= dict.fromkeys(self._told.keys() - wanted.keys())
        if not changes:
            return
        try:
            topic.put(changes)
        except Trouble:
            self._told = None  # some may have been written
            raise
        self._told = dict(wanted)
        self._metrics.responses_written.labels("entry").inc(sum(value is not None for value in changes.values()))
        self._metrics.responses_written.labels("tombstone").inc(sum(value is None for value in changes.values()))

    def step(self) -> None:
        """The same, with one line in the log where it begins to fail, and one where it works again."""
        try:
            self.refresh()
        except Trouble as trouble:
            if not self._broken:
                log.error("responses are not told", extra={"what": trouble.what, "mend": trouble.mend})
            self._broken = True
        else:
            if self._broken:
                log.warning("responses are told again")
            self._broken = False

    def close(self) -> None:
        """Let go of the topic; what stands there stays until it expires, or until we are back."""
        if self._topic is not None:
            self._topic.close()


class Responder:
    """Keeps the table up to date in a thread of its own, while it is entered."""

    def __init__(self, responses: Responses) -> None:
        self._responses = responses
        self._news, self._ending = threading.Event(), False
        self._thread = threading.Thread(target=self._run, name="responses", daemon=True)

    def hear(self, _: int) -> None:
        """New alerts are in the outbox."""
        self._news.set()

    @property
    def page(self) -> Page:
        """The page as it is now."""
        return self._responses.page

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending = True
        self._news.set()
        self._thread.join()
        self._responses.close()

    def _run(self) -> None:
        while not self._ending:
            self._news.clear()
            self._responses.step()
            if not self._ending:
                self._news.wait(LOOK)


def responder(
    settings: Settings, keys: Keys, outbox: Outbox, metrics: Metrics, clock: Callable[[], float]
) -> Responder | None:
    """What the settings ask for; None where they ask for nothing. Trouble where the names can not be read."""
    wanted = settings.response
    if not wanted.wanted:
        return None
    names = told_names(wanted.names, keys) if wanted.names is not None else {}
    if wanted.names is not None:  # before any name is told
        audit.append(audit_path(settings), datetime.now(UTC), NAMED, len(names), keys.epoch)
    topic = None if wanted.kafka is None else KafkaTopic(wanted.kafka)
    made = Responder(Responses(wanted, outbox.history.standing, topic, names, metrics, clock))
    outbox.subscribe(made.hear)
    return made


def looked_at(settings: ResponseSettings, keys: Keys, *, connect: bool) -> str:
    """What `check` says of the feed; Trouble where the names, or with `connect` the topic, can not be read."""
    parts = ["the page /responses"] if settings.page else []
    if settings.names is not None:
        parts.append(f"{len(set(told_names(settings.names, keys).values()))} names")
    if settings.kafka is not None:
        topic = KafkaTopic(settings.kafka)
        stands = f"{len(topic.known())} entries of {topic.writer}" if connect else "not connected"
        parts.append(f"topic {settings.kafka.topic}, {stands}")
    return ", ".join(parts)


def told_names(file: Path, keys: Keys) -> dict[str, str]:
    """The names in a file by their pseudonyms, those under the key before included; no line is repeated in an error."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise Trouble(
            what="the names of clients cannot be read",
            where=f"response.names, {file}",
            mend="give a text file in UTF-8 with one name a line, which the user of this process may read",
        ) from None
    found: dict[str, str] = {}
    make = keys.names.client
    for line in filter(str.strip, lines):
        try:
            pseudonym = make(line)
        except Refused:  # too long for a record, so that no record has it
            continue
        found |= {text(one): line for one in (pseudonym, former_of(pseudonym)) if one}
    return found

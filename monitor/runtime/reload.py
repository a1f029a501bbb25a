"""New settings for a daemon that runs: read, compared, tried on the state of every partition, and only then taken.

State goes over to engines with the new settings as it would at a start with them, by dump and restore; where one of
them refuses, nothing has happened (decision 0024).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson

from monitor.alerts.finding import Finding
from monitor.config.settings import Settings
from monitor.config.trouble import Trouble, leaves
from monitor.record.decode import Decoder
from monitor.record.keys import Keys
from monitor.record.limits import Limits
from monitor.runtime import audit
from monitor.runtime.engines import engine_maker
from monitor.runtime.fingerprints import digests, load_all
from monitor.runtime.forgetting import load as load_erasures
from monitor.runtime.judges import judges
from monitor.runtime.learnt import config_hash
from monitor.runtime.loop import Loop
from monitor.runtime.partitions import Partitions
from monitor.runtime.paths import audit_path
from monitor.sinks.build import build_policies, build_sinks
from monitor.sinks.delivery import Delivery
from monitor.sinks.disk import private
from monitor.sinks.protocol import Sink

log = logging.getLogger(__name__)

ACTION: Final = "reload"
_MOST, _PLACE = 32, 200  # places in a line of the audit log, and their characters
SECTIONS: Final = ("engine", "records", "log", "sinks")  # what changes while the daemon runs,
RUNTIME: Final = ("poll_seconds", "snapshot_seconds", "snapshot_records", "drain_seconds")  # and of `runtime` this


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a reload: settings that were `taken`, those that wait for a new start, and, where it was
    `refused`, what is wrong; then nothing was taken."""

    taken: tuple[str, ...] = ()
    waits: tuple[str, ...] = ()
    refused: tuple[dict[str, str], ...] = ()

    @property
    def tree(self) -> dict[str, Any]:
        """For people."""
        return {"taken": list(self.taken), "waits": list(self.waits), "refused": list(self.refused)}

    @property
    def noted(self) -> dict[str, Any]:
        """For the audit log: places of what was refused, and no value, of which some are names."""
        return self.tree | {"refused": [trouble["where"][:_PLACE] for trouble in self.refused[:_MOST]]}


def outcome_path(settings: Settings) -> Path:
    """Where the outcome of the latest reload lies, whole, for the command that asked for it."""
    return settings.runtime.state / "reload.json"


def written(file: Path, content: bytes) -> None:
    """Writes a small file; where that is not possible, the log has it."""
    try:
        with open(file, "wb", opener=private) as out:
            out.write(content)
    except OSError as problem:
        log.warning("the outcome of a reload cannot be written", extra={"error": problem.strerror})


def changes(old: Settings, new: Settings) -> Iterator[str]:
    """The settings that differ, as `section.setting`, ascending."""
    before, after = (_flat(one.model_dump(mode="json")) for one in (old, new))
    yield from sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))


def changeable(name: str) -> bool:
    """Whether a setting can change while the daemon runs.

    >>> [changeable(name) for name in ("engine.budget", "runtime.poll_seconds", "runtime.state", "sinks.soc")]
    [True, True, False, True]
    """
    section, _, key = name.partition(".")
    return section in SECTIONS or (section == "runtime" and key in RUNTIME)


def mixed(old: Settings, new: Settings) -> Settings:
    """The settings that can be in force at once: what can change is new, all else is old."""
    runtime = old.runtime.model_copy(update={name: getattr(new.runtime, name) for name in RUNTIME})
    return old.model_copy(update={"runtime": runtime, **{name: getattr(new, name) for name in SECTIONS}})


@dataclass(frozen=True, slots=True)
class SinkRenewal:
    """How sinks change under a daemon that runs. `mine` says whether a finding is of a partition that it reads."""

    delivery: Delivery
    mine: Callable[[Finding], bool]

    def made(self, old: Settings, new: Settings) -> list[Sink]:
        """Those that are new or have other settings; nothing is sent yet. Trouble where one cannot be made."""
        differ = {name: section for name, section in new.sinks.items() if old.sinks.get(name) != section}
        return build_sinks(differ)

    def take(self, new: Settings, sinks: Sequence[Sink]) -> None:
        """Put them in force."""
        policies = build_policies({one.name: new.sinks[one.name] for one in sinks}, self.mine)
        self.delivery.renew(list(new.sinks), sinks, policies)


class Reloader:
    """Takes over new settings. `read` gives them, or raises Trouble or a group of them; `settings` are in force."""

    def __init__(
        self,
        settings: Settings,
        read: Callable[[], Settings],
        keys: Keys,
        partitions: Partitions,
        loop: Loop,
        sinks: SinkRenewal,
    ) -> None:
        self.settings = settings
        self._read, self._keys = read, keys
        self._partitions, self._loop, self._sinks = partitions, loop, sinks

    def __call__(self) -> Outcome:
        """Read them anew and take over what can be; the outcome is in the log and in the audit log."""
        outcome = self._tried()
        written(outcome_path(self.settings), orjson.dumps(outcome.tree))
        audit.append(
            audit_path(self.settings), datetime.now(UTC), ACTION, len(outcome.taken), self._keys.epoch, outcome.noted
        )
        if outcome.refused:
            log.error("new settings refused; nothing has changed", extra={"refused": list(outcome.refused)})
        else:
            log.info("settings reloaded", extra={"taken": list(outcome.taken), "waits": list(outcome.waits)})
        return outcome

    def _tried(self) -> Outcome:
        found: list[Trouble] = []
        try:
            return self._take(self._read())
        except* Trouble as group:
            found = list(leaves(group))
        return Outcome(refused=tuple(_told(one) for one in found))

    def _take(self, new: Settings) -> Outcome:
        differ = list(changes(self.settings, new))
        taken = tuple(name for name in differ if changeable(name))
        waits = tuple(name for name in differ if not changeable(name))
        if not taken:
            return Outcome(waits=waits)
        settings = mixed(self.settings, new)
        sinks = self._sinks.made(self.settings, settings)
        try:
            self._judge(settings, taken)
        except BaseException:
            for one in sinks:
                one.close()
            raise
        if settings.sinks != self.settings.sinks:
            self._sinks.take(settings, sinks)
        logging.getLogger("monitor").setLevel(settings.log.level.upper())
        self.settings = settings
        return Outcome(taken, waits)

    def _judge(self, settings: Settings, taken: Sequence[str]) -> None:
        """Give the engines their settings. Trouble, and nothing has happened, where the state of one does not fit."""
        if all(name.startswith("sinks.") for name in taken):
            return
        known = load_all(settings.engine, self._keys)
        erasures = load_erasures(settings, self._keys)
        decoder = Decoder(self._keys, Limits.of(settings.records), judges(settings.engine), erasures)
        make, name = engine_maker(settings, self._keys, known), config_hash(settings, digests(known))
        try:
            self._partitions.renew(make, name)
        except ValueError as problem:
            mend = "start the daemon anew with these settings, or leave that setting as it was"
            raise Trouble(what=f"the state does not fit: {problem}", where="engine", mend=mend) from None
        self._loop.renew(decoder, settings.runtime)


def _told(trouble: Trouble) -> dict[str, str]:
    return {"what": trouble.what, "where": trouble.where, "mend": trouble.mend}


def _flat(tree: Mapping[str, Any]) -> dict[str, Any]:
    return {
        f"{section}.{key}" if isinstance(part, dict) else section: value
        for section, part in tree.items()
        for key, value in (part.items() if isinstance(part, dict) else [("", part)])
    }

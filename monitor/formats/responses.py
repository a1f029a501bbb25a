"""What gateways are told: of each client with an open named finding one action, its reason and its end.

Pure: a table follows from the alerts in the outbox, the settings and the time, so that a restart makes the same one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

import orjson

from monitor.alerts.finding import RANKS, Finding, Severity
from monitor.alerts.guidance import FOLDED
from monitor.alerts.response import ACTIONS
from monitor.config.response import Action, ResponseSettings
from monitor.formats.native import Json, moment

STRENGTH: Final[tuple[Action, ...]] = ("throttle", "coarser scores", "label only", "challenge", "block")
_SECOND: Final = 1_000_000
_MINUTE: Final = 60 * _SECOND
_PARTS: Final = 1 << 32


@dataclass(frozen=True, slots=True)
class Standing:
    """The latest revision of a finding, and when its first and this one were accepted (microseconds since 1970, by the
    wall clock: gateways know no other)."""

    finding: Finding
    opened: int
    accepted: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One client of one model, from `begins` until `expires`, microseconds since 1970."""

    client: str
    model: str
    action: Action
    reason: str
    finding: str
    revision: int
    family: str
    severity: Severity
    key_epochs: tuple[str, ...]
    begins: int
    expires: int

    @property
    def key(self) -> tuple[str, str]:
        """Whom it is about."""
        return self.model, self.client


@dataclass(frozen=True, slots=True)
class Page:
    """The table as it is served; equal tables have equal tags."""

    tag: str
    body: bytes


def entries(standing: Standing, settings: ResponseSettings) -> list[Entry]:
    """The entries of a finding: one for its client, or for each member of a campaign.

    None of a finding that is closed, not named, or not severe enough; of a storm and a flood, which are about no
    client; of tests; and of refused keys, as whoever tries keys chooses whose they are."""
    finding = standing.finding
    severe = RANKS.index(finding.severity) >= RANKS.index(settings.severity)
    named = finding.status != "closed" and finding.tier == "named" and FOLDED not in finding.labels
    named = named and not finding.is_test
    told = action(finding, settings.strongest)
    if not (severe and named) or told is None or (finding.family == "access" and finding.members):
        return []
    clients = finding.members if finding.client is None else (finding.client,)
    begins = standing.opened + spread(finding.finding, round(settings.delay_minutes * _MINUTE))
    expires = standing.accepted + round(settings.minutes * _MINUTE)
    rest = (finding.reason, finding.finding, finding.revision, finding.family, finding.severity)
    epochs = finding.lineage.key_epochs
    return [Entry(client, finding.model, told, *rest, epochs, begins, expires) for client in clients]


def action(finding: Finding, strongest: Action) -> Action | None:
    """The mildest answer to a finding, of a critical one the next; None where all are stronger than allowed."""
    most = STRENGTH.index(strongest)
    allowed = [one for one in STRENGTH if one in finding.response and one in ACTIONS and STRENGTH.index(one) <= most]
    at = 1 if finding.severity == "critical" else 0
    return allowed[min(at, len(allowed) - 1)] if allowed else None


def spread(finding: str, most: int) -> int:
    """A number from 0 to `most` that follows from the id of a finding, which an attacker does not know."""
    digest = blake2b(b"response\0" + finding.encode(), digest_size=4).digest()
    return most * int.from_bytes(digest, "big") // _PARTS


def table(found: Iterable[Entry], now: int, most: int) -> tuple[list[Entry], int]:
    """What stands at a time: of each client of a model the strongest answer, `most` in all, the most severe first to
    stay, in the order of their keys; and how many had no place."""
    best: dict[tuple[str, str], Entry] = {}
    for entry in found:
        if entry.begins <= now < entry.expires:
            best[entry.key] = max(best.get(entry.key, entry), entry, key=_weight)
    kept = sorted(best.values(), key=_weight, reverse=True)[:most]
    return sorted(kept, key=lambda entry: entry.key), len(best) - len(kept)


def _weight(entry: Entry) -> tuple[int, int, int, int, str, tuple[str, str]]:
    """By which entries are ordered; no two of different clients, models or findings are equal."""
    rank, strength = RANKS.index(entry.severity), STRENGTH.index(entry.action)
    return rank, strength, entry.expires, entry.revision, entry.finding, entry.key


def render(entry: Entry, name: str | None = None) -> Json:
    """One entry as plain values, with the name of its client where that may be told."""
    tree: Json = {
        "client": entry.client,
        "key_epochs": list(entry.key_epochs),
        "model": entry.model,
        "action": entry.action,
        "reason": entry.reason,
        "finding": entry.finding,
        "revision": entry.revision,
        "family": entry.family,
        "severity": entry.severity,
        "since": moment(entry.begins),
        "expires": moment(entry.expires),
    }
    return tree if name is None else tree | {"name": name}


def page(standing: Sequence[Entry], names: Mapping[str, str]) -> Page:
    """The page of a table; `names` are those that may be told, by pseudonym."""
    body = orjson.dumps({"entries": [render(entry, names.get(entry.client)) for entry in standing]})
    return Page(f'"{blake2b(body, digest_size=16).hexdigest()}"', body)


def messages(standing: Sequence[Entry], writer: str) -> dict[bytes, bytes]:
    """The same for a compacted topic, by key. `writer` is part of each key, so that of two processes that saw a client
    none ends what the other has said."""
    return {
        orjson.dumps([writer, entry.model, entry.client]): orjson.dumps(render(entry) | {"writer": writer})
        for entry in standing
    }


def written_by(key: bytes | None, writer: str) -> bool:
    """Whether a key of the topic is one of that writer's."""
    try:
        parts = orjson.loads(key or b"")
    except orjson.JSONDecodeError:
        return False
    return isinstance(parts, list) and len(parts) == 3 and parts[0] == writer

"""Where a drill goes: a new file at once, or a topic at a bounded rate."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson

from monitor.config.sources import STANDARD_INPUT, KafkaSettings
from monitor.config.trouble import Trouble
from monitor.record.drills import drill_group
from monitor.record.keys import Keys
from monitor.record.pseudonyms import text
from monitor.runtime.weaving import Told
from monitor.sources.producing import sending

_ENDS: Final = {".ndjson", ".jsonl", ".json"}
SECOND: Final = 1_000_000  # microseconds

Report = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Marked:
    """How a drill shows in findings: the pseudonyms of its accounts and of its group, under the key of that epoch."""

    clients: tuple[str, ...]
    group: str
    key_epoch: str


def is_file(target: str) -> bool:
    """Whether a target names a file, or standard output, and not a topic.

    >>> is_file("-"), is_file("drill.ndjson"), is_file("out/drill"), is_file("staging-queries")
    (True, True, True, False)
    """
    return target == str(STANDARD_INPUT) or "/" in target or Path(target).suffix in _ENDS


def marked(records: Sequence[Told], keys: Keys) -> Marked:
    """Who the records' accounts are in findings; those that only make a model known beforehand are left out."""
    names = {str(orjson.loads(record.payload)["client"]["id"]): None for record in records}
    clients = tuple(text(keys.names.client(name)) for name in names if "-ordinary-" not in name)
    return Marked(clients, text(keys.names.group(drill_group(keys))), keys.epoch)


def signed(records: Sequence[Told], keys: Keys) -> list[Told]:
    """The same records in the group by which a monitor with these keys knows them for a drill."""
    group = drill_group(keys)
    return [_grouped(record, group) for record in records]


def _grouped(record: Told, group: str) -> Told:
    tree = orjson.loads(record.payload)
    return Told(record.time, orjson.dumps({**tree, "client": {**tree["client"], "group": group}}))


def moved(records: Sequence[Told], end: int) -> list[Told]:
    """The same records at other times, the last one at `end` (microseconds)."""
    by = end - records[-1].time
    return [_at(record, record.time + by) for record in records]


def _at(record: Told, at: int) -> Told:
    tree = orjson.loads(record.payload)
    return Told(at, orjson.dumps({**tree, "time": at // 1000}))


def write(records: Sequence[Told], path: Path) -> None:
    """Into a file that is not there yet; Trouble where it is, or cannot be written."""
    try:
        with path.open("xb") as file:
            file.writelines(record.payload + b"\n" for record in records)
    except OSError as problem:
        mend = "give a path that is free and that you may write"
        raise Trouble(what=f"cannot be written: {problem.strerror}", where=str(path), mend=mend) from problem


def send(records: Sequence[Told], settings: KafkaSettings, rate: float, report: Report) -> None:
    """Into the first topic of the settings, at most `rate` records a second, keyed by client."""
    with sending(settings) as hand_over:
        due = time.monotonic()
        for number, record in enumerate(records, start=1):
            time.sleep(max(0.0, due - time.monotonic()))
            due = max(due, time.monotonic()) + 1 / rate  # what came late is not made up for
            hand_over(str(orjson.loads(record.payload)["client"]["id"]).encode(), record.payload)
            report(number, len(records))

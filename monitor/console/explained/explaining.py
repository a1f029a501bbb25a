"""From the stored revisions of a finding to its explanation: with its log, or without."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from monitor.alerts.finding import Finding
from monitor.config.settings import Settings
from monitor.config.trouble import Trouble
from monitor.console.explained.account import Account, account
from monitor.console.explained.comparing import Compared, compared, reasons
from monitor.console.explained.logs import of_files, of_settings
from monitor.console.explained.tracing import Trace, traced
from monitor.engine.partition import Origin, lineage
from monitor.record.keys import Keys
from monitor.record.raw import Partition
from monitor.runtime.fingerprints import digests, load_all
from monitor.runtime.learnt import config_hash
from monitor.runtime.replay import Tally
from monitor.sources.protocol import Progress

WITHOUT_LOG: Final = (
    "its queries one by one, the path of its evidence, and other clients beside it: they are in the log alone"
)
GAP: Final = "gap"

Report = Callable[[Progress], None]


def explained(
    stored: Sequence[Finding], settings: Settings, keys: Keys, logs: Sequence[Path], report: Report
) -> Account:
    """The explanation of a finding. Its log is that of `logs`, else what the settings read; where neither has it, the
    finding speaks for itself. Trouble where a log that was named cannot be read."""
    wanted = stored[-1]
    place = Partition(wanted.lineage.topic, wanted.lineage.partition)
    if wanted.family == GAP:
        return account(stored, Trace(), Compared("no log"), ["its log: it says that a stretch of it was never read"])
    batches = of_files(logs, place, report) if logs else None
    try:
        batches = of_settings(settings, place, report) if batches is None else batches
        trace = None if batches is None else traced(batches, stored, settings, keys, Tally())
    except Trouble as problem:
        if logs:
            raise
        return account(stored, Trace(), Compared("no log"), [f"the log: {problem.what} ({problem.where})", WITHOUT_LOG])
    if trace is None:
        return account(stored, Trace(), Compared("no log"), [_nowhere(place), WITHOUT_LOG])
    held = compared(stored, trace.revisions, _because(wanted, settings, keys, trace))
    return account(stored, trace, held, list(_missing(trace, stored)))


def _nowhere(place: Partition) -> str:
    return f"the log {place}: the settings do not read it; name it with --log"


def _because(wanted: Finding, settings: Settings, keys: Keys, trace: Trace) -> list[str]:
    own = config_hash(settings, digests(load_all(settings.engine, keys)))
    version = lineage(Partition("", 0), Origin()).detector_version
    return reasons(wanted, own, version, keys.epoch, trace.first)


def _missing(trace: Trace, stored: Sequence[Finding]) -> Iterator[str]:
    if trace.first:
        yield f"the log before offset {trace.first}: it is there no more"
    if stored[0].revision > 1:
        yield f"revisions before {stored[0].revision}: they are not stored"
    if not trace.blocks:
        yield "blocks of this client: nothing was judged of it, or what it did is counted query by query"
    if trace.queries.maxlen == len(trace.queries):
        yield f"all but its latest {len(trace.queries):,} queries"

"""Recorded traffic through one engine, for what it teaches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from monitor.config.settings import Settings
from monitor.engine.partition import PartitionEngine
from monitor.record.decode import Decoder
from monitor.record.keys import Keys
from monitor.record.limits import Limits
from monitor.record.raw import Partition
from monitor.runtime.engines import bank_of
from monitor.runtime.fingerprints import load_all
from monitor.runtime.replay import Tally, batches
from monitor.runtime.snapshots import Arrays
from monitor.runtime.steady import Nobody, SteadyEngine
from monitor.sources.protocol import Progress

PLACE: Final = Partition("learn", 0)


def hear(
    paths: Sequence[Path],
    settings: Settings,
    keys: Keys,
    tally: Tally,
    progress: Callable[[Progress], None] = lambda _: None,
) -> PartitionEngine:
    """An engine that has heard all records of these logs, one after the other, and began from nothing.

    Findings are counted and forgotten: whoever is named, or nearly, teaches nothing. Trouble where a log cannot be
    read.
    """
    decoder = Decoder(keys, Limits.of(settings.records))
    bank = bank_of(settings, keys, load_all(settings.engine, keys))

    def make(arrays: Arrays | None) -> PartitionEngine:
        of = (PLACE, settings.engine, bank)
        return PartitionEngine(*of) if arrays is None else PartitionEngine.restore(*of, arrays)

    steady = SteadyEngine(make, decoder, Nobody())
    for batch in batches(paths, tally, progress):
        decoded, findings = steady.feed(batch)
        tally.records += len(batch)
        tally.queries += len(decoded.queries)
        tally.rejected.update({record.offset: record.reason for record in decoded.rejected}.values())
        tally.findings += sum(finding.revision == 1 for finding in findings)
    tally.learning = set(steady.engine.stats().learning)
    return steady.engine

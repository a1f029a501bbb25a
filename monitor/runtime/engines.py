"""Makes engines: all registered detectors, the settings, the operator's sensitive columns, and the lineage."""

from __future__ import annotations

from collections.abc import Mapping

from detectors.contract import Detector
from detectors.novelty import Novelty
from detectors.registry import RegistryError, registered
from detectors.sketch.rows import RowSketcher
from monitor.config.engine import EngineSettings
from monitor.config.settings import Settings
from monitor.config.trouble import Trouble
from monitor.engine.bank import Bank
from monitor.engine.kinds import Profiles
from monitor.engine.partition import Origin, PartitionEngine
from monitor.record.keys import Keys
from monitor.record.raw import Partition
from monitor.runtime.partitions import EngineMaker
from monitor.runtime.snapshots import Arrays


def engine_maker(settings: Settings, keys: Keys) -> EngineMaker:
    """What makes the engine of a partition. Trouble where detectors cannot be loaded."""
    detectors = [make() for make in detector_classes().values() if make is not Novelty]
    bank = Bank([*detectors, Novelty(settings.engine.vote_weight)], sensitive_columns(settings.engine, keys))
    origin = Origin(settings.config_hash(), keys.epoch)
    check_profiles(settings.engine, bank)

    def make(partition: Partition, arrays: Arrays | None) -> PartitionEngine:
        if arrays is None:
            return PartitionEngine(partition, settings.engine, bank, origin)
        return PartitionEngine.restore(partition, settings.engine, bank, arrays, origin)

    return make


def check_profiles(settings: EngineSettings, bank: Bank) -> None:
    """Trouble where a named kind of traffic was written down by a version that looks at other features."""
    try:
        Profiles.of(settings, bank)
    except ValueError as problem:
        mend = "name it anew, from a finding of this version: `probewatch profile FINDING --name NAME`"
        raise Trouble(what=str(problem), where="engine.known", mend=mend) from problem


def detector_classes() -> Mapping[str, type[Detector]]:
    """All registered detectors by name; Trouble where one cannot be loaded."""
    try:
        return registered()
    except RegistryError as problem:
        raise Trouble(what=problem.what, where=problem.where, mend=problem.mend) from problem


def sensitive_columns(settings: EngineSettings, keys: Keys) -> dict[str, dict[int, str]]:
    """By model: the keyed hashes of the columns that the operator calls sensitive, with their names."""
    sketcher = RowSketcher(keys.sketches)
    return {
        model: {int(sketcher.sketch([{column: 0.0}])[0].name[0]): column for column in known.sensitive_columns}
        for model, known in settings.known.items()
    }

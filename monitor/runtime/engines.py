"""Makes engines: all registered detectors, the settings, the operator's sensitive columns, and the lineage."""

from __future__ import annotations

from collections.abc import Mapping

from detectors.contract import Detector
from detectors.novelty import Novelty
from detectors.registry import RegistryError, registered
from detectors.sketch.fingerprints import Fingerprints
from detectors.sketch.rows import RowSketcher
from monitor.config.engine import EngineSettings
from monitor.config.settings import Settings
from monitor.config.trouble import Trouble
from monitor.engine.bank import Bank
from monitor.engine.kinds import Profiles
from monitor.engine.learnt import Learnt
from monitor.engine.partition import Origin, PartitionEngine
from monitor.engine.training import Training
from monitor.record.drills import drill_groups
from monitor.record.keys import Keys
from monitor.record.raw import Partition
from monitor.runtime.fingerprints import digests, load_all
from monitor.runtime.learnt import config_hash, load
from monitor.runtime.parameters import check_names, made
from monitor.runtime.partitions import EngineMaker
from monitor.runtime.snapshots import Arrays


def engine_maker(settings: Settings, keys: Keys, fingerprints: Mapping[str, Fingerprints] | None = None) -> EngineMaker:
    """What makes the engine of a partition. Trouble where detectors, training fingerprints or what was learnt cannot be
    loaded; the fingerprints are those of the settings, unless they are given."""
    known = load_all(settings.engine, keys) if fingerprints is None else fingerprints
    bank, file = bank_of(settings, keys, known), settings.runtime.learnt
    origin = Origin(config_hash(settings, digests(known)), keys.epoch, "" if keys.former is None else keys.former.epoch)
    learnt = Learnt() if file is None else load(file, keys, bank)
    check_profiles(settings.engine, bank)

    def make(partition: Partition, arrays: Arrays | None) -> PartitionEngine:
        if arrays is None:
            return PartitionEngine(partition, settings.engine, bank, origin, learnt)
        return PartitionEngine.restore(partition, settings.engine, bank, arrays, origin, learnt)

    return make


def bank_of(settings: Settings, keys: Keys, fingerprints: Mapping[str, Fingerprints]) -> Bank:
    """All registered detectors but those of the shadow, with the operator's settings and the models' training
    fingerprints."""
    detectors = own_detectors(settings)
    own = {model: evaluators(settings.engine, keys, model) for model in settings.engine.known}
    training = {model: Training(one, own.get(model, frozenset())) for model, one in fingerprints.items()}
    marked = sensitive_columns(settings.engine, keys)
    return Bank(detectors, marked, training, own, drill_groups(keys))


def own_detectors(settings: Settings) -> list[Detector]:
    """All registered detectors but those of the shadow, with the operator's parameters. Trouble, or a group of them,
    where a detector is not there, or does not take what it is given."""
    classes = detector_classes()
    check_names(settings.engine.detectors, classes)
    given, without = settings.engine.detectors, settings.shadow.detectors
    return [
        Novelty(settings.engine.vote_weight) if make is Novelty else made(make, given.get(make.name, {}))
        for name, make in classes.items()
        if name not in without
    ]


def check_profiles(settings: EngineSettings, bank: Bank) -> None:
    """Trouble where a named kind of traffic was written down by a version that looks at other features."""
    try:
        Profiles.of(settings, bank)
    except ValueError as problem:
        mend = "name it anew, from a finding of this version: `probewatch profile settings FINDING --name NAME`"
        raise Trouble(what=str(problem), where="engine.known", mend=mend) from problem


def detector_classes() -> Mapping[str, type[Detector]]:
    """All registered detectors by name; Trouble where one cannot be loaded."""
    try:
        return registered()
    except RegistryError as problem:
        raise Trouble(what=problem.what, where=problem.where, mend=problem.mend) from problem


def evaluators(settings: EngineSettings, keys: Keys, model: str) -> frozenset[bytes]:
    """The pseudonyms of the clients that may ask about the training records of a model."""
    known = [one.names for one in (keys, keys.former) if one is not None]
    return frozenset(names.client(name) for names in known for name in settings.known[model].evaluators)


def sensitive_columns(settings: EngineSettings, keys: Keys) -> dict[str, dict[int, str]]:
    """By model: the keyed hashes of the columns that the operator calls sensitive, with their names."""
    sketcher = RowSketcher(keys.sketches)
    return {
        model: {int(sketcher.sketch([{column: 0.0}])[0].name[0]): column for column in known.sensitive_columns}
        for model, known in settings.known.items()
    }

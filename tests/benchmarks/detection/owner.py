"""What the owner of the models would have set up: sensitive columns, fingerprints of training records, nothing else."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numba
import zstandard

from monitor.config.engine import EngineSettings, ModelSettings
from monitor.config.settings import Settings
from monitor.record.decode import Decoder
from monitor.record.limits import Limits
from monitor.runtime.engines import engine_maker
from monitor.runtime.keys import OPEN_KEYS, key_name
from monitor.runtime.partitions import EngineMaker
from monitor.runtime.training import Wish, gather
from monitor.runtime.warmup import warm_up

SUFFIX: Final = ".ndjson.zst"
SENSITIVE: Final = {
    "hi": ModelSettings(sensitive_columns=("race", "hispanic")),
    "doctor": ModelSettings(sensitive_columns=("sex", "black")),
}


def name_of(log: Path) -> str:
    """The scene's name."""
    return log.name.removesuffix(SUFFIX)


def training_of(log: Path) -> Path:
    """Where the training records of the scene's model lie, if anywhere."""
    return log.with_name(f"{name_of(log)}.training{SUFFIX}")


def fingerprinted(log: Path, folder: Path) -> dict[str, ModelSettings]:
    """What the owner says of the scene's models, with fingerprints of the training records that lie beside the log, if
    any; the files go into the folder."""
    training, model = training_of(log), name_of(log).rsplit("-", 1)[0]
    if not training.is_file() or not zstandard.open(training).read(1):  # an assistant has no records
        return SENSITIVE
    found = gather(training, model, OPEN_KEYS, Limits(), Wish(), lambda _: None)
    path = folder / f"{model}.fingerprints"
    path.write_bytes(found.collection.finished().packed(OPEN_KEYS.sketches, key_name(OPEN_KEYS), model))
    known = SENSITIVE.get(model, ModelSettings())
    return {**SENSITIVE, model: known.model_copy(update={"fingerprints": path})}


def maker_for(log: Path | None, engine: EngineSettings | None = None, *, fingerprints: bool = True) -> EngineMaker:
    """What makes engines for a scene (None: for no scene): the product's defaults, or `engine` for other budgets."""
    with TemporaryDirectory() as folder:
        known = SENSITIVE if log is None or not fingerprints else fingerprinted(log, Path(folder))
        settings = (engine or EngineSettings()).model_copy(update={"known": known})
        return engine_maker(Settings(engine=settings), OPEN_KEYS)


def warmed(make: EngineMaker) -> EngineMaker:
    """The same, kernels compiled where they are: that time is not the scene's."""
    if not numba.config.DISABLE_JIT:
        warm_up(Decoder(OPEN_KEYS), make)
    return make

"""All that can be set, put together from the sections."""

from __future__ import annotations

from hashlib import blake2b

import orjson
from pydantic import BaseModel, ConfigDict, Field

from monitor.config.engine import EngineSettings
from monitor.config.keys import KeySettings
from monitor.config.runtime import HealthSettings, LogSettings, RuntimeSettings


class Settings(BaseModel):
    """Everything that can be set. One file, TOML or YAML; each value can be overridden by a variable of the
    environment, `PROBEWATCH__SECTION__KEY`."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, title="probewatch settings")

    keys: KeySettings
    """The key behind pseudonyms and sketches."""

    engine: EngineSettings = Field(default_factory=EngineSettings)
    """What decides findings."""

    runtime: RuntimeSettings = Field(default_factory=RuntimeSettings)
    """Where the daemon keeps what it knows, and how often."""

    health: HealthSettings = Field(default_factory=HealthSettings)
    """The pages for monitoring."""

    log: LogSettings = Field(default_factory=LogSettings)
    """The log of the daemon."""

    def config_hash(self) -> str:
        """16 hexadecimal digits that change with whatever changes findings, and with nothing else."""
        decisive = {"engine": self.engine.model_dump(mode="json"), "epoch": self.keys.epoch}
        return blake2b(orjson.dumps(decisive, option=orjson.OPT_SORT_KEYS), digest_size=8).hexdigest()

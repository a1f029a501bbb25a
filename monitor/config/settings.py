"""All that can be set, put together from the sections."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from types import MappingProxyType
from typing import Annotated, Self

import orjson
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from monitor.config.engine import EngineSettings
from monitor.config.keys import KeySettings
from monitor.config.records import RecordSettings
from monitor.config.response import ResponseSettings
from monitor.config.runtime import HealthSettings, LogSettings, RuntimeSettings
from monitor.config.shadow import ShadowSettings
from monitor.config.sinks import OutboxSettings, SinkSettings
from monitor.config.sources import FileSettings, KafkaSettings


class SourceSettings(BaseModel):
    """Where the query logs come from: one of the two."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    kafka: KafkaSettings | None = None
    """A consumer group over topics of query logs."""

    files: FileSettings | None = None
    """Recorded logs."""

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if self.kafka is not None and self.files is not None:
            raise ValueError("give one of source.kafka and source.files")
        return self


class Settings(BaseModel):
    """Everything that can be set. One file, TOML or YAML; each value can be overridden by a variable of the
    environment, `PROBEWATCH__SECTION__KEY`."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, title="probewatch settings")

    keys: KeySettings | None = None
    """The key behind pseudonyms and sketches. `run` has to have it; `replay` without it uses a key that everybody
    knows, so that its pseudonyms protect nobody."""

    source: SourceSettings = Field(default_factory=SourceSettings)
    """Where the query logs come from; `replay` is told on the command line instead."""

    records: RecordSettings = Field(default_factory=RecordSettings)
    """How large and how old a record may be."""

    engine: EngineSettings = Field(default_factory=EngineSettings)
    """What decides findings."""

    outbox: OutboxSettings = Field(default_factory=OutboxSettings)
    """How much the outbox keeps. It lies in the folder `runtime.state`."""

    sinks: dict[Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,32}$")], SinkSettings] = Field(
        default_factory=dict
    )
    """Where alerts go, each sink under a name that you choose. Without any they stay in the outbox, for `alerts`."""

    response: ResponseSettings = Field(default_factory=ResponseSettings)
    """What gateways are told to do about clients."""

    runtime: RuntimeSettings = Field(default_factory=RuntimeSettings)
    """Where the daemon keeps what it knows, and how often."""

    shadow: ShadowSettings = Field(default_factory=ShadowSettings)
    """What runs beside the engines in force, and tells nobody."""

    health: HealthSettings = Field(default_factory=HealthSettings)
    """The pages for monitoring."""

    log: LogSettings = Field(default_factory=LogSettings)
    """The log of the daemon."""

    def config_hash(self, fingerprints: Mapping[str, str] = MappingProxyType({})) -> str:
        """16 hexadecimal digits that change with whatever changes findings, keys apart, and with nothing else.

        `fingerprints` has the digest of each model's training fingerprints: what the files hold decides, not where
        they lie."""
        engine = self.engine.model_dump(mode="json", exclude={"known": {"__all__": {"fingerprints"}}})
        if not engine["detectors"]:
            del engine["detectors"]
        sections: dict[str, object] = {"engine": engine, "records": self.records.model_dump(mode="json")}
        if fingerprints:
            sections["fingerprints"] = dict(fingerprints)
        if self.shadow.detectors:  # which are not in force
            sections["without"] = sorted(self.shadow.detectors)
        decisive = orjson.dumps(sections, option=orjson.OPT_SORT_KEYS)
        return blake2b(decisive, digest_size=8).hexdigest()

"""Settings of the shadow: what runs beside the engines in force, and tells nobody."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class ShadowSettings(BaseModel):
    """New detectors and new settings beside the ones in force: what they find goes into a file of its own in the state
    folder, and `probewatch compare` says how it differs. It takes as much memory and time again as the engines do."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    detectors: tuple[str, ...] = ()
    """Detectors that run in the shadow alone; they are switched on when their names are deleted here."""

    settings: Path | None = None
    """A file of settings of which the section `engine` is in force in the shadow; without it the one that is in force
    is, there as well."""

    file_mib: float = Field(default=64.0, gt=0, le=100_000)
    """Mebibytes of findings of the shadow after which the file is moved aside, and the one before deleted."""

    @property
    def wanted(self) -> bool:
        """Whether anything runs in the shadow."""
        return bool(self.detectors) or self.settings is not None

"""What decides findings: budgets, ceilings, and what the operator knows of each model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from detectors.scoring.kinds import read


def _code(written: str) -> str:
    read(written)
    return written


class ModelSettings(BaseModel):
    """What the operator knows of one model."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    sensitive_columns: tuple[str, ...] = ()
    """Columns whose values an attacker might want to infer (race, diagnosis). A sweep over one of them is named
    attribute inference; a sweep over any other column is reported at a lower severity."""

    fingerprints: Path | None = None
    """File of training fingerprints, made by `probewatch fingerprint`. With them sweeps over training records and
    score-only membership inference are seen, whatever the column, and audits on public records are told apart."""

    evaluators: tuple[str, ...] = ()
    """Clients that evaluate the model for you, such as your regression tests: their names in the records. Their queries
    never count as training records, and the same set of inputs come again is not held against them."""

    profiles: dict[str, Annotated[str, AfterValidator(_code)]] = Field(default_factory=dict)
    """Kinds of traffic that you know, by names of your own: codes from findings of new kinds, as `probewatch profile
    settings` prints them. They raise no further findings of the novelty tier; evidence of attacks is looked at as
    before."""

    autoencoder: Path | None = None
    """An autoencoder of the model's dense inputs, an ONNX file (extra `onnx`): how badly it rebuilds an input takes the
    place of the linear error that is learnt otherwise."""

    classifier: Path | None = None
    """A classifier of the model's dense inputs, an ONNX file (extra `onnx`): how unsure it is takes that place."""

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if self.autoencoder is not None and self.classifier is not None:
            raise ValueError("give one of autoencoder and classifier")
        return self


class EngineSettings(BaseModel):
    """Budgets, ceilings and the life cycle of findings. Everything here changes which findings are made."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    tenant: str = Field(default="default", min_length=1, max_length=64)
    """Part of every finding's identity, so that two installations never collide in one SIEM."""

    budget: float = Field(default=1.0, gt=0, le=1000)
    """False named findings that you accept per 1,000 clients a day."""

    novelty_budget: float = Field(default=10.0, gt=0, le=1000)
    """False findings of the novelty tier that you accept per 1,000 clients a day."""

    vote_weight: float = Field(default=0.25, ge=0, le=1)
    """Share of the river detectors in the novelty evidence, beside the traffic profiles; 0 leaves them out."""

    clients: int = Field(default=100_000, ge=2_048, le=10_000_000)
    """Clients of one model that a partition remembers; of those not seen for longest the unremarkable leave first, and
    are counted. A flood that drives many out is a finding."""

    models: int = Field(default=64, ge=1, le=4_096)
    """Models that a partition remembers; queries of further ones are counted and not looked at."""

    open_findings: int = Field(default=10_000, ge=16, le=1_000_000)
    """Findings of a partition that can be open at once; further ones become part of the finding about the storm."""

    storm: int = Field(default=240, ge=16, le=1_000_000)
    """Findings of one severity that a partition opens in an hour of event time, at most; further ones become part of a
    single finding about the storm, which counts them."""

    quiet_minutes: float = Field(default=60.0, gt=0, le=10_080)
    """Minutes of event time without new evidence after which a finding is closed."""

    update_minutes: float = Field(default=5.0, gt=0, le=1_440)
    """Minutes of event time between two updates of a finding whose severity did not rise."""

    revisions: int = Field(default=32, ge=2, le=1_000)
    """Revisions of one finding, at most; the last place is kept for its closing."""

    small_cell: int = Field(default=5, ge=1, le=1_000)
    """What is usual for a model, and its profiles of ordinary traffic, stand in findings once so many clients have
    taught them: the usual value of two clients would tell the one about the other."""

    detectors: dict[str, dict[str, bool | int | float | str]] = Field(default_factory=dict)
    """Parameters of detectors that have some of their own, by the detector's name; `probewatch detectors explain NAME`
    lists them."""

    known: dict[str, ModelSettings] = Field(default_factory=dict)
    """What you know of each model, by its name in the records."""

"""What a scenario file may hold, checked as settings are: every error at once, with its line and how to mend it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from detectors.taxonomy import FAMILIES
from monitor.alerts.finding import Severity
from monitor.config.environment import overlay
from monitor.config.errors import troubles
from monitor.config.files import read_file
from monitor.config.load import check
from monitor.config.place import Origins, Tree
from monitor.config.place import Path as Place
from monitor.config.schema import Reader
from monitor.config.settings import Settings
from monitor.console.drills.families import FAMILIES as DRILLS

NONE: Final = "none"
_SECTIONS: Final = ("engine", "records", "keys")


def _family(name: str) -> str:
    if name != NONE and name not in FAMILIES:
        raise ValueError(f"it should be {NONE} or one of {', '.join(FAMILIES)}")
    return name


def _drill(name: str | None) -> str | None:
    if name is not None and name not in DRILLS:
        raise ValueError(f"it should be one of {', '.join(DRILLS)}")
    return name


class Form(BaseModel):
    """Frozen; unknown names are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Part(Form):
    """Traffic: exactly one of log, records and drill."""

    log: Path | None = None
    """A recorded log, also compressed, or a folder of logs; a relative path begins at the scenario file."""

    records: tuple[dict[str, Any], ...] = ()
    """Records as a log has them, written here."""

    drill: Annotated[str | None, AfterValidator(_drill)] = None
    """Family of a drill: a harmless attack that is made for the traffic before it."""

    client: str = Field(default="probewatch-drill/1", min_length=1, max_length=500)
    """Name of the client that a drill plays."""

    model: str | None = None
    """Model that a drill asks; without it the first one of the traffic before that such an attack can ask."""

    queries: int = Field(default=0, ge=0, le=100_000)
    """Queries of a drill, at most; 0 is what its family takes."""

    start: AwareDatetime | None = None
    """When records without a time, or a drill, begin; without it after the last record before them."""

    every: float = Field(default=1.0, gt=0, le=86_400)
    """Seconds between two records without a time."""

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.log is not None) + bool(self.records) + (self.drill is not None) != 1:
            raise ValueError("give exactly one of log, records and drill")
        return self


class Expected(Form):
    """A finding that has to be there, or must not be."""

    client: str | None = Field(default=None, min_length=1, max_length=512)
    """Name of the client, as in its records; in a campaign one of the members. Without it anybody."""

    model: str | None = None
    """Model that the finding is about; without it any."""

    family: Annotated[str, AfterValidator(_family)]
    """Attack family that is named, or `none`: nothing is said of that client."""

    severity: Severity = "low"
    """Severity that one of its revisions reaches, at least."""

    within: int | None = Field(default=None, ge=1)
    """Queries of the client after which it is open, at the latest."""

    members: int = Field(default=0, ge=0)
    """Members of the campaign, at least."""


class Said(Form):
    """What a named test has to say of one window of a client."""

    test: str = Field(pattern=r"^[a-z][a-z0-9-]*/[a-z][a-z0-9_-]*$")
    """DETECTOR/TEST, as in findings and in `probewatch detectors list`."""

    strength: float = Field(ge=0, le=1)
    """From 0 (as honest clients have it) to 1 (as the attack has it); a finding takes half and more."""

    features: dict[str, float | None] = Field(default_factory=dict)
    """Features that differ from those of the whole test; null: the log does not tell."""

    give: float = Field(default=0.005, ge=0, le=1)
    """How much more or less it may be."""


class Tolerance(Form):
    """What else may be found without failing the test."""

    named: int = Field(default=0, ge=0)
    """Named findings that nothing expects, at most."""

    novelty: int | None = Field(default=None, ge=0)
    """Findings about new kinds of traffic that nothing expects, at most; without it any number."""

    rejected: int = Field(default=0, ge=0)
    """Records that cannot be read, at most."""


class Test(Form):
    """One test."""

    __test__ = False  # not one of pytest's

    name: str = Field(min_length=1, max_length=200)
    """What is tested, for people."""

    settings: dict[str, Any] = Field(default_factory=dict)
    """Settings that differ: the sections engine and records."""

    traffic: tuple[Part, ...] = ()
    """Traffic beside that of the whole file."""

    training: dict[str, Path] = Field(default_factory=dict)
    """Logs of the records that a model was trained on, by its name: the model has fingerprints then."""

    expect: Literal["none"] | tuple[Expected, ...] = ()
    """Expected findings, or `none`: no named finding at all."""

    kind: Literal["opaque", "dense", "rows", "text"] = "dense"
    """Kind of input of the windows in `says`."""

    features: dict[str, float | None] = Field(default_factory=dict)
    """Features of a window, as `probewatch explain` shows them: what `says` is asked about, without any traffic."""

    says: tuple[Said, ...] = ()
    """What named tests have to say of such a window: a threshold that moves is noticed here, far from any finding."""

    tolerate: Tolerance = Field(default_factory=Tolerance)
    """What else may be found."""

    @model_validator(mode="after")
    def _tests_something(self) -> Self:
        if not self.expect and not self.says:
            raise ValueError("give what to expect of traffic, or what tests say of features")
        return self


class Scenarios(Form):
    """A scenario file."""

    settings: dict[str, Any] = Field(default_factory=dict)
    """Settings for all tests."""

    traffic: tuple[Part, ...] = ()
    """Traffic of all tests."""

    tests: tuple[Test, ...] = Field(min_length=1)
    """The tests."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One test that is ready to run: all its traffic, with absolute paths, its settings, and the line of the file on
    which each expectation stands, those of findings first."""

    file: Path
    test: Test
    traffic: tuple[Part, ...]
    training: Mapping[str, Path]
    settings: Settings
    lines: tuple[int, ...]


def scenarios(file: Path, config: Path | None, environ: Mapping[str, str] = os.environ) -> list[Scenario]:
    """The tests of a file, with the settings of `config` and the environment below their own. Trouble, or a group of
    them, where a file cannot be read or is wrong."""
    tree, lines = read_file(file)
    origins = Origins(str(file), lines, {})
    try:
        form = Scenarios.model_validate(tree)
    except ValidationError as problem:
        found = troubles(problem, tree, origins, Reader(Scenarios.model_json_schema()))
        raise ExceptionGroup(f"{len(found)} errors in {file}", found) from None
    below, variables = overlay({} if config is None else read_file(config)[0], environ)
    kept: Tree = {name: below[name] for name in _SECTIONS if name in below}
    made = []
    for number, test in enumerate(form.tests):
        own = ("tests", str(number))
        whole = laid_over(laid_over(kept, form.settings), test.settings)
        places = _below(lines, ("settings",)) | _below(lines, (*own, "settings"))
        made.append(
            Scenario(
                file=file,
                test=test,
                traffic=tuple(_placed(part, file) for part in (*form.traffic, *test.traffic)),
                training={model: file.parent / path for model, path in test.training.items()},
                settings=check(whole, Origins(str(file), places, variables)),
                lines=tuple(
                    _line(lines, (*own, name, str(at)))
                    for name, several in (("expect", test.expect), ("says", test.says))
                    for at in range(1 if several == NONE else len(several))
                ),
            )
        )
    return made


def laid_over(tree: Tree, other: Mapping[str, Any]) -> Tree:
    """The tree with another one laid over it, tables into tables.

    >>> laid_over({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}})
    {'a': {'b': 3, 'c': 2}}
    """
    merged = dict(tree)
    for name, value in other.items():
        below = merged.get(name)
        merged[name] = laid_over(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def _placed(part: Part, file: Path) -> Part:
    return part if part.log is None else part.model_copy(update={"log": file.parent / part.log})


def _below(lines: Mapping[Place, int], place: Place) -> dict[Place, int]:
    return {path[len(place) :]: line for path, line in lines.items() if path[: len(place)] == place}


def _line(lines: Mapping[Place, int], path: Place) -> int:
    """The line of an expectation, else that of the nearest thing around it."""
    return next((lines[path[:end]] for end in range(len(path), 0, -1) if path[:end] in lines), 1)

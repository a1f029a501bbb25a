"""Which settings are tried: one after the other around those in force, or a whole grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from types import MappingProxyType
from typing import Final

from monitor.config.settings import Settings
from monitor.config.trouble import Trouble
from monitor.console.tuning.measuring import Choice

#: What is tried of each setting, beside what is in force.
VALUES: Final[Mapping[str, tuple[float, ...]]] = MappingProxyType(
    {
        "engine.budget": (0.1, 0.3, 1.0, 3.0),
        "engine.novelty_budget": (3.0, 10.0, 30.0),
        "engine.vote_weight": (0.0, 0.25, 0.5),
    }
)


def in_force(settings: Settings) -> Choice:
    """The settings that can be tuned, as they are."""
    return {name: float(getattr(settings.engine, name.partition(".")[2])) for name in VALUES}


def changed(settings: Settings, choice: Choice) -> Settings:
    """The settings with that choice; Trouble where a value is out of range."""
    tree = settings.engine.model_dump()
    tree |= {name.partition(".")[2]: value for name, value in choice.items()}
    try:
        engine = type(settings.engine).model_validate(tree)
    except ValueError:
        told = ", ".join(f"{name}={value:g}" for name, value in choice.items())
        mend = "`probewatch config page` has the range of every setting"
        raise Trouble(what=f"a value is out of range: {told}", where="--grid", mend=mend) from None
    return settings.model_copy(update={"engine": engine})


def one_by_one(current: Choice, values: Mapping[str, Sequence[float]] = VALUES) -> list[Choice]:
    """What is in force, and each value of each setting alone."""
    found: list[Choice] = [dict(current)]
    for name, own in values.items():
        found += [{**current, name: value} for value in own if value != current[name]]
    return found


def whole_grid(current: Choice, values: Mapping[str, Sequence[float]]) -> list[Choice]:
    """What is in force, and every combination of the values."""
    every = [dict(zip(values, combination, strict=True)) for combination in product(*values.values())]
    found: list[Choice] = [dict(current)]
    found += [choice for one in every if (choice := {**current, **one}) not in found]
    return found


def read_grid(written: Sequence[str]) -> dict[str, tuple[float, ...]]:
    """From NAME=VALUE,VALUE; Trouble where a name cannot be tuned or a value is no number.

    >>> read_grid(["engine.budget=0.5,1"])
    {'engine.budget': (0.5, 1.0)}
    """
    found = {}
    for one in written:
        name, _, values = one.partition("=")
        if name not in VALUES:
            mend = f"there is {', '.join(VALUES)}"
            raise Trouble(what=f"{name} is nothing that can be tuned", where="--grid", mend=mend)
        try:
            found[name] = tuple(dict.fromkeys(float(value) for value in values.split(",")))
        except ValueError:
            mend = f"write {name}=0.5,1,2"
            raise Trouble(what="a value is no number", where=f"--grid {name}", mend=mend) from None
    return found

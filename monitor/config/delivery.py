"""What every sink can be told about its alerts: which, how much of them, how often, and where they link."""

from __future__ import annotations

from string import Formatter
from typing import Annotated, Final, Literal
from urllib.parse import quote

from pydantic import AfterValidator, BaseModel, Field, field_validator

from detectors.taxonomy import FAMILIES
from monitor.config.transport import CONFIG, address_problem

Part = Literal["client", "members", "group", "labels", "values", "lineage"]
Severity = Literal["low", "medium", "high", "critical"]
Tier = Literal["named", "novelty", "operations"]

ALL: Final[tuple[Part, ...]] = ("client", "members", "group", "labels", "values", "lineage")
PEOPLE: Final[tuple[Part, ...]] = ("labels", "values")  # what goes to people's screens outside the SIEM

PLACES: Final = frozenset({"finding", "id", "family", "model"})  # of a finding, in an address; never a pseudonym


def _template(text: str) -> str:
    try:
        fields = [field[1:] for field in Formatter().parse(text) if field[1] is not None]
        plain = all(name in PLACES and not form and not mark for name, form, mark in fields)
        known = plain and address_problem(filled(text, dict.fromkeys(PLACES, "x"))) is None
    except (ValueError, LookupError):
        known = False
    if not known:
        raise ValueError(
            "it should be an address such as https://kibana.example.org/app/probewatch/{finding}; "
            f"known are {', '.join('{' + name + '}' for name in sorted(PLACES))}, and a brace of its own is doubled"
        )
    return text


def filled(template: str, values: dict[str, str]) -> str:
    """The address with the values in their places, written so that none of them can change where it leads.

    >>> filled("https://k.example/{model}", {"model": "a/b?c"})
    'https://k.example/a%2Fb%3Fc'
    """
    return template.format_map({key: quote(value, safe="") for key, value in values.items()})


class RouteSettings(BaseModel):
    """Which findings a sink gets: those that fit everything that is set here."""

    model_config = CONFIG

    severity: Severity = "low"
    """The least severity."""

    families: tuple[str, ...] = ()
    """Attack families; without any, all."""

    models: tuple[str, ...] = ()
    """Models by name; `*` stands for any text. Without any, all."""

    groups: tuple[str, ...] = ()
    """Tenants, by the pseudonym of their group (`probewatch pseudonym --sort group`); without any, all."""

    tiers: tuple[Tier, ...] = ()
    """`named` attacks, `novelty`, `operations` (gaps in the log); without any, all."""

    @field_validator("families")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [name for name in value if name not in FAMILIES]
        if unknown:
            raise ValueError(f"no such family; there are {', '.join(FAMILIES)}")
        return value


class DeliverySettings(BaseModel):
    """What every sink has."""

    model_config = CONFIG

    route: RouteSettings = RouteSettings()
    """Which findings this sink gets. One that it was told of is told to its end, also where its severity falls."""

    tell: tuple[Part, ...] = ALL
    """Parts of a finding that this sink may be told; the others are withheld, wherever they stand. `client`, `members`
    and `group` are pseudonyms, `values` the numbers of the evidence."""

    repeat_minutes: float = Field(default=0.0, ge=0, le=43_200)
    """Minutes for which a finding is not told again, unless its severity rises or it closes; what comes between is
    counted as folded. 0 tells every revision."""

    per_minute: int | None = Field(default=None, ge=1, le=100_000)
    """Alerts in one minute, at most; without it, as many as there are."""

    over: Literal["hold", "fold"] = "hold"
    """What becomes of alerts beyond `per_minute`: `hold` lets them wait for the next minute, `fold` does not tell them,
    counts them, and says so in the next one that is told. The end of a finding that was told is never folded."""


class PeopleSettings(DeliverySettings):
    """What every sink has that goes to people outside the SIEM: less, and less often."""

    tell: tuple[Part, ...] = PEOPLE
    """Parts of a finding that this sink may be told; the others are withheld, wherever they stand. No pseudonym goes
    there unless you add `client`, `members` or `group`."""

    repeat_minutes: float = Field(default=240.0, ge=0, le=43_200)
    """Minutes for which a finding is not told again, unless its severity rises or it closes; what comes between is
    counted as folded. 0 tells every revision."""


Link = Annotated[str, AfterValidator(_template)]


class LinkedSettings(BaseModel):
    """A sink whose form has a place for a link."""

    model_config = CONFIG

    link: Link | None = None
    """Address that leads to the finding, in Kibana say: `{finding}`, `{id}` (of the revision), `{family}` and `{model}`
    are filled in. Without it there is no link."""

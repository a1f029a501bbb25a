"""Which attacks can be drilled: what each takes, and what has to be known for the monitor to name it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

DENSE: Final = "dense"
ROWS: Final = "rows"
TEXT: Final = "text"


@dataclass(frozen=True, slots=True)
class Drill:
    """One family's drill: the kinds of input on which it can be played, the preferred one first, how many queries it
    takes by default, what it does, and what has to be so for it to be found ("" where the defaults do)."""

    kinds: tuple[str, ...]
    queries: int
    does: str
    needs: str = ""


FAMILIES: Final[Mapping[str, Drill]] = MappingProxyType(
    {
        "inversion": Drill((DENSE,), 200, "raises the confidence of one answer, patch by patch, from noise"),
        "attribute-inference": Drill(
            (ROWS,),
            120,
            "asks rows with every value of a sensitive column",
            "engine.known.MODEL.sensitive_columns names the column",
        ),
        "property-inference": Drill((DENSE, ROWS), 160, "shows one set of inputs to one version after the other"),
        "membership-inference": Drill(
            (ROWS, DENSE), 240, "asks about as many altered copies of one input after the other"
        ),
        "extraction": Drill((DENSE, ROWS), 160, "asks about noise, or about rows from nowhere"),
        "evasion": Drill((DENSE, ROWS), 300, "presses the confidence of one answer down, in small steps"),
        "backdoor-probing": Drill((DENSE, ROWS), 160, "puts one small patch onto several inputs, then the next one"),
        "llm-leakage": Drill((TEXT,), 60, "asks for hidden instructions in ever new words"),
        "cost": Drill((DENSE, ROWS, TEXT), 240, "sends more in seconds than in the day before"),
        "access": Drill((DENSE, ROWS), 48, "tries keys from one address, all of them refused"),
        "campaign": Drill((ROWS, DENSE), 400, "deals one search out to five accounts in turn"),
        "novelty": Drill(
            (DENSE, ROWS),
            160,
            "asks in a way that ordinary clients do not",
            "the model is known from some hundred clients",
        ),
    }
)

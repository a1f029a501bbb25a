"""Which rivals there are, in the order of the tables."""

from __future__ import annotations

from rivals.blacklight import Blacklight, GlobalBlacklight
from rivals.contract import Rival
from rivals.delta import WINDOW, Delta
from rivals.duplicates import Duplicates
from rivals.forest import Forest
from rivals.mmd import WINDOWS, Mmd
from rivals.osd import Osd
from rivals.piha import Piha
from rivals.prada import Prada
from rivals.rate import RateLimit
from rivals.seat import Seat

SHORT_WINDOW = 64


def rivals() -> list[Rival]:
    """All of them, new."""
    return [
        Prada(),
        Osd(),
        Seat(),
        Blacklight(),
        GlobalBlacklight(),
        Piha(),
        Delta(WINDOW),
        Delta(SHORT_WINDOW),
        *(Mmd(window) for window in WINDOWS),
        Forest(),
        RateLimit(),
        Duplicates(),
    ]

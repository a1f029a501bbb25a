"""How a client's state lies in memory: a header and a trail per client, an entry and a sketch per query; flat arrays.

A dense client at its ceiling takes 88 entries x (64 + 101) bytes, a trail of 1 KiB and a header: under 16 KiB. Windows
of rows and texts are cut so that a client takes 8 KiB at most.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

PAGE: Final = 8  # entries of a page: a window grows by pages
PAGES: Final = 11  # pages of a client, at most
TRAIL: Final = 256  # queries whose exact hash is remembered, beyond the window

FIRST_BLOCK: Final = 20  # queries after which detectors are first asked about a client
BLOCK: Final = 10  # queries between two blocks after that


class Record(np.record):  # type: ignore[misc]  # final in NumPy's stubs alone
    """An element whose fields are its attributes, `base` and `flags` included, so that kernels run uncompiled too."""

    def __getattribute__(self, name: str) -> Any:
        fields = super().__getattribute__("dtype").fields
        return self[name] if name in fields else super().__getattribute__(name)


def record(fields: list[tuple[str, str]]) -> np.dtype[Any]:
    """The type of such elements."""
    return np.dtype((Record, fields))


# bits of an entry's flags
REPEAT: Final = 1  # the very same input stands in the window
LINKED: Final = 2  # an earlier input of the window is near
FLIP: Final = 4  # linked, and the label differs from the neighbour's
OTHER_VERSION: Final = 8  # a repeat that was first seen under another version of the model
SAME_LAG: Final = 16  # a repeat as many queries back as the repeat before it
STAR: Final = 32  # linked, and the neighbour is the base itself
TRAINED: Final = 64  # the model was trained on the input
TRAINED_ROW: Final = 128  # one column was moved, and the model was trained on a row with another value in it
SAME_PATCH: Final = 256  # changed in the same few places as the query before, and of another base
HABIT: Final = 512  # a row moved within coarse bins, and the client's rows agree that much anyway

# sub-streams of a client's queries, which detectors judge by themselves: what an attacker hides among ordinary queries
CHAINED: Final = 1  # linked to an earlier one, or the first to which one was linked
STRANGE: Final = 2  # unlike the model's ordinary inputs

#: One query in a window. `base` counts the client's queries from 0; `mask` has a bit for each segment or column in
#: which the query differs from its nearest earlier one; `cosine` is in 1/127; `streams` has a bit for each sub-stream.
#: A query inherits `root_*` from the query to which it is linked: error, margin and label of the base, which may have
#: left the window long ago.
ENTRY: Final = record(
    [
        ("time", "i8"),
        ("mask", "u8"),
        ("base", "u4"),
        ("root_error", "f4"),
        ("root_margin", "f4"),
        ("distance", "f4"),
        ("far", "f4"),
        ("step", "f4"),
        ("error", "f4"),
        ("p1", "f4"),
        ("p2", "f4"),
        ("label", "u2"),
        ("second", "u2"),
        ("root_label", "u2"),
        ("flags", "u2"),
        ("streams", "u1"),
        ("version", "u1"),
        ("failure", "u1"),
        ("cosine", "i1"),
    ]
)

#: One client of one model. `touched` is the model's query count at its last query (least recently used leaves first);
#: `*_short` are moving averages over about ten queries, `*_long` over all of them; `swept`, `trained` end at 65,535.
HEADER: Final = record(
    [
        ("count", "i8"),
        ("touched", "i8"),
        ("first", "i8"),
        ("last", "i8"),
        ("first_offset", "i8"),
        ("last_offset", "i8"),
        ("answered", "i8"),
        ("distinct", "i8"),
        ("bits", "f8"),
        ("size_short", "f4"),
        ("size_long", "f4"),
        ("output_short", "f4"),
        ("output_long", "f4"),
        ("lag", "u4"),
        ("blocks", "i4"),
        ("swept", "u2"),  # records of which one column was asked with every value that it is known to have
        ("trained", "u2"),  # different inputs that the model was trained on
    ]
)
MOST_COUNTED: Final = 65_535

REFUSED: Final = 1  # failure of an entry: 401 or 403
FAILED: Final = 2  # failure of an entry: 5xx or 429


CEILING: Final = {1: 16 << 10}  # bytes of a dense client; of any other kind:
OTHER_CEILING: Final = 8 << 10
FIXED: Final = (
    HEADER.itemsize + 4 * TRAIL + 4 * PAGES + 16 + 16 + 32 + 240
)  # header, trail, pages, names, classes, tests


def headers(array: Any) -> Any:
    """Headers as this program has them, from those of an earlier form: what that form did not count begins at 0."""
    if array.dtype == HEADER:
        return array
    widened = np.zeros(array.shape, HEADER)
    for name in array.dtype.names:
        widened[name] = array[name]
    return widened


def window_pages(kind: int, sketch: int) -> int:
    """Pages of a client's window, so that its bytes stay under the ceiling; `sketch` is the bytes of one sketch.

    >>> window_pages(1, 101), window_pages(2, 24)
    (11, 9)
    """
    room = CEILING.get(kind, OTHER_CEILING) - FIXED
    return max(1, min(PAGES, room // (PAGE * (ENTRY.itemsize + sketch))))

"""Changes of windows since a mark make the windows of the mark those of now, whoever came, left and came again."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.features.layout import ENTRY, PAGE, PAGES
from detectors.features.walk import keep
from detectors.features.windows import Windows
from detectors.sketch.queries import DENSE, ROWS


def assert_same(first: dict[str, Any], second: dict[str, Any]) -> None:
    """Equal state, to the last byte."""
    assert first.keys() == second.keys()
    for key, array in first.items():
        assert array.tobytes() == second[key].tobytes(), key


def name(number: int) -> bytes:
    return number.to_bytes(16, "little")


def visit(windows: Windows, clients: list[int]) -> None:
    """Queries of these clients, as the walk leaves them; each other one joins a sub-stream later."""
    state = windows.state
    slots = windows.slots([name(client) for client in clients], [b""] * len(clients))
    for slot, client in zip(slots, clients, strict=True):
        header, entry = state.headers[slot : slot + 1], np.zeros(1, ENTRY)
        count = int(header["count"][0])
        entry["time"], entry["label"] = count, client
        keep(entry[0], np.full(state.sketches.shape[2], count % 251, np.uint8), state, slot)
        room = state.pages.shape[1] * PAGE
        older = max(0, count - 3) % room
        state.entries["streams"][state.pages[slot, older // PAGE], older % PAGE] = 1
        state.trails[slot, count % 256] = count + 1
        windows.last[slot], windows.capital[slot], windows.peak[slot] = count % 251, count / 4, count % 3
        header["count"] += 1
        header["blocks"] = client % 3
        state.control[1] += 1
        header["touched"] = state.control[1]


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("visit"), st.lists(st.integers(0, 9), min_size=1, max_size=5)),
        st.tuples(st.just("crowd"), st.lists(st.integers(0, 3), min_size=1, max_size=4)),
        st.tuples(st.just("forget"), st.lists(st.integers(0, 9), max_size=2)),
        st.tuples(st.just("save"), st.just([0])),
    ),
    max_size=40,
)


@settings(max_examples=60)
@given(actions=ACTIONS, kind=st.sampled_from([DENSE, ROWS]), most=st.integers(8, 9), aside=st.integers(0, 1))
def test_whoever_comes_leaves_and_comes_again(
    actions: list[tuple[str, list[int]]], kind: int, most: int, aside: int
) -> None:
    windows, twin = Windows(kind, 3, most, 2, aside), Windows(kind, 3, most, 2, aside)
    mark = windows.mark()
    for action, clients in [*actions, ("save", [0])]:
        match action:
            case "visit":
                visit(windows, clients)
            case "crowd":  # more than a window holds, and more than a trail
                for _ in range(PAGES * PAGE * 4 // len(clients)):
                    visit(windows, clients)
            case "forget":
                for client in clients:
                    windows.forget(name(client))
            case _:
                twin.apply({key: array.copy() for key, array in windows.changes(mark).items()})
                mark = windows.mark()
                assert_same(windows.dump(), twin.dump())
                again = Windows(kind, 3, most, 2, aside)
                again.load(twin.dump())
                assert_same(again.dump(), windows.dump())

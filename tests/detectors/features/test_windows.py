import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.features.layout import (
    CEILING,
    ENTRY,
    FIXED,
    HEADER,
    OTHER_CEILING,
    PAGE,
    PAGES,
    window_pages,
)
from detectors.features.neighbours import sketch_bytes
from detectors.features.walk import keep
from detectors.features.windows import SLOT_STEP, Windows
from detectors.sketch.queries import DENSE, OPAQUE, ROWS, TEXT

NONE = bytes(16)


def name(number: int) -> bytes:
    return number.to_bytes(16, "little")


def visit(windows: Windows, *clients: int) -> list[int]:
    """Queries of these clients, put into their windows; returns their slots."""
    names = [name(client) for client in clients]
    slots = windows.slots(names, [NONE] * len(names))
    sketch = windows.state.sketches.shape[2]
    for slot, client in zip(slots, clients, strict=True):
        header = windows.state.headers[slot]
        entry = np.zeros(1, ENTRY)
        entry["time"] = int(header["count"])
        keep(entry[0], np.full(sketch, client % 251, np.uint8), windows.state, slot)
        windows.state.headers["count"][slot] += 1
        windows.state.control[1] += 1
    return slots.tolist()


def balanced(windows: Windows) -> None:
    """Every page is either free or held, and none is both."""
    state = windows.state
    held = state.pages[windows.in_use()]
    held = held[held >= 0]
    free = state.free[: state.control[0]]
    assert sorted([*held.tolist(), *free.tolist()]) == list(range(len(state.entries)))


@settings(max_examples=30)
@given(st.lists(st.integers(0, 12), max_size=120), st.integers(1, 7), st.integers(1, 9))
def test_the_longest_unseen_leaves_and_no_page_is_lost(visits: list[int], most: int, size: int) -> None:
    windows, seen, left = Windows(ROWS, 2, most, 1), dict[int, None](), 0
    for start in range(0, len(visits), min(size, most)):
        step = visits[start : start + min(size, most)]
        for client in step:
            if client not in seen and len(seen) == most:
                del seen[next(iter(seen))]
                left += 1
            seen.pop(client, None)
            seen[client] = None
        visit(windows, *step)
        balanced(windows)
    assert [windows.name(slot) for slot in windows.in_use()] == [name(client) for client in seen]
    assert (len(windows), windows.evicted) == (len(seen), left)


def set_aside(most: int, aside: int) -> Windows:
    """Windows of two tests, of which the first one is named."""
    return Windows(ROWS, 2, most, 2, aside, np.array([True, False]))


def judge(windows: Windows, client: int, *peak: float) -> None:
    (slot,) = visit(windows, client)
    windows.state.headers["blocks"][slot] = 1
    windows.peak[slot] = peak


def test_a_flood_drives_out_whoever_is_new_and_not_who_was_judged_or_suspected() -> None:
    windows = set_aside(8, 2)
    judge(windows, 1, 0.4, 0.0)
    judge(windows, 2, 0.1, 0.9)  # what learnt tests say makes nobody suspect
    visit(windows, 3)
    for client in range(100, 130):
        visit(windows, client)
        balanced(windows)
    known = [windows.name(slot) for slot in windows.in_use()]
    assert known == [name(2), name(1), *(name(client) for client in range(124, 130))]
    assert (len(windows), windows.evicted, windows.lost) == (8, 25, 0)
    assert windows.strongest(name(1), np.array([True, False])) == pytest.approx(0.4)
    assert windows.left == [(0, False)]


def test_who_was_set_aside_comes_back_with_all_that_was_known() -> None:
    windows = set_aside(8, 2)
    judge(windows, 1, 0.4, 0.0)
    for client in range(100, 110):
        visit(windows, client)
    (slot,) = visit(windows, 1)
    assert windows.state.headers["count"][slot] == 2
    assert windows.in_use()[-1] == slot
    for client in range(200, 210):
        visit(windows, client)
    assert name(1) in [windows.name(slot) for slot in windows.in_use()]
    windows.forget(name(1))
    assert windows.strongest(name(1), np.array([True, False])) == 0
    balanced(windows)


def test_places_aside_are_few_and_a_suspect_who_leaves_is_counted() -> None:
    windows = set_aside(8, 2)
    for client in range(1, 6):
        judge(windows, client, 0.3, 0.0)
    for client in range(100, 120):
        visit(windows, client)
    known = [windows.name(slot) for slot in windows.in_use()]
    assert known[:2] == [name(4), name(5)], "the latest two"
    assert (windows.lost, windows.evicted) == (3, 17)
    again = set_aside(8, 2)
    again.load(windows.dump())
    assert [again.name(slot) for slot in again.in_use()] == known
    assert (again.lost, again.evicted) == (3, 17)
    for client in (4, 300, 301, 5):
        assert visit(again, client) is not None
        visit(windows, client)
    assert all(np.array_equal(a, b) for a, b in zip(windows.dump().values(), again.dump().values(), strict=True))


def test_who_comes_again_after_leaving_begins_anew() -> None:
    windows = Windows(ROWS, 2, 2, 1)
    visit(windows, 1, 1, 1, 2)
    windows.peak[:] = 0.9
    windows.state.trails[:] = 7
    visit(windows, 3)  # 1 leaves
    assert [windows.name(slot) for slot in windows.in_use()] == [name(2), name(3)]
    (slot,) = visit(windows, 1)  # 2 leaves
    assert windows.state.headers["count"][slot] == 1
    assert windows.peak[slot] == 0
    assert not windows.state.trails[slot].any()
    assert windows.evicted == 2


def test_growth_comes_in_steps_and_ends_at_the_ceiling() -> None:
    windows = Windows(ROWS, 2, 600, 1)
    sizes = set()
    for client in range(1000):
        visit(windows, client)
        sizes.add(len(windows.state.headers))
    assert sizes == {SLOT_STEP, 2 * SLOT_STEP, 600}
    assert len(windows) == 600
    assert windows.evicted == 400
    balanced(windows)


def test_memory_stops_growing_when_all_places_are_taken() -> None:
    windows = Windows(ROWS, 2, 300, 1)
    for client in range(300):
        visit(windows, *[client] * (PAGES * PAGE))
    full = windows.nbytes
    for client in range(300, 500):
        visit(windows, *[client] * (PAGES * PAGE))
    assert windows.nbytes <= full * 1.05


def test_groups_are_kept_with_their_clients() -> None:
    windows = Windows(OPAQUE, 0, 10, 0)
    slots = windows.slots([name(1), name(2)], [name(9), b""])
    assert windows.groups[slots].tolist() == [list(name(9)), list(NONE)]


@pytest.mark.parametrize(
    ("kind", "columns"), [(OPAQUE, 0), (DENSE, 0), (TEXT, 0), *((ROWS, n) for n in (0, 1, 12, 64, 256))]
)
def test_a_client_stays_under_its_ceiling(kind: int, columns: int) -> None:
    sketch = sketch_bytes(kind, columns)
    pages = window_pages(kind, sketch)
    ceiling = CEILING.get(kind, OTHER_CEILING)
    assert 1 <= pages <= PAGES
    assert FIXED + pages * PAGE * (ENTRY.itemsize + sketch) <= ceiling
    windows = Windows(kind, columns, 10, 25)
    visit(windows, *[1] * (2 * PAGES * PAGE))
    state = windows.state
    held = int((state.pages[0] >= 0).sum())
    assert held == pages
    per_client = (windows.names, windows.groups, windows.last, windows.capital, windows.peak, *state[:4])
    fixed = sum(array.nbytes for array in per_client) // len(state.headers)
    page = (state.entries.nbytes + state.sketches.nbytes + state.free.nbytes) // len(state.entries)
    assert fixed + held * page <= ceiling


def test_what_a_header_and_an_entry_take() -> None:
    assert (ENTRY.itemsize, HEADER.itemsize) == (64, 100)


def test_dump_and_load_are_a_round_trip() -> None:
    windows = Windows(TEXT, 0, 50, 2)
    random = np.random.default_rng(0)
    visit(windows, *random.integers(0, 40, 400).tolist())
    used = windows.in_use()
    windows.peak[used], windows.last[used], windows.capital[used] = 0.25, 125, 0.125
    again = Windows(TEXT, 0, 50, 2)
    again.load(windows.dump())
    balanced(again)
    assert again.queries == windows.queries == 400
    first, second = windows.dump(), again.dump()
    assert first.keys() == second.keys()
    assert all(np.array_equal(first[key], second[key]) for key in first)
    visit(windows, 3, 99, 4)
    visit(again, 3, 99, 4)
    assert all(np.array_equal(a, b) for a, b in zip(windows.dump().values(), again.dump().values(), strict=True))


def test_a_dump_of_nothing_can_be_loaded() -> None:
    again = Windows(DENSE, 0, 50, 2)
    again.load(Windows(DENSE, 0, 50, 2).dump())
    assert (len(again), again.queries) == (0, 0)


def test_a_dump_that_does_not_fit_is_refused() -> None:
    windows = Windows(ROWS, 3, 50, 1)
    visit(windows, 1, 2, 3)
    with pytest.raises(ValueError, match="ceiling is 2"):
        Windows(ROWS, 3, 2, 1).load(windows.dump())
    with pytest.raises(ValueError, match="another shape"):
        Windows(ROWS, 4, 50, 1).load(windows.dump())
    cut = windows.dump()
    with pytest.raises(ValueError, match="another shape"):
        Windows(ROWS, 3, 50, 1).load(cut | {"entries": cut["entries"][:1]})

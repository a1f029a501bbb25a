"""What was put in is found, anything else hardly ever; files that are torn or foreign are refused."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.sketch.dense import DenseSketcher
from detectors.sketch.fingerprints import Collection, Fingerprints, FingerprintsRefused, digest_of, unpacked
from detectors.sketch.queries import DENSE, OPAQUE, ROWS, TEXT, RowSketches
from detectors.sketch.rows import RowSketcher

SECRET = bytes(range(32))
SKETCHER = RowSketcher(SECRET)
WHOLE = 1 << 63
MANY = 3_000 if os.environ.get("NUMBA_DISABLE_JIT") == "1" else 300_000


def hashes(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(1, 2**63, count).astype(np.uint64)


def of_whole(exact: np.ndarray, kind: int = TEXT) -> Fingerprints:
    collection = Collection()
    collection.add_whole(kind, exact)
    return collection.finished()


def of_rows(rows: list[dict[str, object]]) -> Fingerprints:
    collection = Collection()
    collection.add_rows(SKETCHER.sketch(rows)[0])
    return collection.finished()


def look_up(made: Fingerprints, rows: list[dict[str, object]]) -> list[int]:
    """What the fingerprints say of rows with the same columns."""
    sketches = SKETCHER.sketch(rows)[0]
    width = len(rows[0])
    return made.rows(sketches.name[:width], sketches.value.reshape(-1, width)).tolist()


def column_of(name: str, row: dict[str, object]) -> int:
    """The place of a column in a sketch of that row."""
    names = SKETCHER.sketch([row])[0].name.tolist()
    return names.index(int(SKETCHER.sketch([{name: 0}])[0].name[0]))


@given(st.lists(st.integers(1, 2**64 - 1), min_size=1, max_size=300))
def test_whatever_was_put_in_is_found(exact: list[int]) -> None:
    known = np.array(exact, np.uint64)
    made = of_whole(known)
    assert (made.whole(known, np.zeros(len(known), np.uint64)) == np.uint64(WHOLE)).all()
    assert made.hashes == len(set(exact))
    assert made.records == len(exact)


ROW = st.fixed_dictionaries({"a": st.integers(0, 9), "b": st.text(max_size=3), "c": st.booleans()})


@given(st.lists(ROW, min_size=1, max_size=30), st.sampled_from("abc"), st.integers(10, 99))
@settings(max_examples=50)
def test_rows_are_found_whole_and_but_for_each_column(rows: list[dict[str, object]], column: str, value: int) -> None:
    made = of_rows(rows)
    assert [found >> 63 for found in look_up(made, rows)] == [1] * len(rows)
    moved = [row | {column: value} for row in rows]
    bit = 1 << column_of(column, rows[0])
    assert all(found & bit for found in look_up(made, moved))


def test_a_moved_column_is_told_from_the_others() -> None:
    row = {"a": 1, "b": "x", "c": 2.5}
    made = of_rows([row])
    (found,) = look_up(made, [row | {"b": "y"}])
    assert found == 1 << column_of("b", row)
    assert look_up(made, [row]) == [WHOLE | 0b111]
    assert look_up(made, [{"a": 2, "b": "y", "c": 2.5}]) == [0]


def test_a_row_without_a_column_is_another_record_than_one_that_never_had_it() -> None:
    long, short = {"a": 1, "b": "x"}, {"a": 1}
    assert look_up(of_rows([long]), [short]) == [0]
    assert look_up(of_rows([short]), [long]) == [0]


def test_of_many_columns_the_first_63_are_left_out() -> None:
    row = {f"c{i}": i for i in range(70)}
    made = of_rows([row])
    assert look_up(made, [row]) == [2**64 - 1]
    assert made.hashes == 64
    names = SKETCHER.sketch([row])[0].name.tolist()
    late = next(name for name in row if names.index(int(SKETCHER.sketch([{name: 0}])[0].name[0])) == 63)
    assert look_up(made, [row | {late: -1}]) == [0]


def test_others_are_found_by_chance_in_two_of_ten_thousand() -> None:
    made = of_whole(hashes(MANY // 10))
    found = made.whole(hashes(MANY, seed=1), np.zeros(MANY, np.uint64)) != 0
    assert found.mean() < 0.001
    assert made.by_chance < 0.0005
    assert abs(found.mean() - made.by_chance) < 5 * np.sqrt(made.by_chance / MANY) + 1e-4
    assert made.words.nbytes < 2.6 * made.hashes


def test_dense_inputs_are_found_by_their_coarse_copy_too() -> None:
    pictures = np.random.default_rng(3).integers(0, 256, (5, 8, 8))
    sketcher, starts = DenseSketcher(SECRET), np.arange(5) * 64
    shapes = [(8, 8)] * 5
    collection = Collection()
    collection.add_dense(*sketcher.sketch((pictures / 255).astype(np.float32).ravel(), starts, shapes))
    made = collection.finished()
    assert made.shapes == {(DENSE, 31, ())}
    asked, exact = sketcher.sketch(pictures.astype(np.float32).ravel(), starts, shapes)
    assert (made.whole(exact, asked.coarse) == np.uint64(WHOLE)).all()
    assert (made.whole(exact, np.zeros(5, np.uint64)) == 0).all()
    assert (made.whole(np.zeros(5, np.uint64), np.zeros(5, np.uint64)) == 0).all(), "not known is never found"


def test_shapes_are_those_that_came() -> None:
    collection = Collection()
    collection.add_rows(SKETCHER.sketch([{"a": 1}, {"a": 2, "b": 1}])[0])
    collection.add_whole(OPAQUE, np.zeros(3, np.uint64))
    collection.add_dense(*DenseSketcher(SECRET).sketch(np.zeros(0, np.float32), np.zeros(0, np.int64), []))
    assert {(kind, width) for kind, width, _ in collection.finished().shapes} == {(ROWS, 1), (ROWS, 2)}
    assert collection.records == 2
    nothing = Collection()
    nothing.add_rows(RowSketches(*(np.zeros(n, kind) for n, kind in ((1, "i8"), (0, "u4"), (0, "u8"), (0, "u1")))))
    made = nothing.finished()
    assert (made.records, made.hashes, made.by_chance) == (0, 0, 0)


def packed(made: Fingerprints | None = None) -> bytes:
    return (of_rows([{"a": 1, "b": "x"}]) if made is None else made).packed(SECRET, "1:abc", "credit")


def test_a_file_comes_back_and_is_the_same_for_other_orders() -> None:
    rows: list[dict[str, object]] = [{"a": i, "b": f"x{i}"} for i in range(40)]
    content = packed(of_rows(rows))
    assert content == packed(of_rows(rows[::-1]))
    back = unpacked(content, SECRET, "1:abc", "credit").ready()
    assert back.digest == digest_of(content)
    assert replace(back, digest="", words=None) == replace(of_rows(rows), words=None)  # type: ignore[arg-type]
    assert look_up(back, rows) == look_up(of_rows(rows), rows)


@pytest.mark.parametrize(
    ("what", "content"),
    [
        ("no file of", b""),
        ("no file of", b"PK\3\4" + packed()),
        ("cut off", packed()[:9]),
        ("cut off", packed()[:60]),
        ("cut off", packed()[:-1]),
        ("cut off", packed() + b"\0"),
        ("cut off", packed().replace(b'"blocks":', b'"blockz":')),
        ("cut off", packed().replace(b'"blocks":1', b'"blocks":[')),
        ("version 2", packed()[:8] + b"\2\0" + packed()[10:]),
        ("checksum", packed()[:-40] + bytes([packed()[-40] ^ 1]) + packed()[-39:]),
        ("checksum", packed().replace(b'"records":1', b'"records":2')),
    ],
)
def test_torn_files_are_refused(what: str, content: bytes) -> None:
    with pytest.raises(FingerprintsRefused, match=what):
        unpacked(content, SECRET, "1:abc", "credit")


@given(st.integers(0, len(packed()) - 1), st.integers(1, 255))
def test_no_damaged_byte_goes_unseen(at: int, flip: int) -> None:
    damaged = bytearray(packed())
    damaged[at] ^= flip
    with pytest.raises(FingerprintsRefused):
        unpacked(bytes(damaged), SECRET, "1:abc", "credit")


def test_a_file_from_before_keys_of_sketches_had_names_of_their_own_is_read() -> None:
    assert unpacked(packed(), SECRET, "abc", "credit").records == unpacked(packed(), SECRET, "1:abc", "credit").records


def test_foreign_files_are_refused() -> None:
    with pytest.raises(FingerprintsRefused, match="made with the key '1:abc', and the key here is 'abd'"):
        unpacked(packed(), SECRET, "abd", "credit")
    with pytest.raises(FingerprintsRefused, match="another name"):
        unpacked(packed(), SECRET, "1:abc", "fraud")
    with pytest.raises(FingerprintsRefused, match="another name"):
        unpacked(packed(), bytes(32), "1:abc", "credit")

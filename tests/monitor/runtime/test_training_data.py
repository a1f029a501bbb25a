"""Training data in every form gives the hashes that the decoder makes of the same records in a log."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import recorded

from detectors.sketch.fingerprints import Fingerprints
from detectors.sketch.queries import Queries
from monitor.config.trouble import Trouble
from monitor.engine.step import shapes
from monitor.engine.training import Training
from monitor.record.decode import Decoder
from monitor.record.limits import Limits
from monitor.runtime.training import Wish, gather
from monitor.sources.protocol import Progress

KEYS = recorded.KEYS
WHOLE = np.uint64(1 << 63)


def ignore(_: Progress) -> None:
    pass


def made(path: Path, report: Callable[[Progress], None] = ignore, **wish: Any) -> Fingerprints:
    return gather(path, "credit", KEYS, Limits(), Wish(**wish), report).collection.finished()


def asked(inputs: list[Any]) -> Queries:
    lines = [
        json.dumps({"client": "a", "model": "credit", "time": 1_795_255_200_000, "input": one}).encode()
        for one in inputs
    ]
    found = Decoder(KEYS).decode(recorded.raw(lines))
    assert not found.rejected
    return found.queries


def hits(known: Fingerprints, inputs: list[Any]) -> list[bool]:
    """Which of the inputs, as a log has them, the model was trained on."""
    queries = asked(inputs)
    of, which = shapes(queries)
    out = np.zeros(len(queries), bool)
    for number, shape in enumerate(of):
        index = np.flatnonzero(which == number)
        found = Training(known).hits(queries, index, (shape.kind, shape.width, shape.columns))
        out[index] = found >> np.uint64(63) if len(found) else False
    return out.tolist()


CSV = """age,zip,race,income,student,note,outcome
41,00123,white,52000.0,true,,yes
7,12345,"black, or not",1e3,FALSE,"a ''word''",no

.5,02139,other,,True,x,no
"""
ROWS = [
    {"age": 41, "zip": "00123", "race": "white", "income": 52000, "student": True, "note": ""},
    {"age": 7.0, "zip": "12345", "race": "black, or not", "income": 1000.0, "student": False, "note": "a ''word''"},
    {"age": 0.5, "zip": "02139", "race": "other", "income": None, "student": True, "note": "x"},
]


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_a_table(tmp_path: Path) -> None:
    path = write(tmp_path, "train.csv", CSV)
    known = made(path, without=frozenset({"outcome"}))
    assert known.records == 3
    assert hits(known, [{"columns": row} for row in ROWS]) == [True] * 3
    strangers = [ROWS[0] | {"age": 42}, ROWS[0] | {"age": "41"}, ROWS[0] | {"income": None}]
    assert hits(known, [{"columns": row} for row in strangers]) == [False] * 3
    taken = gather(path, "credit", KEYS, Limits(), Wish(without=frozenset({"outcome"})), ignore).columns
    assert taken == dict(zip(ROWS[0], ("numbers", "texts", "texts", "numbers", "truths", "texts"), strict=True)) | {
        "outcome": "left out"
    }


def test_numbers_that_are_codes(tmp_path: Path) -> None:
    path = write(tmp_path, "train.csv", "﻿age,code\n41,77\n")
    row = {"columns": {"age": 41, "code": "77"}}
    assert hits(made(path), [row]) == [False]
    assert hits(made(path, text=frozenset({"code"})), [row]) == [True]


def test_rows_that_are_sent_as_vectors(tmp_path: Path) -> None:
    path = write(tmp_path, "train.csv", "a,b,c,d,e,y\n1,2,3,4,0.5,yes\n")
    known = made(path, without=frozenset({"y"}), vector=True)
    assert hits(known, [{"vector": [1, 2, 3, 4, 0.5]}, {"vector": [2, 1, 3, 4, 0.5]}]) == [True, False]
    with pytest.raises(Trouble, match="no vectors"):
        made(path, vector=True)


def test_lines_of_inputs_and_of_records(tmp_path: Path) -> None:
    tensor = {"tensor": {"shape": [2, 1, 5], "data": [1, 2, 3, 4, 5, 6, 7, 8, 9, 0], "batch": True}}
    lines: list[Any] = [
        {"columns": ROWS[0]},
        {"vector": [1, 2, 3]},
        {"text": "a tale"},
        {"digest": "beef"},
        {"model": "credit", "input": {"columns": ROWS[1]}, "client": "x"},
        {"model": {"name": "credit"}, "inputs": [{"text": "two"}, {"text": "three"}, None]},
        {"model": "fraud", "input": {"text": "another model's"}},
        {"model": {"name": "fraud"}, "inputs": [{"text": "another model's"}]},
        {"input": tensor},
        {"input": None},
    ]
    content = "".join(json.dumps(line) + "\n" for line in lines).encode()
    for path in (write(tmp_path, "t.ndjson", content), write(tmp_path, "t.jsonl.gz", gzip.compress(content))):
        found = gather(path, "credit", KEYS, Limits(), Wish(), ignore)
        known = found.collection.finished()
        assert (known.records, found.others) == (9, 2)
        mine = [{"columns": ROWS[0]}, {"vector": [1, 2, 3]}, {"text": "a tale"}, {"digest": "beef"}]
        mine += [{"columns": ROWS[1]}, {"text": "two"}, {"text": "three"}, {"vector": [6, 7, 8, 9, 0]}]
        assert hits(known, mine) == [True] * 8
        assert hits(known, [{"text": "another model's"}, {"vector": [3, 2, 1]}, {"columns": ROWS[2]}]) == [False] * 3


def test_bytes_are_taken_as_they_are_and_over_255(tmp_path: Path) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (3, 6, 6)).astype(np.uint8)
    np.savez(tmp_path / "train.npz", x=pictures)
    known = made(tmp_path / "train.npz")
    assert known.records == 6
    flat = pictures[1].ravel().tolist()
    written = [
        {"tensor": {"shape": [6, 6], "datatype": "UINT8", "data": flat}},
        {"vector": flat},
        {"vector": [value / 255 for value in flat]},
        {"tensor": {"shape": [1, 6, 6], "data": [value / 127.5 - 1 for value in flat]}},
        {"vector": [255 - value for value in flat]},
    ]
    assert hits(known, written) == [True, True, True, True, False]


def test_arrays_of_floats_and_which_of_several(tmp_path: Path) -> None:
    numbers = np.array([[1.5, 2, 3], [4, 5, 6]])
    np.savez(tmp_path / "train.npz", x_train=numbers, y=np.array([0, 1]))
    assert hits(made(tmp_path / "train.npz", array="x_train"), [{"vector": [1.5, 2, 3]}]) == [True]
    with pytest.raises(Trouble) as problem:
        made(tmp_path / "train.npz")
    assert "x_train, y" in problem.value.mend
    with pytest.raises(Trouble, match="no array x"):
        made(tmp_path / "train.npz", array="x")


def test_large_data_reports_how_far_it_is(tmp_path: Path) -> None:
    table = write(tmp_path, "a.csv", "a,b\n" + "".join(f"{i},x\n" for i in range(25_000)))
    seen: list[Progress] = []
    assert made(table, seen.append).records == 25_000
    assert [done.read <= (done.total or 0) for done in seen] == [True, True]
    np.savez(tmp_path / "a.npz", x=np.zeros((3, 1 << 19), np.float32) + np.arange(3)[:, None])
    seen.clear()
    assert made(tmp_path / "a.npz", seen.append).records == 3
    assert seen[-1] == Progress(3, 3, "records")
    lines = write(tmp_path, "a.ndjson", '{"text": "a"}\n')
    assert made(lines, seen.append).records == 1


BAD: list[tuple[str, str | bytes, str, str]] = [
    ("a.txt", "a", "not known how to read", ""),
    ("a.csv", "", "does not name the columns", "line 1"),
    ("a.csv", "a,a\n1,2\n", "does not name the columns", "line 1"),
    ("a.csv", "a,\n1,2\n", "does not name the columns", "line 1"),
    ("a.csv", "a,b\n", "no training record", ""),
    ("a.csv", "a,b\n1,2\n\n3\n", "a row has 1 cells, and there are 2 columns", "line 4"),
    ("a.csv", 'a,b\n1,"x"y\n', "it is no CSV", "line 2"),
    ("a.csv", b"a,b\n1,\xff\n", "not UTF-8", ""),
    ("a.csv", "a" * 600 + "\n1\n", "a name with more than 512", "line 2"),
    ("a.ndjson", "", "no training record", ""),
    ("a.ndjson", '{"text": "a"}\n{"text"\n', "JSON in UTF-8 was expected", "line 2"),
    ("a.ndjson", '["Xylophone"]\n', "a JSON object was expected", "line 1"),
    ("a.ndjson", '{"age": 41}\n', "exactly one kind of input", "line 1"),
    ("a.ndjson", '{"vector": ["Xylophone"]}\n', "not as the schema", "line 1"),
    ("a.ndjson", '{"tensor": {"shape": [2], "data": [1]}}\n', "does not fit the shape", "line 1"),
    ("a.ndjson.gz", b"no gzip", "part of the file cannot be read", ""),
    ("a.npz", b"no zip", "no npz file", ""),
    ("a.npz", b"", "no npz file", ""),
]


@pytest.mark.parametrize(("name", "content", "what", "place"), BAD, ids=[f"{one[0]}-{one[2]}" for one in BAD])
def test_what_cannot_be_read_says_where(tmp_path: Path, name: str, content: str | bytes, what: str, place: str) -> None:
    path = write(tmp_path, name, content)
    with pytest.raises(Trouble, match=what) as problem:
        made(path)
    assert problem.value.where == f"{path}: {place}" if place else str(path) in problem.value.where
    assert "Xylophone" not in str(problem.value), "errors do not repeat inputs"


@pytest.mark.parametrize(
    ("array", "what"),
    [
        (np.zeros(5), "1 dimensions"),
        (np.array([["a"]]), "the array is of"),
        (np.zeros((2, 0)), "empty or too large"),
        (np.array([[1.0, np.nan]]), "NaN"),
        (np.array([[None]]), "plain arrays"),
        (np.zeros((0, 3)), "no training record"),
    ],
)
def test_arrays_that_are_no_training_data(tmp_path: Path, array: np.ndarray, what: str) -> None:
    np.savez(tmp_path / "a.npz", x=array)
    with pytest.raises(Trouble, match=what):
        made(tmp_path / "a.npz")


@pytest.mark.parametrize("name", ["a.csv", "a.ndjson", "a.npz"])
def test_a_file_that_is_not_there(tmp_path: Path, name: str) -> None:
    with pytest.raises(Trouble):
        made(tmp_path / name)


def test_a_record_beyond_the_ceiling(tmp_path: Path) -> None:
    path = write(tmp_path, "a.ndjson", '{"text": "a"}\n{"text": "a long tale"}\n')
    with pytest.raises(Trouble, match="too many bytes") as problem:
        gather(path, "credit", KEYS, Limits(record=15), Wish(), ignore)
    assert problem.value.where == f"{path}: line 2"


def test_numbers_of_any_size(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", f"a,b\n{2**64},{'9' * 400}\n{2**64 - 1},x\n")
    rows = [{"a": 2.0**64, "b": "9" * 400}, {"a": 2**64 - 1, "b": "x"}]
    assert hits(made(path), [{"columns": row} for row in rows]) == [True, True]


def test_a_column_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(Trouble, match="no column b") as problem:
        made(write(tmp_path, "a.csv", "a,c\n1,2\n"), without=frozenset({"b"}))
    assert problem.value.mend == "its columns are a, c"

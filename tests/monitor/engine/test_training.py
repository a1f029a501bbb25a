"""What fingerprints say of queries: rows by column, vectors by their coarse copy, texts as a whole, and of whom not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from queries import Query, columns, name16

from detectors.sketch.fingerprints import WHOLE, Collection
from detectors.sketch.queries import DENSE, OPAQUE, TEXT, Queries
from monitor.engine.step import Names, Shape, prepare, shapes
from monitor.engine.training import Training

VECTOR = np.array([3.0, 1.0, 2.0], np.float32)
RECORDS = [
    Query(row={"age": 41, "race": 2}),
    Query(text=[1, 2, 3]),
    Query(exact="a file"),
    Query(dense=VECTOR),
]


def knowing(*evaluators: str) -> Training:
    """Fingerprints of one record of each kind."""
    known, collection = columns(RECORDS), Collection()
    collection.add_rows(known.rows)
    collection.add_dense(known.dense, known.exact[known.kind == DENSE])
    for kind in (TEXT, OPAQUE):
        collection.add_whole(kind, known.exact[known.kind == kind])
    return Training(collection.finished(), frozenset(name16(name) for name in evaluators))


def said(training: Training, asked: list[Query]) -> list[int]:
    """What is said of queries of one shape."""
    queries = columns(asked)
    [shape], _ = shapes(queries)
    return told(training, queries, shape)


def told(training: Training, queries: Queries, shape: Shape) -> list[int]:
    index = np.arange(len(queries))
    found = training.hits(queries, index, (shape.kind, shape.width, shape.columns)).tolist()
    step = prepare(queries, index, shape, Names(9), Names(9), training)
    assert step.trained.tolist() == found, "a step carries it"
    return found


def test_rows_are_known_whole_and_but_for_one_column() -> None:
    [shape], _ = shapes(columns([Query(row={"age": 1, "race": 1})]))
    asked = [{"age": 41, "race": 2}, {"age": 41, "race": 3}, {"age": 40, "race": 2}, {"age": 40, "race": 3}]
    whole, race, age, none = said(knowing(), [Query(row=row) for row in asked])
    assert whole == int(WHOLE) | 0b11
    assert {race, age} == {0b01, 0b10}
    assert none == 0
    assert len(shape.columns) == 2


@pytest.mark.parametrize(
    ("known", "other"),
    [
        ({"text": [1, 2, 3]}, {"text": [1, 2, 4]}),
        ({"exact": "a file"}, {"exact": "another"}),
        ({"dense": VECTOR}, {"dense": VECTOR + 1}),
    ],
)
def test_other_inputs_are_known_as_a_whole(known: dict[str, Any], other: dict[str, Any]) -> None:
    assert said(knowing(), [Query(**other), Query(**known)]) == [0, int(WHOLE)]


def test_what_was_never_trained_on_in_that_shape_is_not_asked_about() -> None:
    assert said(knowing(), [Query(row={"age": 41})]) == []
    assert said(knowing(), [Query(dense=np.ones(9, np.float32))]) == []


def test_a_coarse_copy_of_a_vector_is_known_too() -> None:
    known, collection = columns([RECORDS[3]]), Collection()
    known.dense.coarse[:] = 77
    collection.add_dense(known.dense, known.exact)
    queries = columns([Query(dense=VECTOR, exact="written with other digits"), Query(dense=VECTOR, exact="different")])
    queries.dense.coarse[0] = 77
    [shape], _ = shapes(queries)
    assert told(Training(collection.finished()), queries, shape) == [int(WHOLE), 0]


def test_the_owners_evaluation_is_not_held_against_it() -> None:
    asked = [Query(client=name, exact="a file") for name in ("nightly", "mallory", "nightly")]
    assert said(knowing("nightly"), asked) == [0, int(WHOLE), 0]
    assert said(knowing(), asked) == [int(WHOLE)] * 3

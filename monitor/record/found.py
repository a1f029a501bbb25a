"""What was found in the records of a batch, as columns: queries whose inputs are not sketched yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from math import prod
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from detectors.sketch.queries import rows_of
from monitor.record.gathering import MANY, Answer, Gathering, Input, Query

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns of one length: arrays, lists, or columns themselves."""

    def take(self, rows: Ints) -> Self:
        """Some rows, in any order."""
        return replace(self, **{field.name: _some(getattr(self, field.name), rows) for field in fields(self)})

    def followed(self, others: Sequence[Self]) -> Self:
        """These rows, and behind them those of the others."""
        given = {field.name: [getattr(one, field.name) for one in (self, *others)] for field in fields(self)}
        return replace(self, **{name: _all(columns) for name, columns in given.items()})


def _some(column: Any, rows: Ints) -> Any:
    return column.take(rows) if isinstance(column, Columns) else rows_of(column, rows)


def _all(columns: list[Any]) -> Any:
    first, *others = columns
    if isinstance(first, Columns):
        return first.followed(others)
    return [one for column in columns for one in column] if type(first) is list else np.concatenate(columns)


@dataclass(frozen=True, slots=True)
class Heads(Columns):
    """What queries of one record share; columns as in `Queries`, of the model its name."""

    time: Ints
    client: list[bytes]
    group: list[bytes]
    address: list[bytes]
    model: list[str]
    version: Ints
    status: Ints
    latency: Floats
    tokens: Floats
    flags: Ints
    bias: Ints


@dataclass(frozen=True, slots=True)
class Inputs(Columns):
    """Inputs: what `Input` says of one. Rows of which nothing is `given` lie in a table of the gathering, that of
    number `store` - 1, at `start`."""

    kind: NDArray[np.uint8]
    given: list[Any]
    store: Ints
    start: Ints

    @classmethod
    def of(cls, inputs: Sequence[Input]) -> Self:
        """Inputs that were read one by one, batches apart."""
        kind, given, store, start, many = zip(*inputs, strict=True) if inputs else [()] * 5
        read = cls(np.array(kind, np.uint8), list(given), np.array(store, np.int64), np.array(start, np.int64))
        if max(many, default=1) == 1:
            return read
        owner, number = _counted(np.array(many, np.int64))
        sizes = np.array([prod(one) if own > 1 else 0 for one, own in zip(given, many, strict=True)], np.int64)
        apart = read.take(owner)
        return replace(apart, start=apart.start + number * sizes[owner])


@dataclass(frozen=True, slots=True)
class Answers(Columns):
    """Answers: what `Answer` says of one, where scores start being `first` and where they stop `last`. `names` is the
    place of a list of names in the gathering (-1: classes are numbers)."""

    label: NDArray[np.uint64]
    first: Ints
    last: Ints
    names: Ints
    classes: Ints
    text: list[str]
    logprobs: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Found(Columns):
    """Queries: the `place` of the record in its batch, and the query's `number` within the record."""

    place: Ints
    number: Ints
    heads: Heads
    inputs: Inputs
    answers: Answers

    def __len__(self) -> int:
        return len(self.place)


def one_by_one(read: Sequence[tuple[int, Query]], gathering: Gathering) -> Found:
    """The queries of records that were read one by one, each with the record's place."""
    places, queries = zip(*read, strict=True) if read else ((), ())
    heads, inputs, answers = zip(*queries, strict=True) if queries else ((), (), ())
    many = np.array([sum(one[MANY] for one in several) for several in inputs], np.int64)
    owner, number = _counted(many)
    return Found(
        place=np.array(places, np.int64)[owner],
        number=number,
        heads=_heads(heads).take(owner),
        inputs=Inputs.of([one for several in inputs for one in several]),
        answers=_answers(answers, many, gathering),
    )


def _counted(many: Ints) -> tuple[Ints, Ints]:
    """Of so many each: whose each is, and which of its own."""
    owner = np.repeat(np.arange(len(many)), many)
    return owner, np.arange(len(owner)) - (np.cumsum(many) - many)[owner]


def _heads(heads: Sequence[Any]) -> Heads:
    time, client, group, address, model, version, status, latency, tokens, flags, bias = (
        zip(*heads, strict=True) if heads else [()] * 11
    )
    return Heads(
        time=np.array(time, np.int64),
        client=list(client),
        group=list(group),
        address=list(address),
        model=list(model),
        version=np.array(version, np.int64),
        status=np.array(status, np.int64),
        latency=np.array(latency, np.float64),
        tokens=np.array(tokens, np.float64),
        flags=np.array(flags, np.int64),
        bias=np.array(bias, np.int64),
    )


def _answers(answers: Sequence[list[Answer]], many: Ints, gathering: Gathering) -> Answers:
    """The answers to so many queries of each record; one that stands alone is that of all of them."""
    every = [one for several in answers for one in several]
    label, first, last, names, classes, text, logprobs = zip(*every, strict=True) if every else [()] * 7
    read = Answers(
        label=np.array(label, np.uint64),
        first=np.array(first, np.int64),
        last=np.array(last, np.int64),
        names=gathering.add_names(names),
        classes=np.array(classes, np.int64),
        text=list(text),
        logprobs=np.array(logprobs, np.bool_),
    )
    own = np.array([len(one) for one in answers], np.int64)
    return read if (own == many).all() else read.take(np.repeat(np.arange(len(every)), np.repeat(many // own, own)))


def joined(parts: Sequence[Found]) -> Found:
    """The queries of all parts, of which there is one at least, in the order of their records."""
    first, *others = [part for part in parts if len(part)] or parts[:1]
    if not others:
        return first
    found = first.followed(others)
    return found.take(np.argsort(found.place, kind="stable"))

"""What a model's records look like, learnt from a sample: the kind of input, its ranges, the form of answers."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import orjson
from numpy.typing import NDArray

from monitor.console.drills.families import DENSE, ROWS, TEXT

Floats = NDArray[np.float64]
Json = dict[str, Any]

SAMPLE: Final = 400  # records of one model that are kept
MODELS: Final = 16  # models that are looked at
FEWEST: Final = 12  # records from which a model can be drilled
_TYPES: Final = {"UINT8": np.uint8, "FP32": np.float32, "FP64": np.float64, "INT8": np.int8, "INT32": np.int32}


@dataclass(frozen=True, slots=True)
class Column:
    """One column of rows: its values (categories), or the range of its numbers and whether they are whole."""

    name: str
    values: tuple[Any, ...]
    low: float
    high: float
    whole: bool


@dataclass(frozen=True, slots=True)
class Answers:
    """The form of a model's answers: names of its classes, and which parts the log has."""

    labels: tuple[str, ...]
    probabilities: type[list[Any]] | type[dict[str, Any]] | None
    confidence: bool
    labelled: bool


@dataclass(frozen=True)
class Template:
    """A model as its records show it. `inputs` (n, d): dense inputs between 0 and 1 of their range, or rows with
    categories as numbers; `scores` (n, classes): the logarithms of its answers."""

    model: str
    version: str | None
    kind: str
    inputs: Floats
    scores: Floats
    answers: Answers
    shape: tuple[int, ...] = ()
    form: Json = field(default_factory=dict)
    columns: tuple[Column, ...] = ()
    sensitive: tuple[int, ...] = ()
    low: float = 0.0
    high: float = 1.0

    def written(self, row: Floats) -> Json:
        """An input as a record has it."""
        if self.kind == ROWS:
            return {
                "columns": {column.name: _cell(column, value) for column, value in zip(self.columns, row, strict=True)}
            }
        values = self.low + np.clip(row, 0.0, 1.0) * (self.high - self.low)
        if "tensor" in self.form:
            return {"tensor": {**self.form["tensor"], "data": _packed(self.form["tensor"], values)}}
        name = next(iter(self.form))
        return {name: [round(value, 6) for value in values.tolist()]}


def templates(payloads: Iterable[bytes], sensitive: Mapping[str, Sequence[str]]) -> dict[str, Template]:
    """The models that a log has records of, by name. Records that cannot be read, or carry sketches, tell nothing."""
    kept: dict[str, list[Json]] = {}
    for payload in payloads:
        record = _read(payload)
        if record is None:
            continue
        name = _name(record["model"])
        if name in kept or len(kept) < MODELS:
            sample = kept.setdefault(name, [])
            if len(sample) < SAMPLE:
                sample.append(record)
    made = {name: _template(name, sample, sensitive.get(name, ())) for name, sample in kept.items()}
    return {name: one for name, one in made.items() if one is not None}


def _read(payload: bytes) -> Json | None:
    try:
        tree = orjson.loads(payload)
        record = tree["data"] if isinstance(tree, dict) and "specversion" in tree else tree
        fits = isinstance(record, dict) and isinstance(record["input"], dict) and _name(record["model"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return None
    return record if fits and int(record.get("status") or 200) < 400 else None  # refusals have no answer to learn from


def _name(model: Any) -> str:
    return str(model["name"] if isinstance(model, dict) else model)


def _template(name: str, sample: Sequence[Json], sensitive: Sequence[str]) -> Template | None:
    version = sample[-1]["model"].get("version") if isinstance(sample[-1]["model"], dict) else None
    for part in ("columns", "tensor", "vector", "embedding"):
        own = [record for record in sample if isinstance(record["input"].get(part), dict | list)]
        if len(own) >= FEWEST and 2 * len(own) > len(sample):
            return _rows(name, version, own, sensitive) if part == "columns" else _dense(name, version, own, part)
    texts = sum("text" in record["input"] or "messages" in record["input"] for record in sample)
    if texts >= FEWEST:
        none = np.zeros((0, 0))
        return Template(name, version, TEXT, none, none, Answers((), None, False, False))
    return None


def _dense(name: str, version: str | None, sample: Sequence[Json], part: str) -> Template | None:
    read = [(record, _numbers(record["input"][part])) for record in sample]
    widths = Counter(len(numbers) for _, numbers in read if numbers is not None)
    if not widths:
        return None
    width = widths.most_common(1)[0][0]
    own = [(record, numbers) for record, numbers in read if numbers is not None and len(numbers) == width]
    values = np.stack([numbers for _, numbers in own])
    low, high = float(values.min()), float(values.max())
    if width < 4 or high <= low or len(own) < FEWEST:
        return None
    form = own[0][0]["input"][part]
    shape = tuple(form["shape"]) if part == "tensor" else (width,)
    kept = {part: {key: value for key, value in form.items() if key != "data"} if part == "tensor" else []}
    scores, answers = _answers([record for record, _ in own])
    inputs = (values - low) / (high - low)
    return Template(name, version, DENSE, inputs, scores, answers, shape, kept, low=low, high=high)


def _numbers(given: Any) -> Floats | None:
    """The numbers of a dense input; None where they cannot be read."""
    try:
        if isinstance(given, list):
            return np.array(given, np.float64)
        data = given["data"]
        if isinstance(data, str):
            return np.frombuffer(b64decode(data), _TYPES[given.get("datatype", "FP32")]).astype(np.float64)
        return np.array(data, np.float64)
    except (KeyError, TypeError, ValueError):
        return None


def _packed(form: Json, values: Floats) -> str:
    kind = _TYPES[form.get("datatype", "FP32")]
    whole = np.issubdtype(kind, np.integer)
    return b64encode((np.rint(values) if whole else values).astype(kind).tobytes()).decode()


def _rows(name: str, version: str | None, sample: Sequence[Json], sensitive: Sequence[str]) -> Template:
    names = Counter(tuple(record["input"]["columns"]) for record in sample).most_common(1)[0][0]
    own = [record for record in sample if tuple(record["input"]["columns"]) == names]
    columns = tuple(_column(name, [record["input"]["columns"][name] for record in own]) for name in names)
    rows = [[_coded(column, record["input"]["columns"][column.name]) for column in columns] for record in own]
    scores, answers = _answers(own)
    marked = tuple(at for at, column in enumerate(columns) if column.name in sensitive and len(column.values) > 1)
    return Template(name, version, ROWS, np.array(rows, np.float64), scores, answers, columns=columns, sensitive=marked)


def _column(name: str, seen: Sequence[Any]) -> Column:
    numbers = [value for value in seen if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(numbers) < len(seen):
        values = sorted({value for value in seen if value is not None}, key=str)
        return Column(name, tuple(values) or (None,), 0.0, max(len(values) - 1, 1), True)
    whole = all(float(value).is_integer() for value in numbers)
    return Column(name, (), float(min(numbers)), float(max(numbers)), whole)


def _coded(column: Column, value: Any) -> float:
    if not column.values:
        return float(value)
    return float(column.values.index(value)) if value in column.values else 0.0


def _cell(column: Column, value: float) -> Any:
    if column.values:
        return column.values[round(value) % len(column.values)]
    return round(value) if column.whole else round(float(value), 3)


def _answers(sample: Sequence[Json]) -> tuple[Floats, Answers]:
    """The logarithms of the answers, (n, classes), and their form. Without answers there are two classes of nothing."""
    outputs = [record.get("output") or {} for record in sample]
    first: Any = next((one["probabilities"] for one in outputs if one.get("probabilities")), None)
    labelled = [str(one["label"]) for one in outputs if one.get("label") is not None]
    if isinstance(first, dict):
        labels = tuple(sorted(first))
        rows = [[(one.get("probabilities") or {}).get(name, 0.0) for name in labels] for one in outputs]
    elif isinstance(first, list):
        labels = _names(outputs, len(first))
        blank = [0.0] * len(first)
        given = [one.get("probabilities") for one in outputs]
        rows = [one if isinstance(one, list) and len(one) == len(first) else blank for one in given]
    else:
        labels = tuple(sorted(set(labelled))) or ("0", "1")
        rows = [[float(str(one.get("label")) == name) for name in labels] for one in outputs]
    if len(labels) < 2:
        labels, rows = (*labels, "other"), [[*row, 0.0] for row in rows]
    form = None if first is None else type(first)
    sure = any(one.get("confidence") is not None for one in outputs)
    return np.log(np.clip(np.array(rows, np.float64), 1e-3, 1.0)), Answers(labels, form, sure, bool(labelled))


def _names(outputs: Sequence[Json], classes: int) -> tuple[str, ...]:
    """The label that goes with each place of a list of probabilities."""
    told: dict[int, Counter[str]] = {}
    for one in outputs:
        if isinstance(one.get("probabilities"), list) and one.get("label") is not None:
            told.setdefault(int(np.argmax(one["probabilities"])), Counter())[str(one["label"])] += 1
    return tuple(told[at].most_common(1)[0][0] if at in told else str(at) for at in range(classes))

"""Training data to fingerprints: the records of a file, read and sketched as the same records in a log would be."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from detectors.sketch.fingerprints import Collection
from detectors.sketch.queries import DENSE, OPAQUE, TEXT
from monitor.config.sources import FileSettings
from monitor.config.trouble import Trouble
from monitor.record.envelope import parse
from monitor.record.found import Inputs
from monitor.record.gathering import Gathering, Input
from monitor.record.hashes import Hashes
from monitor.record.inputs import InputSketcher
from monitor.record.keys import Keys
from monitor.record.limits import Limits
from monitor.record.read_input import InputReader
from monitor.record.refusal import Refused, Unfamiliar
from monitor.runtime.arrays import array_inputs
from monitor.runtime.tables import Table, table_rows
from monitor.sources.files import FileSource
from monitor.sources.protocol import Progress, Quarantined
from monitor.sources.reading import everything

Report = Callable[[Progress], None]

_CHUNK: Final = 2_048  # records that are sketched at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """How training data is to be read: columns of a CSV file that are texts though they look like numbers, columns
    that the service is never sent, rows as vectors; and which array of an npz file."""

    text: frozenset[str] = frozenset()
    without: frozenset[str] = frozenset()
    vector: bool = False
    array: str | None = None


@dataclass(slots=True)
class Gathered:
    """What was read: the fingerprints so far, records of other models that were passed over, and how the columns of a
    CSV file were taken."""

    collection: Collection = field(default_factory=Collection)
    others: int = 0
    columns: dict[str, str] = field(default_factory=dict)


def gather(path: Path, model: str, keys: Keys, limits: Limits, wish: Wish, report: Report) -> Gathered:
    """The training records of a file, CSV, NDJSON (also compressed) or npz; Trouble where one cannot be read."""
    reader = _Reader(keys, limits)
    suffixes = path.suffixes[-2:]
    if suffixes[-1:] == [".csv"]:
        table = Table.look(path, wish.text, wish.without, wish.vector)
        reader.found.columns = table.kinds
        reader.read(_placed(path, table_rows(table, report)))
    elif suffixes[-1:] == [".npz"]:
        for gathering, inputs in array_inputs(path, wish.array, limits, report):
            reader.sketch(gathering, inputs)
    elif {".ndjson", ".jsonl"} & set(suffixes):
        reader.read(_objects(path, model, limits, reader.found, report))
    else:
        mend = "give a file that ends in .csv, .ndjson, .jsonl (these two also .gz or .zst), or .npz"
        raise Trouble(what="it is not known how to read this file", where=str(path), mend=mend)
    if not reader.found.collection.records:
        mend = f"give the data on which {model} was trained, under the name of the model that the records have"
        raise Trouble(what="there is no training record in it", where=str(path), mend=mend)
    return reader.found


class _Reader:
    """Reads and sketches inputs, some thousands at a time."""

    def __init__(self, keys: Keys, limits: Limits) -> None:
        self.found = Gathered()
        self._sketcher = InputSketcher(keys.sketches, Hashes(keys.sketches))
        self._limits, self._epoch = limits, keys.epoch

    def read(self, given: Iterable[tuple[str, Any]]) -> None:
        """Inputs as records have them, each with its place."""
        gathering, inputs = Gathering(), list[Input]()
        reader = InputReader(gathering, self._limits, (self._epoch,))
        reader.bare_words = True  # not scanned for: look at every number
        for place, one in given:
            try:
                inputs.append(reader.read(one))
            except Refused as refusal:
                raise _unreadable(place, refusal.detail) from None
            except (Unfamiliar, KeyError, TypeError):
                raise _unreadable(place, "input: not as the schema of a record says") from None
            if len(inputs) >= _CHUNK:
                self.sketch(gathering, inputs)
                gathering, inputs = Gathering(), []
                reader = InputReader(gathering, self._limits, (self._epoch,))
        self.sketch(gathering, inputs)

    def sketch(self, gathering: Gathering, inputs: list[Input]) -> None:
        """Add inputs whose numbers lie in the gathering."""
        if not inputs:
            return
        made, collection = self._sketcher.sketch(Inputs.of(inputs), gathering), self.found.collection
        collection.add_rows(made.rows)
        collection.add_dense(made.dense, made.exact[made.kind == DENSE])
        for kind in (TEXT, OPAQUE):
            collection.add_whole(kind, made.exact[made.kind == kind])


def _placed(path: Path, rows: Iterable[tuple[int, dict[str, Any]]]) -> Iterator[tuple[str, Any]]:
    return ((f"{path}: line {line}", row) for line, row in rows)


def _objects(path: Path, model: str, limits: Limits, found: Gathered, report: Report) -> Iterator[tuple[str, Any]]:
    """The inputs in the lines of a file, with their places: of whole records, or bare. Records of another model are
    passed over, and counted."""
    source = FileSource(FileSettings(paths=(path,)))
    line = 0
    for arrival in everything(source):
        if isinstance(arrival, Quarantined):
            raise _unreadable(str(path), f"a part of the file cannot be read: {arrival.reason}")
        for payload in arrival.payloads:
            line += 1
            place = f"{path}: line {line}"
            record = _parsed(payload, limits, place)
            if not _of_model(record, model):
                found.others += 1
                continue
            several = record.get("inputs")
            for one in several if type(several) is list else [record.get("input", record)]:
                yield place, one
        report(source.progress())


def _parsed(payload: bytes, limits: Limits, place: str) -> dict[str, Any]:
    if len(payload) > limits.record:
        raise _unreadable(place, "record: too many bytes")
    try:
        record = parse(payload)
    except Refused as refusal:
        raise _unreadable(place, refusal.detail) from None
    if type(record) is not dict:
        raise _unreadable(place, "record: a JSON object was expected")
    return record


def _of_model(record: dict[str, Any], model: str) -> bool:
    """Whether a record is of that model; bare inputs name none and are."""
    of = record.get("model")
    if "input" not in record and "inputs" not in record:
        return True
    return of is None or (of.get("name") if type(of) is dict else of) == model


def _unreadable(place: str, what: str) -> Trouble:
    mend = "write it as a record would have it (see the page about records), or leave the line out"
    return Trouble(what=f"a training record cannot be read: {what}", where=place, mend=mend)

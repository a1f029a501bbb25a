"""Reads a scene: clients' streams, the truth about them, and what may be learnt from."""

from __future__ import annotations

import base64
import io
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson
import zstandard
from numpy.typing import NDArray
from traffic.clock import DAY, START, Days

from rivals.contract import Floats, Lesson, Sort, Stream, Vectors
from rivals.encode import Columns, Components, Semantics, sample, word_counts

SUFFIX: Final = ".ndjson.zst"
#: Fewer training records than this do not show what is ordinary.
FEWEST: Final = 200
LEARNT: Final = START + Days().learning * DAY


@dataclass(frozen=True, slots=True)
class Truth:
    """What the labels file says of one client. `begins` is how many of its queries came before its attack."""

    name: str
    kind: str
    family: str
    attack: bool
    unseen: bool
    variant: str
    campaign: str
    part: str
    begins: int


@dataclass(frozen=True, slots=True)
class Scene:
    """One scene: `learnt` is how many queries of each client lie in the learning days, `encoding` what the encoder
    costs, in microseconds a query."""

    name: str
    streams: Sequence[Stream]
    truths: Sequence[Truth]
    learnt: Sequence[int]
    lesson: Lesson
    encoding: float

    @property
    def queries(self) -> int:
        """Queries in all."""
        return sum(map(len, self.streams))


@dataclass(slots=True)
class Reading:
    """Queries as they are read, in order of time. Pixels are kept as bytes at once, in `pixels`: scenes are large."""

    clients: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    labels: list[Any] = field(default_factory=list)
    chances: list[Any] = field(default_factory=list)
    digests: list[int] = field(default_factory=list)
    inputs: list[dict[str, Any]] = field(default_factory=list)
    pixels: bytearray = field(default_factory=bytearray)
    shape: tuple[int, ...] = ()

    def take(self, record: dict[str, Any]) -> None:
        """One more record; training records have an input alone."""
        output = record.get("output", {})
        self.clients.append(record.get("client", {}).get("id", ""))
        self.times.append(datetime.fromisoformat(record["time"]).timestamp() if "time" in record else 0.0)
        self.labels.append(output.get("label"))
        self.chances.append(output.get("probabilities"))
        self.digests.append(int.from_bytes(blake2b(orjson.dumps(record["input"]), digest_size=8).digest()))
        tensor = record["input"].get("tensor")
        if tensor is None:
            self.inputs.append(record["input"])
            return
        self.shape = tuple(tensor["shape"])
        self.pixels += picture(tensor)

    def pictures(self) -> NDArray[np.uint8]:
        """Pixels (n, height, width, channels); all tensors have one shape."""
        shape = self.shape if len(self.shape) == 3 else (*self.shape, 1)
        return np.frombuffer(self.pixels, np.uint8).reshape(len(self.times), *shape)


def lines(path: Path) -> Iterator[bytes]:
    """Lines of a packed file."""
    with path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as plain:
        yield from io.BufferedReader(plain)


def read(log: Path) -> Scene:
    """Read SCENE.ndjson.zst, SCENE.labels.json and, where it is there, SCENE.training.ndjson.zst beside it."""
    stem = log.name.removesuffix(SUFFIX)
    reading, training = Reading(), Reading()
    for line in lines(log):
        reading.take(orjson.loads(line))
    known = log.with_name(f"{stem}.training{SUFFIX}")
    for line in lines(known) if known.is_file() else ():
        training.take(orjson.loads(line))
    labels = orjson.loads(log.with_name(f"{stem}.labels.json").read_bytes())
    return assemble(stem, reading, training, labels)


def assemble(name: str, reading: Reading, training: Reading, labels: dict[str, dict[str, Any]]) -> Scene:
    """Encode, and cut into clients."""
    early = np.array(reading.times) < LEARNT
    sort, make = inputs_of(reading, early)
    whole, encoding = make(reading)
    of = np.unique(reading.clients, return_inverse=True)
    order = np.argsort(of[1], kind="stable")
    ends = np.cumsum(np.bincount(of[1])).tolist()
    distinct = np.unique(whole.digests[early], return_index=True)[1]
    enough = len(training.times) >= FEWEST
    ordinary = make(training)[0] if enough else whole.part(np.flatnonzero(early)[np.sort(distinct)])
    whole = whole.part(order)
    streams = [whole.part(slice(begin, end)) for begin, end in zip([0, *ends], ends, strict=False)]
    truths = [_truth(str(who), labels[str(who)], one.times) for who, one in zip(of[0], streams, strict=True)]
    learnt = [int((stream.times < LEARNT).sum()) for stream in streams]
    honest = [
        stream.part(slice(0, count))
        for stream, truth, count in zip(streams, truths, learnt, strict=True)
        if count and not truth.attack
    ]
    return Scene(name, streams, truths, learnt, Lesson(sort, _shuffled(ordinary), honest), encoding)


def _shuffled(stream: Stream) -> Stream:
    return stream.part(np.random.default_rng(5).permutation(len(stream)))


def _truth(name: str, label: dict[str, Any], times: Floats) -> Truth:
    begun = label.get("attack_from")
    begins = int(np.searchsorted(times, datetime.fromisoformat(begun).timestamp() - 1e-6)) if begun else 0
    return Truth(
        name=name,
        kind=label["kind"],
        family=label["family"] or "",
        attack=label["attack"],
        unseen=label["unseen"],
        variant=label["variant"],
        campaign=label.get("campaign", ""),
        part=label["part"],
        begins=begins,
    )


Maker = Callable[[Reading], tuple[Stream, float]]


def inputs_of(reading: Reading, early: NDArray[np.bool_]) -> tuple[Sort, Maker]:
    """What sort of inputs these are, and what makes streams of them; fitted on the learning days."""
    classes, names = _codes(reading.labels), _names(reading.chances)

    def stream(of: Reading, codes: Vectors, seconds: float, **more: Any) -> tuple[Stream, float]:
        labels = np.array([classes.get(str(label), -1) for label in of.labels], np.int64)
        digests = np.array(of.digests, np.uint64)
        one = Stream(np.array(of.times), labels, _table(of.chances, names), digests, codes, **more)
        return one, 1e6 * seconds / max(1, len(codes))

    if reading.pixels:
        components = Components.fit(_unit(reading.pictures()[sample(np.flatnonzero(early))]))

        def seen(of: Reading) -> tuple[Stream, float]:
            pixels = of.pictures()
            return stream(of, *_timed(lambda: _encoded(components, pixels)), pixels=pixels)

        return "image", seen
    learnt = [reading.inputs[place] for place in np.flatnonzero(early).tolist()]
    if "text" in learnt[0] or "messages" in learnt[0]:
        semantics = Semantics.fit(word_counts(map(prompt_of, learnt)))
        return "text", lambda of: stream(of, *_timed(lambda: semantics(word_counts(map(prompt_of, of.inputs)))))
    columns = Columns.fit([cells_of(one) for one in learnt])
    spread = Components.fit(columns([cells_of(one) for one in learnt]))

    def rows(of: Reading) -> tuple[Stream, float]:
        dense, one = _timed(lambda: columns([cells_of(row) for row in of.inputs]))
        codes, two = _timed(lambda: spread(dense))
        return stream(of, codes, one + two, dense=dense)

    return "table", rows


def _timed(what: Callable[[], Vectors]) -> tuple[Vectors, float]:
    started = time.process_time()
    return what(), time.process_time() - started


def _unit(pixels: NDArray[np.uint8]) -> Vectors:
    return pixels.reshape(len(pixels), -1).astype(np.float32) / np.float32(255)


def _encoded(components: Components, pixels: NDArray[np.uint8]) -> Vectors:
    """In pieces: all pictures at once as floats would take four times the memory."""
    pieces = [components(_unit(pixels[start : start + 4096])) for start in range(0, len(pixels), 4096)]
    return np.concatenate(pieces) if pieces else components(_unit(pixels))


def prompt_of(one: dict[str, Any]) -> str:
    """What is asked: the text, or the last turn of a conversation."""
    return str(one["text"] if "text" in one else one["messages"][-1]["content"])


def cells_of(one: dict[str, Any]) -> dict[str, Any]:
    """Columns by name; those of a vector are its places."""
    if "columns" in one:
        return dict(one["columns"])
    return {f"{place:04}": value for place, value in enumerate(one["vector"])}


def picture(tensor: dict[str, Any]) -> bytes:
    """The bytes of one picture; fractions 0..1 become bytes.

    >>> picture({"datatype": "FP32", "data": [0.0, 0.5, 1.0]})
    b'\\x00\\x80\\xff'
    """
    kind = {"UINT8": "u1", "FP32": "<f4", "FP64": "<f8"}[tensor["datatype"]]
    data = tensor["data"]
    values = np.frombuffer(base64.b64decode(data), kind) if isinstance(data, str) else np.array(data, kind)
    return bytes(values if kind == "u1" else np.clip(np.rint(values * 255), 0, 255).astype(np.uint8))


def _codes(labels: Sequence[Any]) -> dict[str, int]:
    return {label: place for place, label in enumerate(sorted({str(label) for label in labels if label is not None}))}


def _names(chances: Sequence[Any]) -> list[Any]:
    first: Any = next((one for one in chances if one is not None), [])
    return sorted(first) if isinstance(first, dict) else list(range(len(first)))


def _table(chances: Sequence[Any], names: Sequence[Any]) -> Floats:
    table = np.full((len(chances), len(names)), np.nan)
    for line, one in enumerate(chances):
        if one is not None:
            table[line] = [one[name] for name in names]
    return table

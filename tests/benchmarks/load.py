"""The loads of the benchmarks: native records of four kinds of input, whose volumes over clients follow Zipf's law."""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heapify, heapreplace
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson
import zstandard
from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import NewTopic
from numpy.typing import NDArray

NUMBERS: Final = 48
SIDE: Final = 28
COLUMNS: Final = 12
LETTERS: Final = 500
CLASSES: Final = 10
CHUNK: Final = 5_000
BATCH: Final = 1 << 18
KINDS: Final = {
    "vectors": "48 numbers and 10 probabilities, about 700 bytes",
    "images": "28x28 images, UINT8 in base64, and 10 probabilities",
    "tables": "12 columns, numbers and words, and two probabilities",
    "prompts": "prompts of 500 characters and a short answer",
}
CODECS: Final = ("zstd", "lz4", "none")
WORDS: Final = tuple(
    word
    for line in (
        "time year people way day man thing woman life child world school state family student group country problem",
        "hand part place case week company system program question work government number night point home water room",
        "mother area money story fact month lot right study book eye job word business issue side kind head house",
        "service friend father power hour game line end member law car city community name president team minute idea",
    )
    for word in line.split()
)


@dataclass(frozen=True, slots=True)
class Shape:
    """What a load is made of. `gap` is milliseconds of event time between two records; `partitions` and `codec` are
    those of the topic."""

    kind: str = "vectors"
    clients: int = 10_000
    partitions: int = 4
    codec: str = "zstd"
    gap: float = 20.0

    @property
    def name(self) -> str:
        """How it stands in tables and among the saved figures.

        >>> Shape().name, Shape("images", clients=1_000_000, codec="lz4").name
        ('vectors', 'images, 1,000,000 clients, lz4')
        """
        usual = Shape()
        parts = [self.kind]
        parts += [f"{self.clients:,} clients"] if self.clients != usual.clients else []
        parts += [f"{self.partitions} partition{'s'[: self.partitions > 1]}"] if self.partitions != 4 else []
        return ", ".join(parts + ([self.codec] if self.codec != usual.codec else []))


USUAL: Final = Shape()


def records(count: int, shape: Shape = USUAL, seed: int = 1) -> Iterator[tuple[int, bytes]]:
    """So many records, each with the number of its client; of now, as the log's own time is, which may not differ
    much."""
    first = int(time.time() * 1000)
    rng = np.random.default_rng(seed)
    heaps = np.cumsum(volumes(shape.clients))
    make = _MAKERS[shape.kind]
    for start in range(0, count, CHUNK):
        n = min(CHUNK, count - start)
        clients = np.searchsorted(heaps, rng.random(n)).tolist()
        for i, (client, parts) in enumerate(zip(clients, make(rng, n), strict=True)):
            yield client, orjson.dumps(_record(shape, start + i, first, client, parts))


def volumes(clients: int) -> NDArray[np.float64]:
    """The share of each client in all records, by Zipf's law."""
    shares = 1 / np.arange(1, clients + 1)
    return shares / shares.sum()


def _record(shape: Shape, at: int, first: int, client: int, parts: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": f"request-{at:09d}",
        "time": first + int(at * shape.gap),
        "client": {"id": f"key-{client}", "group": f"tenant-{client % 50}", "address": f"203.0.113.{client % 250}"},
        "model": {"name": shape.kind, "version": "1"},
        **parts,
        "status": 200,
        "latency_ms": 12.5,
    }


def _answers(rng: np.random.Generator, n: int) -> list[list[float]]:
    return rng.dirichlet(np.full(CLASSES, 0.3), n).round(4).tolist()


def _vectors(rng: np.random.Generator, n: int) -> Iterator[dict[str, Any]]:
    inputs = rng.normal(size=(n, NUMBERS)).round(4).tolist()
    for numbers, answer in zip(inputs, _answers(rng, n), strict=True):
        yield {"input": {"vector": numbers}, "output": {"probabilities": answer}, "request": {"top_k": CLASSES}}


def _images(rng: np.random.Generator, n: int) -> Iterator[dict[str, Any]]:
    """Strokes of grey on black: a fifth of the pixels is not 0, as with handwritten digits."""
    grey = rng.integers(1, 256, (n, SIDE, SIDE), np.uint8)
    ink = grey * (rng.random((n, SIDE, SIDE)) < 0.2)
    for image, answer in zip(ink.astype(np.uint8), _answers(rng, n), strict=True):
        data = b64encode(image.tobytes()).decode()
        tensor = {"shape": [SIDE, SIDE, 1], "datatype": "UINT8", "data": data}
        yield {"input": {"tensor": tensor}, "output": {"probabilities": answer}}


def _tables(rng: np.random.Generator, n: int) -> Iterator[dict[str, Any]]:
    counts, words = rng.integers(0, 100, (n, 5)).tolist(), rng.integers(0, 12, (n, 4)).tolist()
    amounts, sure = rng.gamma(2.0, 2e4, (n, 3)).round(2).tolist(), rng.random(n).round(4).tolist()
    for some, named, paid, yes in zip(counts, words, amounts, sure, strict=True):
        columns: dict[str, Any] = {f"count_{at}": value for at, value in enumerate(some)}
        columns |= {f"word_{at}": WORDS[value + 12 * at] for at, value in enumerate(named)}
        columns |= {f"amount_{at}": value for at, value in enumerate(paid)}
        answer = {"label": "yes" if yes > 0.5 else "no", "probabilities": {"yes": yes, "no": round(1 - yes, 4)}}
        yield {"input": {"columns": columns}, "output": answer}


def _prompts(rng: np.random.Generator, n: int) -> Iterator[dict[str, Any]]:
    share = volumes(len(WORDS))
    for row in rng.choice(len(WORDS), (n, LETTERS // 4), p=share).tolist():
        text = " ".join(WORDS[at] for at in row)[:LETTERS]
        request = {"temperature": 0.7, "max_tokens": 256}
        yield {"input": {"text": text}, "output": {"text": text[40:140]}, "request": request}


_MAKERS: Final = {"vectors": _vectors, "images": _images, "tables": _tables, "prompts": _prompts}


def write_file(path: Path, count: int, shape: Shape = USUAL) -> int:
    """The records as a log in a file, packed with zstd; the bytes of all of them, unpacked."""
    size = 0
    with path.open("wb") as file, zstandard.ZstdCompressor(level=3).stream_writer(file) as packed:
        for _, record in records(count, shape):
            size += packed.write(record + b"\n")
    return size


def placed(clients: int, partitions: int) -> list[int]:
    """The partition of each client, so that partitions get the same share of the records, as near as can be.

    >>> placed(7, 2)
    [0, 1, 1, 1, 0, 1, 0]
    """
    loads = [(0.0, number) for number in range(partitions)]
    heapify(loads)
    found = []
    for share in volumes(clients).tolist():
        load, number = loads[0]
        heapreplace(loads, (load + share, number))
        found.append(number)
    return found


def make_topic(bootstrap: str, topic: str, partitions: int) -> None:
    """An empty topic."""
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    admin.create_topics([NewTopic(name=topic, num_partitions=partitions, replication_factor=1)])
    admin.close()


def fill_topic(bootstrap: str, topic: str, count: int, shape: Shape = USUAL) -> None:
    """Make a topic and send the records; all of a client go into one partition."""
    make_topic(bootstrap, topic, shape.partitions)
    place = placed(shape.clients, shape.partitions)
    producer = KafkaProducer(
        bootstrap_servers=bootstrap,
        compression_type=None if shape.codec == "none" else shape.codec,
        linger_ms=50,
        batch_size=BATCH,
        acks="all",
    )
    for client, record in records(count, shape):
        producer.send(topic, key=f"key-{client}".encode(), value=record, partition=place[client])
    producer.flush()
    producer.close()


def remove_topic(bootstrap: str, topic: str) -> None:
    """Give the broker its disk back."""
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    admin.delete_topics([topic])
    admin.close()

"""From a record to its finding: a real daemon under steady load, and how long it takes until the finding is there.

A producer sends 5,000 records a second to a real Kafka, and among them the queries of clients who probe, one new one
after the other, so that findings come all the time. The record's own time and the log's are the moment of sending. A
finding's `@timestamp` (`updated_at`) is the event time of the record that opened it; of each finding its opening
counts. In Elasticsearch a document is there when a search right after a refresh finds it, four times a second: that is
the figure; `event.ingested`, which the ingest pipeline sets, comes earlier and is told beside it. Without --search a
file takes the findings and is looked at fifty times a second. The first seconds, in which learning begins, do not
count. All clocks are those of one machine.
"""

from __future__ import annotations

import argparse
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import numpy as np
import orjson
from elasticsearch import Elasticsearch, NotFoundError
from goals import Report, at_most
from installed import REPOSITORY, Daemon
from kafka import KafkaProducer
from load import Shape, make_topic, records, remove_topic
from printed import table

from monitor.config.sinks import ElasticsearchSettings
from monitor.siem.install import install
from monitor.siem.wire import Wire
from monitor.sinks.bulk import stream_name

RATE: Final = 5_000
SEARCH_BAR: Final = 2.0  # seconds, the 99th percentile
FILE_BAR: Final = 1.0
ENOUGH: Final = 100  # findings for a 99th percentile
PARTITIONS: Final = 4
PROBES: Final = 60  # queries of a prober
AT_ONCE: Final = 50  # probers at work at any time
SHARE: Final = 0.1  # of the records are probes
SLICE: Final = 0.01  # seconds: what the producer sends at once
PATIENCE: Final = 120.0
RACES: Final = ("white", "black", "other")
UNSENT: Final = b"1000000000000"  # stands for the time of sending
SETTINGS: Final = """
[source.kafka]
brokers = ["{kafka}"]
topics = ["{topic}"]
group = "{topic}"
[runtime]
state = "{folder}/state"
[engine]
storm = 1000000
[engine.known.credit]
sensitive_columns = ["race"]
[health]
port = 0
"""
SEARCH_SINK: Final = """
[sinks.search]
type = "elasticsearch"
hosts = ["{search}"]
namespace = "{topic}"
"""
FILE_SINK: Final = """
[sinks.file]
type = "file"
path = "{folder}/alerts.ndjson"
"""


@dataclass(frozen=True, slots=True)
class Sent:
    """What the producer did: records, and seconds since 1970 at which it began and ended."""

    records: int
    begun: float
    ended: float

    @property
    def rate(self) -> float:
        """Records a second."""
        return self.records / (self.ended - self.begun)


@dataclass(frozen=True, slots=True)
class Arrived:
    """One finding: when its record came and when it was there, and, of the search server, when it was taken in; seconds
    since 1970."""

    record: float
    there: float
    ingested: float | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """One pass: where findings went, what was sent, what came, and the daemon's unread records at the end."""

    where: str
    sent: Sent
    arrived: list[Arrived]
    settled: float
    lag: float

    @property
    def delays(self) -> list[float]:
        """Seconds from record to finding, of those that count."""
        return [one.there - one.record for one in self.arrived if one.record >= self.settled]


def probes(seed: int) -> Iterator[tuple[str, bytes]]:
    """Queries of clients who move one sensitive column of record after record, of another model than the ordinary ones;
    as many at once as said, a new one for each that has ended."""
    rng = np.random.default_rng(seed)
    born = 0
    at_work: list[tuple[str, int, int]] = []
    while True:
        while len(at_work) < AT_ONCE:
            at_work.append((f"prober-{born}", int(rng.integers(1 << 30)), PROBES + born % 7))
            born += 1
        place = int(rng.integers(AT_ONCE))
        name, base, left = at_work[place]
        yield name, _probe(name, base, left)
        if left > 1:
            at_work[place] = (name, base, left - 1)
        else:
            del at_work[place]


def _probe(name: str, base: int, left: int) -> bytes:
    row, value = divmod(left, len(RACES))
    columns = {"income": base + row, "age": 20 + (base + row) % 60, "race": RACES[value], "hispanic": "no"}
    return orjson.dumps(
        {
            "id": f"{name}-{left}",
            "time": int(UNSENT),
            "client": {"id": name},
            "model": {"name": "credit", "version": "1"},
            "input": {"columns": columns},
            "output": {"probabilities": {"yes": 0.4, "no": 0.6}},
            "status": 200,
        }
    )


def mixed(count: int) -> list[tuple[int, bytes]]:
    """So many records, with the number of the partition of each; the time of sending is still to be set."""
    ordinary, probing = records(count, Shape()), probes(3)
    rng, mix = np.random.default_rng(9), []
    for is_probe in (rng.random(count) < SHARE).tolist():
        if is_probe:
            name, line = next(probing)
            mix.append((int(name.removeprefix("prober-")) % PARTITIONS, line))
        else:
            client, line = next(ordinary)
            head, _, tail = line.partition(b'"time":')
            mix.append((client % PARTITIONS, head + b'"time":' + UNSENT + tail[len(UNSENT) :]))
    return mix


def produce(kafka: str, topic: str, rate: int, seconds: float) -> Sent:
    """Sends at that rate, a hundred times a second; each record tells the moment of its sending."""
    mix = mixed(int(rate * seconds))
    producer = KafkaProducer(bootstrap_servers=kafka, compression_type="zstd", linger_ms=5, batch_size=1 << 16)
    step, begun = int(rate * SLICE), time.time()
    for start in range(0, len(mix), step):
        time.sleep(max(0.0, begun + start / rate - time.time()))
        now = int(time.time() * 1_000)
        for partition, line in mix[start : start + step]:
            producer.send(topic, line.replace(UNSENT, b"%d" % now, 1), partition=partition, timestamp_ms=now)
    ended = time.time()
    producer.flush()
    producer.close()
    return Sent(len(mix), begun, ended)


class SearchLook:
    """Looks at what a search finds right after a refresh."""

    every = 0.25

    def __init__(self, search: str, namespace: str) -> None:
        self._client, self._stream = Elasticsearch(search), stream_name(namespace)
        self._seen: set[str] = set()
        self._newest = "1970-01-01T00:00:00Z"

    def __call__(self) -> list[Arrived]:
        """Findings that were not there at the look before."""
        self._client.indices.refresh(index=self._stream, ignore_unavailable=True)
        since = {"range": {"event.ingested": {"gte": f"{self._newest}||-5s"}}}
        answer = self._client.search(
            index=self._stream,
            ignore_unavailable=True,
            size=10_000,
            query={"bool": {"filter": [since, {"term": {"event.sequence": 1}}]}},
            source=["@timestamp", "event.ingested"],
        )
        now, found = time.time(), []
        for hit in answer["hits"]["hits"]:
            if hit["_id"] not in self._seen:
                self._seen.add(hit["_id"])
                ingested = hit["_source"]["event"]["ingested"]
                self._newest = max(self._newest, ingested)
                found.append(Arrived(_seconds(hit["_source"]["@timestamp"]), now, _seconds(ingested)))
        return found


class FileLook:
    """Looks at what has been appended to the file."""

    every = 0.02

    def __init__(self, file: Path) -> None:
        self._file, self._at = file, 0

    def __call__(self) -> list[Arrived]:
        """Findings that were not there at the look before."""
        if not self._file.exists():
            return []
        with self._file.open("rb") as opened:
            opened.seek(self._at)
            lines = opened.read()
        now, whole = time.time(), lines[: lines.rfind(b"\n") + 1]
        self._at += len(whole)
        trees = map(orjson.loads, whole.splitlines())
        return [Arrived(_seconds(tree["updated_at"]), now) for tree in trees if tree["revision"] == 1]


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


def measure(kafka: str, search: str | None, rate: int, seconds: float, settle: float) -> Measured:
    """One pass with a daemon of its own."""
    topic = f"bench{uuid4().hex[:8]}"  # names the data stream too, where a hyphen would part it
    make_topic(kafka, topic, PARTITIONS)
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "probewatch.toml"
        given = {"kafka": kafka, "search": search, "topic": topic, "folder": folder}
        config.write_text((SETTINGS + (FILE_SINK if search is None else SEARCH_SINK)).format(**given))
        look: Callable[[], list[Arrived]] = FileLook(Path(folder) / "alerts.ndjson")
        if search is not None:
            with Wire(ElasticsearchSettings(type="elasticsearch", hosts=(search,), timeout_s=60)) as wire:
                install(wire, topic)
            look = SearchLook(search, topic)
        try:
            with running(config, Path(folder) / "log") as daemon:
                sent, arrived = _watched(look, kafka, topic, rate, settle + seconds)
                lag = daemon.metric("probewatch_lag_records")
        finally:
            remove_topic(kafka, topic)
            if search is not None:
                with suppress(NotFoundError):
                    Elasticsearch(search).indices.delete_data_stream(name=stream_name(topic))
    return Measured("a file" if search is None else "Elasticsearch", sent, arrived, sent.begun + settle, lag)


@contextmanager
def running(config: Path, log: Path) -> Iterator[Daemon]:
    """A daemon, ready; it is ended in order."""
    daemon = Daemon(REPOSITORY, config, log)
    try:
        end = time.monotonic() + PATIENCE
        while daemon.page("/readyz")[0] != 200:
            if time.monotonic() > end:
                raise RuntimeError(f"the daemon is not ready: {daemon.lines()[-3:]}")
            time.sleep(0.1)
        yield daemon
    finally:
        daemon.process.send_signal(signal.SIGTERM)
        daemon.process.wait(PATIENCE)


def _watched(look: Any, kafka: str, topic: str, rate: int, seconds: float) -> tuple[Sent, list[Arrived]]:
    """Sends from a process of its own, and looks meanwhile and a few seconds longer."""
    arrived: list[Arrived] = []
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        sending = pool.submit(produce, kafka, topic, rate, seconds)
        end = float("inf")
        while time.monotonic() < end:
            begun = time.monotonic()
            arrived += look()
            if sending.done() and end == float("inf"):
                end = time.monotonic() + 5 * SEARCH_BAR
            time.sleep(max(0.0, begun + look.every - time.monotonic()))
        return sending.result(), arrived


def percentiles(delays: Sequence[float]) -> list[float]:
    """Median, 95th, 99th percentile and the longest; NaN of nothing.

    >>> percentiles([1.0, 1.0, 1.0])
    [1.0, 1.0, 1.0, 1.0]
    """
    return [float(np.percentile(delays, one)) if len(delays) else float("nan") for one in (50, 95, 99, 100)]


def report(rate: int, passes: Sequence[Measured]) -> Report:
    """Delays of each pass."""
    rows, figures, goals = [], {}, []
    for one in passes:
        delays = one.delays
        taken = [each.ingested - each.record for each in one.arrived if each.ingested and each.record >= one.settled]
        for name, of in ((one.where, delays), (f"{one.where}, event.ingested", taken)):
            if of:
                rows.append([name, f"{one.sent.rate:,.0f}", len(of), *(f"{each:.2f}" for each in percentiles(of)),
                             f"{one.lag:,.0f}"])  # fmt: skip
        last = percentiles(delays)[2] if len(delays) >= ENOUGH else None
        bar = FILE_BAR if one.where == "a file" else SEARCH_BAR
        goals.append(at_most(f"99 % within {bar:g} s in {one.where}, at {rate:,} records/s", bar, last, "{:.2f} s"))
        if last is not None:
            figures[f"{one.where}, p99 s"] = last
            figures[f"{one.where}, median s"] = percentiles(delays)[0]
    heads = ("findings in", "sent, records/s", "findings", "median, s", "95 %, s", "99 %, s", "longest, s", "unread")
    text = f"# From record to finding, at {rate:,} records a second\n\n{table(heads, rows)}"
    tree = {one.where: {"rate": one.sent.rate, "lag": one.lag, "delays": one.delays} for one in passes}
    return Report("latency", text, figures, goals, tree, lambda: draw(passes))


def draw(passes: Sequence[Measured]) -> Any:
    """The share of findings that were there after so many seconds."""
    import drawing

    figure, axis = drawing.plt.subplots(figsize=(7, 3.4), layout="constrained")
    for one, ink in zip(passes, (drawing.OURS, drawing.COOL), strict=False):
        delays = np.sort(one.delays)
        axis.step(delays, (np.arange(len(delays)) + 1) / max(len(delays), 1), where="post", color=ink, label=one.where)
    axis.axhline(0.99, color=drawing.FAINT, lw=0.8)
    axis.set(ylim=(0, 1.02), xlim=(0, None), xlabel="seconds from the record to the finding")
    axis.set_title("Share of findings that were there")
    axis.legend(loc="lower right")
    return figure


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, measure, print and save."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--kafka", metavar="BOOTSTRAP", required=True, help="brokers, host:port")
    asked.add_argument("--search", metavar="URL", help="Elasticsearch without security; without it, a file alone")
    asked.add_argument("--rate", type=int, default=RATE, help="records a second (5,000)")
    asked.add_argument("--seconds", type=float, default=60.0, help="seconds that count (60)")
    asked.add_argument("--settle", type=float, default=20.0, help="seconds before them (20)")
    asked.add_argument("--save", type=Path, metavar="FOLDER", help="keep table and picture there, and the figures")
    wish = asked.parse_args(arguments)
    places = [None] if wish.search is None else [wish.search, None]
    passes = [measure(wish.kafka, place, wish.rate, wish.seconds, wish.settle) for place in places]
    report(wish.rate, passes).finish(wish.save)


if __name__ == "__main__":
    main()

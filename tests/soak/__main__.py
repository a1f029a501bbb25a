"""`python -m soak --hours 2 --rate 400 --out FOLDER`: a producer, Kafka, the daemon, Elasticsearch, faults, samples.

Faults come in turn, every `--fault-minutes`: the line to the search server is cut for a while, the daemon is killed
with -9, the daemon is stopped for longer than its session. At the end the alerts that arrived are compared with those
of a quiet replay of the same log. Exit code 1 where one is missing, doubled or too many, or a curve is not flat.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
import tempfile
import threading
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path

import psutil
from installed import DETECTORS, Daemon, metadata, run
from kafka import KafkaProducer
from probing import records
from services.fixtures import RUNNING
from services.launch import Launch, Server, launch
from watched import Watched, written_at

from monitor.formats.native import parse
from soak.samples import MEASURES, Sample, flat, picture, table

EVERY = 5.0  # seconds between two samples
AWAY, STOPPED = 40.0, 12.0  # seconds that the search server is away; that the daemon stands still
SETTINGS = """
[engine]
clients = 2048
[outbox]
alerts = 1000
"""


class Soak:
    """One run. All records are produced to the log and kept in a file, for the replay."""

    def __init__(self, folder: Path, kafka: str, search: str, rate: float) -> None:
        self.folder, self.rate = folder, rate
        self.package = metadata(folder / "package", DETECTORS)
        self.stage = Watched(folder, self.package, kafka, search, partitions=1, more=SETTINGS)
        self.daemon = self.stage.start()
        self.samples: list[Sample] = []
        self.fault, self.ending = "", threading.Event()
        self.produced = 0

    def produce(self) -> None:
        """Steadily, until told to end."""
        producer = KafkaProducer(bootstrap_servers=self.stage.brokers, linger_ms=50)
        begun = time.monotonic()
        with (self.folder / "log.ndjson").open("wb") as log:
            for _, line in records(1 << 40):
                if self.ending.is_set():
                    break
                producer.send(self.stage.topic, value=line, partition=0, timestamp_ms=written_at(line, 0))
                log.write(line + b"\n")
                self.produced += 1
                if self.produced % 50 == 0:
                    time.sleep(max(0.0, begun + self.produced / self.rate - time.monotonic()))
        producer.flush()
        producer.close()

    def faults(self) -> Iterator[str]:
        """One after the other, each done when it is asked for."""
        for name in itertools.cycle(("search server away", "kill -9", "standing still")):
            yield name
            if name == "search server away":
                self.stage.gate.shut()
                self.ending.wait(AWAY)
                self.stage.gate.open()
            elif name == "kill -9":
                self.daemon.process.kill()
                self.daemon.process.wait()
                self.daemon = self.stage.start()
            else:
                self.daemon.process.send_signal(signal.SIGSTOP)
                self.ending.wait(STOPPED)
                self.daemon.process.send_signal(signal.SIGCONT)

    def disturb(self, minutes: float) -> None:
        """Until told to end, a fault every so many minutes."""
        faults = self.faults()
        while not self.ending.wait(60 * minutes):
            self.fault = next(faults)
        next(faults)  # what is broken is mended before the end

    def sample(self, begun: float) -> None:
        """One look at the daemon; none where it does not answer."""
        fault, self.fault = self.fault, ""
        try:
            process = psutil.Process(self.daemon.process.pid)
            page = numbers(self.daemon)
            memory, handles = process.memory_info().rss / 2**20, process.num_fds()
        except (psutil.Error, OSError, AssertionError, IndexError, KeyError):
            return
        files = (file.stat().st_size for file in (self.folder / "state").rglob("*") if file.is_file())
        names = ("lag_records", "outbox_alerts", "clients", "records_received_total")
        self.samples.append(
            Sample(
                time.monotonic() - begun,
                self.stage.lives,
                memory,
                handles,
                sum(files) / 2**20,
                *(page.get(name, 0.0) for name in names),
                fault=fault,
            )
        )

    def judge(self) -> list[str]:
        """What is wrong: alerts that differ from a quiet replay's, and curves that are not flat."""
        self.stage.finish(self.daemon)
        arrived = set(self.stage.documents())
        done = run(self.package, "replay", self.folder / "log.ndjson", "--config", self.stage.config, "--alerts", "-")
        quiet = {parse(line.encode()).id for line in done.stdout.splitlines()}
        wrong = [f"{len(quiet - arrived)} missing, {len(arrived - quiet)} too many"] if quiet != arrived else []
        print(f"{self.produced:,} records, {len(arrived):,} alerts arrived, {len(quiet):,} of a quiet replay")
        for measure in MEASURES:
            middle, growth, good = flat(self.samples, measure)
            print(f"{measure:12}median {middle:10.1f}{growth:+8.1f} % an hour  {'flat' if good else 'NOT FLAT'}")
            wrong += [] if good else [f"{measure} is not flat"]
        return wrong


def numbers(daemon: Daemon) -> dict[str, float]:
    """Its metrics, summed over labels."""
    found: dict[str, float] = {}
    for line in daemon.page("/metrics")[1].splitlines():
        if line.startswith("probewatch_"):
            name, value = line.rsplit(" ", 1)
            name = name.partition("{")[0].removeprefix("probewatch_")
            found[name] = found.get(name, 0.0) + float(value)
    return found


def main() -> int:
    """Starts the servers, runs, stops them."""
    parser = ArgumentParser(prog="soak")
    parser.add_argument("--hours", type=float, default=2.0)
    parser.add_argument("--rate", type=float, default=400.0, help="records a second")
    parser.add_argument("--fault-minutes", type=float, default=5.0)
    parser.add_argument("--out", type=Path, default=Path("soak-results"))
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="soak-"))
    starting = [server(kind, folder) for kind in RUNNING]
    servers = [one if isinstance(one, Server) else one.ready() for one in starting]
    try:
        soak = Soak(folder, servers[0].address, servers[1].address, given.rate)
        soaked(soak, given.hours, given.fault_minutes)
        given.out.mkdir(parents=True, exist_ok=True)
        table(soak.samples, given.out / "soak.csv")  # before it is judged: whatever comes of that, the curves are kept
        picture(soak.samples, given.out / "soak.png")
        wrong = soak.judge()
    finally:
        for one in servers:
            one.stop()
    print("\n".join(wrong) or "nothing missing, nothing doubled, everything flat")
    return 1 if wrong else 0


def server(kind: str, folder: Path) -> Server | Launch:
    """The one that runs already, by the same variables as in tests; one that is starting otherwise."""
    running = os.environ.get(RUNNING[kind])
    return Server(running) if running else launch(kind, folder / kind)


def soaked(soak: Soak, hours: float, fault_minutes: float) -> None:
    """Runs for so long."""
    begun = time.monotonic()
    threads = [threading.Thread(target=soak.produce), threading.Thread(target=soak.disturb, args=(fault_minutes,))]
    for thread in threads:
        thread.start()
    while time.monotonic() < begun + 3_600 * hours:
        time.sleep(EVERY)
        soak.sample(begun)
    soak.ending.set()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    sys.exit(main())

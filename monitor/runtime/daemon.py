"""`run`: puts the parts together, goes on until a signal comes, and ends in order."""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from threading import Event
from types import FrameType

from monitor.alerts.finding import Finding
from monitor.config.settings import Settings
from monitor.config.trouble import Trouble
from monitor.record.decode import Decoder
from monitor.record.keys import Keys
from monitor.record.limits import Limits
from monitor.record.raw import Partition
from monitor.runtime.accounts import account
from monitor.runtime.engines import engine_maker
from monitor.runtime.fingerprints import digests, load_all
from monitor.runtime.forgetting import load as load_erasures
from monitor.runtime.health import HealthServer, Pulse
from monitor.runtime.judges import judges
from monitor.runtime.keys import key_name, keys_of
from monitor.runtime.learnt import config_hash
from monitor.runtime.lock import only_process
from monitor.runtime.loop import Loop
from monitor.runtime.metrics import Metrics
from monitor.runtime.partitions import EngineMaker, Partitions
from monitor.runtime.paths import audit_path, outbox_path
from monitor.runtime.quiet import tell
from monitor.runtime.reload import Reloader, SinkRenewal
from monitor.runtime.responses import responder
from monitor.runtime.running import announced
from monitor.runtime.shadow import shadow_of
from monitor.runtime.stores import open_store
from monitor.runtime.warmup import settle, warm_up
from monitor.runtime.watch import Clocks, Watch
from monitor.runtime.wiring import open_source
from monitor.sinks.build import build_policies, build_sinks
from monitor.sinks.delivery import Delivery
from monitor.sinks.outbox import Outbox
from monitor.sources.watchdog import Watchdog

log = logging.getLogger(__name__)


def run(settings: Settings, reread: Callable[[], Settings]) -> bool:
    """Watches until SIGTERM or SIGINT comes or the source ends, then saves, commits, and gives the sinks their time.
    SIGHUP has it take over what `reread` gives.

    False where a part broke and the process should be started anew. Trouble where something has to be mended first.
    """
    keys, metrics, clocks = keys_of(settings.keys), Metrics(), Clocks(time.monotonic, time.time)
    pulse = Pulse(clocks.steady, settings.health.stall_seconds)
    known = load_all(settings.engine, keys)
    decoder = Decoder(keys, Limits.of(settings.records), judges(settings.engine), load_erasures(settings, keys))
    make = engine_maker(settings, keys, known)
    config = config_hash(settings, digests(known))
    with ExitStack() as stack:
        executor = stack.enter_context(ThreadPoolExecutor(1, "snapshots"))
        partitions = _partitions(settings, keys, make, config, clocks, metrics, executor)
        stack.enter_context(only_process(settings.runtime.state))
        account(audit_path(settings), settings, keys.epoch)
        outbox = Outbox(outbox_path(settings), list(settings.sinks), settings.outbox)
        stack.callback(outbox.close)

        def mine(finding: Finding) -> bool:
            return _read_here(finding, partitions)

        policies = build_policies(settings.sinks, mine)
        delivery = Delivery(outbox, build_sinks(settings.sinks), policies=policies)
        stack.callback(delivery.stop)
        metrics.count_elsewhere("sink_alerts", "Alerts of each sink, by outcome.", lambda: _outcomes(delivery))
        answering = responder(settings, keys, outbox, metrics, clocks.wall)
        if answering is not None:
            stack.enter_context(answering)
            pulse.responses = (lambda: answering.page) if settings.response.page else None
        health = stack.enter_context(HealthServer(settings.health, pulse, metrics))
        stack.enter_context(announced(settings.runtime.state, settings.health.address, health.port))
        stopping, asked = stack.enter_context(_signals())
        log.info("starting", extra={"health_port": health.port, "config_hash": config})
        warm_up(decoder, make)
        settle()
        delivery.start()
        source = open_source(settings.source)
        stack.callback(source.close)
        watchdog = stack.enter_context(Watchdog(settings.runtime.hang_seconds))

        def ask(page: Metrics) -> None:
            _gauges(page, delivery, outbox)
            _quiet(pulse, page, outbox, settings, keys.epoch)

        watch = Watch(metrics, pulse, clocks, ask=ask, turn=lambda: watchdog.step("a turn of the loop"))
        loop = Loop(source, decoder, partitions, outbox, settings.runtime, watch)
        reload = Reloader(settings, reread, keys, partitions, loop, SinkRenewal(delivery, mine))

        def ended() -> bool:
            if asked.is_set():
                asked.clear()
                reload()
            return stopping.is_set() or bool(delivery.broken)

        log.info("reading")
        loop.run(ended)
        source.close()  # before the sinks get their time, so that others take over the partitions at once
        left = delivery.drain(reload.settings.runtime.drain_seconds)
        log.info("ended", extra={"undelivered": sum(left.values())})
        return not delivery.broken


def _partitions(
    settings: Settings, keys: Keys, make: EngineMaker, config: str, clocks: Clocks, metrics: Metrics, executor: Executor
) -> Partitions:
    return Partitions(
        make,
        open_store(settings),
        clocks.steady,
        metrics,
        config_hash=config,
        key_epoch=key_name(keys),
        former_epoch=None if keys.former is None else key_name(keys.former),
        rebuild=settings.runtime.rebuild_records,
        beside=shadow_of(settings, keys, clocks.steady, metrics),
        executor=executor,
    )


@contextmanager
def _signals() -> Iterator[tuple[Event, Event]]:
    """An event that SIGTERM or SIGINT sets, and one that SIGHUP sets. A second one of the former ends the process as if
    we were not here: nothing is lost."""
    stopping, asked = Event(), Event()
    before: dict[signal.Signals, Callable[[int, FrameType | None], object] | int | None] = {}

    def stop(number: int, _: FrameType | None) -> None:
        stopping.set()
        signal.signal(number, signal.SIG_DFL)

    for one in (signal.SIGTERM, signal.SIGINT):
        before[one] = signal.signal(one, stop)
    before[signal.SIGHUP] = signal.signal(signal.SIGHUP, lambda *_: asked.set())
    try:
        yield stopping, asked
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _read_here(finding: Finding, partitions: Partitions) -> bool:
    """Whether this process reads the partition that a finding comes from."""
    return Partition(finding.lineage.topic, finding.lineage.partition) in partitions


def _gauges(metrics: Metrics, delivery: Delivery, outbox: Outbox) -> None:
    """What the outbox and the sinks say of themselves; nothing new while the outbox cannot be read."""
    for gone in delivery.gone:
        for gauge in (metrics.last_success, metrics.broken, metrics.outbox, metrics.held_since):
            with suppress(KeyError):
                gauge.remove(gone)
    for name, stats in delivery.stats.items():
        metrics.last_success.labels(name).set(stats.last_success)
        metrics.broken.labels(name).set(name in delivery.broken)
        try:
            metrics.outbox.labels(name).set(outbox.waiting(name))
            metrics.held_since.labels(name).set(since if (since := outbox.held_since(name)) is not None else 0)
        except Trouble:
            log.warning("the outbox cannot be read")


def _quiet(pulse: Pulse, metrics: Metrics, outbox: Outbox, settings: Settings, epoch: str) -> None:
    """What is silenced, for metrics and pages; nothing new while the outbox cannot be read."""
    try:
        pulse.quiet = tell(outbox, settings, metrics, epoch)
    except Trouble as trouble:
        log.warning("silences cannot be told", extra={"what": trouble.what})


def _outcomes(delivery: Delivery) -> dict[tuple[str, str], int]:
    """Counts of each sink by outcome."""
    return {
        (name, outcome): getattr(stats, outcome)
        for name, stats in delivery.stats.items()
        for outcome in ("accepted", "sent", "retried", "refused", "held", "skipped", "folded")
    }

"""kill -9 at any instruction: after the n-th call of a step a process kills itself at the m-th bytecode that follows.

Nothing of this is in the product: the process that runs the daemon for a test wraps one function of it first.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from random import Random
from types import FrameType
from typing import Any

# steps of the daemon, in the order of the loop; the last ones run in the thread of a sink
STEPS = (
    "monitor.runtime.loop:Loop.step",
    "monitor.sources.kafka:KafkaSource.poll",
    "monitor.runtime.loop:Loop._follow",
    "monitor.runtime.partitions:Partitions.take",
    "monitor.runtime.loop:Loop._feed",
    "monitor.record.decode:Decoder.decode",
    "monitor.runtime.partitions:Partitions.feed",
    "monitor.runtime.loop:Loop._accepted",
    "monitor.sinks.outbox:Outbox.accept",
    "monitor.sinks.outbox:Outbox.reject",
    "monitor.runtime.partitions:Partitions.advance",
    "monitor.runtime.loop:Loop._save",
    "monitor.runtime.partitions:Partitions.save",
    "monitor.runtime.partitions:Partitions.saved",
    "monitor.runtime.loop:Loop._commit",
    "monitor.runtime.folder:SnapshotFolder.save",
    "monitor.sources.kafka:KafkaSource.commit",
    "monitor.sinks.worker:Worker.step",
    "monitor.sinks.outbox:Outbox.claim",
    "monitor.sinks.elasticsearch:ElasticsearchSink.send",
    "monitor.sinks.outbox:Outbox.settle",
)
MOST_CALLS = 6
MOST_OPCODES = 20_000


@dataclass(frozen=True)
class KillPoint:
    """At the call number `calls` of `step`, and `opcodes` bytecodes after its start, in the thread that called it.

    `ending` SIGSTOP lets the process stand still there instead, until it gets SIGCONT."""

    step: str
    calls: int
    opcodes: int
    ending: int = signal.SIGKILL


def draw(chance: Random) -> KillPoint:
    """Any step; near its beginning as likely as far behind it."""
    opcodes = int(MOST_OPCODES ** chance.random())
    return KillPoint(chance.choice(STEPS), chance.randint(1, MOST_CALLS), opcodes)


def arm(point: KillPoint) -> None:
    """From now on the process has this end before it."""
    module, _, path = point.step.partition(":")
    owner, name = path.split(".")
    target = getattr(import_module(module), owner)
    wanted: Callable[..., Any] = getattr(target, name)
    calls = 0

    def counted(*arguments: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == point.calls:
            _count_down(point.opcodes, point.ending)
        return wanted(*arguments, **options)

    setattr(target, name, counted)


def _count_down(opcodes: int, ending: int) -> None:
    """Counts every bytecode of this thread, in whatever frame, and ends the process at the last."""
    left = opcodes

    def tracer(frame: FrameType, event: str, _: object) -> Any:
        nonlocal left
        frame.f_trace_opcodes = True
        if event == "opcode":
            left -= 1
            if left == 0:
                os.kill(os.getpid(), ending)
        return tracer

    frame = sys._getframe(1)
    while frame is not None:  # those that called us go on after the step has returned
        frame.f_trace, frame.f_trace_opcodes = tracer, True
        frame = frame.f_back  # type: ignore[assignment]
    sys.settrace(tracer)

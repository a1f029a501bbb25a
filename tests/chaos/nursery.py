"""Daemons that start at once: a warm process forks them, so that a thousand kills take minutes instead of hours.

`python -m chaos.nursery` reads one JSON object a line: `{"config": ..., "log": ..., "kill": ..., ...}` starts a daemon
and answers with its process id; `{"pid": ...}` asks how one ended. What is forked is `probewatch run` itself with
kernels and imports in place; only the warming up is left out, as it has been done.
"""

from __future__ import annotations

import faulthandler
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
from chaos.kill_points import KillPoint, arm
from installed import REPOSITORY, environment

REST = (0.1, 2.0, 1.0)  # seconds: first, ceiling and hold of a sink's rests


class Nursery:
    """The warm process, seen from the test. It runs what is installed, with all detectors."""

    def __init__(self) -> None:
        paths = os.pathsep.join(path for path in sys.path if path)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "chaos.nursery"],
            env=environment(REPOSITORY) | {"PYTHONPATH": paths, "OPENBLAS_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._read()  # warm

    def start(
        self, config: Path, log: Path, kill: KillPoint | None = None, clock: float | None = None, pace: float = 0.0
    ) -> int:
        """A daemon; its process id. `clock`: seconds by which its wall clock jumps soon after the start; `pace`:
        seconds that each turn of its loop takes longer, so that a short log lasts."""
        point = None if kill is None else [kill.step, kill.calls, kill.opcodes, int(kill.ending)]
        wanted = {"config": str(config), "log": str(log), "kill": point, "clock": clock, "pace": pace}
        return int(self._ask(wanted)["pid"])

    def ended(self, pid: int) -> int | None:
        """How a daemon ended: its exit code, or minus its signal; None while it runs. To be asked until it has."""
        ended = self._ask({"pid": pid})["ended"]
        return None if ended is None else int(ended)

    def close(self) -> None:
        """Ends the warm process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(20)

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(orjson.dumps(question) + b"\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        answer: dict[str, Any] = orjson.loads(self._process.stdout.readline())
        return answer


def main() -> None:
    """The warm process: one thread, so that forking is safe."""
    _warm()
    _say({"warm": True})
    for line in sys.stdin.buffer:
        question = orjson.loads(line)
        if "pid" in question:
            found, status = os.waitpid(question["pid"], os.WNOHANG)
            _say({"ended": os.waitstatus_to_exitcode(status) if found else None})
        else:
            _say({"pid": os.fork() or _live(question)})


def _warm() -> None:
    """Everything that a daemon imports and compiles."""
    from monitor.config.settings import Settings
    from monitor.record.decode import Decoder
    from monitor.record.keys import load_keys
    from monitor.runtime import daemon
    from monitor.runtime.engines import engine_maker
    from monitor.sinks import worker
    from monitor.sources import kafka  # noqa: F401
    from monitor.sources.index import index

    keys = load_keys(None, os.environ)
    daemon.warm_up(Decoder(keys), engine_maker(Settings(), keys))
    index(b"", 0)
    worker.Backoff.__init__.__defaults__ = REST  # the rests of hours are not what is tried here
    daemon.settle()
    daemon.warm_up = lambda *_: None  # type: ignore[assignment]


def _live(wanted: dict[str, Any]) -> int:
    """The life of one daemon; never returns."""
    code = 99
    try:
        os.setsid()
        random.seed()
        log = os.open(wanted["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        nothing = os.open(os.devnull, os.O_RDWR)
        for descriptor, instead in ((0, nothing), (1, nothing), (2, log)):
            os.dup2(instead, descriptor)
        faulthandler.register(signal.SIGUSR1, all_threads=True)
        if wanted["kill"] is not None:
            arm(KillPoint(*wanted["kill"]))
        if wanted["clock"] is not None:
            _jump(wanted["clock"])
        if wanted["pace"]:
            _dawdle(wanted["pace"])
        from monitor.cli import main as probewatch

        sys.argv = ["probewatch", "run", "--config", wanted["config"]]
        probewatch()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except BaseException:  # noqa: BLE001  (the child must never return into the warm process)
        with suppress(OSError):
            faulthandler.dump_traceback()
        sys.excepthook(*sys.exc_info())
        code = 1
    finally:
        with suppress(OSError, ValueError):
            sys.stderr.flush()
        os._exit(code)


def _jump(seconds: float) -> None:
    """The wall clock of this process jumps, two seconds from now; what counts steadily does not."""
    from monitor.sinks.delivery import Delivery
    from monitor.sinks.outbox import Outbox
    from monitor.sinks.webhook import WebhookSink

    true, begun = time.time, time.monotonic()

    def jumping() -> float:
        return true() + (seconds if time.monotonic() - begun > 2.0 else 0.0)

    time.time = jumping
    for kind in (Delivery, Outbox, WebhookSink):  # they took the clock as a default when they were imported
        make: Any = kind.__init__
        make.__defaults__ = tuple(jumping if value is true else value for value in make.__defaults__)


def _dawdle(seconds: float) -> None:
    from monitor.runtime.loop import Loop

    step = Loop.step

    def slower(loop: Loop) -> None:
        step(loop)
        time.sleep(seconds)

    Loop.step = slower  # type: ignore[method-assign]


def _say(answer: dict[str, Any]) -> None:
    sys.stdout.buffer.write(orjson.dumps(answer) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()

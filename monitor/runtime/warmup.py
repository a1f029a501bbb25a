"""Compiles and loads every kernel before the daemon joins its group, where the time would count against a session."""

from __future__ import annotations

import gc
from typing import Final

import numpy as np
import orjson

from monitor.config.trouble import Trouble
from monitor.record import warm
from monitor.record.decode import Decoder
from monitor.record.raw import Partition, RawBatch
from monitor.runtime.faults import NOT_THEIRS, Fault
from monitor.runtime.partitions import EngineMaker

_PARTITION: Final = Partition("warm-up", 0)
_ROUNDS: Final = 300  # queries of each client and kind of input: several blocks, so that blocks are judged too
_START: Final = 1_700_000_000_000  # any time that a record may have, in milliseconds
_INPUTS: Final = ("vector", "columns", "text", "digest")


def warm_up(decoder: Decoder, make: EngineMaker) -> None:
    """Sends made-up queries of every kind of input through decoder and engine; the engine is thrown away. Trouble
    where it fails on them: then it would fail on the log as well."""
    warm.warm_up(decoder)
    try:
        make(_PARTITION, None).feed(decoder.decode(made_up()).queries)
    except NOT_THEIRS:
        raise
    except Exception as problem:
        what = f"the engine fails on made-up queries: {Fault.of(problem)}"
        mend = "install the program anew, and take detectors out that are not ours (`probewatch detectors list`)"
        raise Trouble(what=what, where="the installation", mend=mend) from problem


def settle() -> None:
    """Leave what is loaded by now out of every later garbage collection, and collect less often: decoding makes many
    objects that die young and in no cycle, and looking through them costs a tenth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def made_up() -> RawBatch:
    """Queries of two clients of four models, one for each kind of input."""
    payloads = [_record(kind, at) for at in range(_ROUNDS) for kind in _INPUTS]
    none = np.full(len(payloads), -1, np.int64)
    return RawBatch(_PARTITION, payloads, np.arange(len(payloads), dtype=np.int64), none, len(payloads))


def _record(kind: str, at: int) -> bytes:
    value = {
        "vector": [float(at * step % 7) for step in range(1, 33)],
        "columns": {"a": at % 5, "b": f"v{at % 3}", "c": at / 7},
        "text": f"tell me about number {at} and number {at % 9} of the list",
        "digest": f"{at:032x}",
    }[kind]
    share = (at % 10) / 10
    return orjson.dumps(
        {
            "client": f"client-{at % 2}",
            "model": f"warm-up-{kind}",
            "time": _START + at * 1_000,
            "input": {kind: value},
            "output": {"probabilities": {"yes": share, "no": 1 - share}},
        }
    )

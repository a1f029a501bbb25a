"""State that comes out of a snapshot needs no kernel that the warm-up has not compiled."""

from __future__ import annotations

import gc
from pathlib import Path

import numba
import pytest
from numba.core.dispatcher import Dispatcher

from monitor.config.settings import Settings
from monitor.record.decode import Decoder
from monitor.record.raw import Partition
from monitor.runtime.engines import engine_maker
from monitor.runtime.folder import SnapshotFolder
from monitor.runtime.keys import OPEN_KEYS
from monitor.runtime.snapshots import Snapshot
from monitor.runtime.warmup import made_up


def compiled() -> dict[str, int]:
    found = (one for one in gc.get_objects() if isinstance(one, Dispatcher))
    ours = (one for one in found if (one.py_func.__module__ or "").startswith("detectors"))
    return {f"{one.py_func.__module__}.{one.py_func.__name__}": len(one.signatures) for one in ours}


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="nothing is compiled")
def test_a_restored_engine_compiles_nothing(tmp_path: Path) -> None:
    make, partition = engine_maker(Settings(), OPEN_KEYS), Partition("warm-up", 0)
    queries = Decoder(OPEN_KEYS).decode(made_up()).queries
    engine = make(partition, None)
    engine.feed(queries)
    before = compiled()
    store = SnapshotFolder(tmp_path)
    store.take(partition)
    store.save(Snapshot(partition, 10, "c", OPEN_KEYS.epoch, engine.dump(), [], False))
    kept = next(iter(store.load(partition, OPEN_KEYS.epoch)))
    assert isinstance(kept, Snapshot)
    make(partition, kept.arrays).feed(queries)
    assert compiled() == before

"""What each view of a record leaves to be found, on tiny loads, so that the table cannot rot."""

from __future__ import annotations

from pathlib import Path

import capability
import numpy as np
import orjson
import pytest
import zstandard

from monitor.record.decode import Decoder
from monitor.record.raw import Partition, RawBatch
from monitor.runtime.keys import OPEN_KEYS

PEOPLE = 30  # who ask too little to be judged
CLIENT = {"family": None, "attack": False, "unseen": False, "variant": ""}


def sweep(at: int) -> bytes:
    """A record of a client that sweeps a sensitive column."""
    races = ("white", "black", "other")
    return record("sweeper", at, {"income": at // 3, "age": at // 3, "race": races[at % 3], "hispanic": "no"})


def person(at: int) -> bytes:
    """A record of somebody who asks about other people each time."""
    rng = np.random.default_rng(at)
    age = int(rng.integers(18, 80))
    row: dict[str, int | str] = {"income": 10 * age + int(rng.integers(99)), "age": age}
    return record(f"person-{at % PEOPLE}", at, row | {"race": str(rng.choice(["white", "black"])), "hispanic": "no"})


def record(client: str, at: int, row: dict[str, int | str]) -> bytes:
    return orjson.dumps(
        {
            "client": {"id": client},
            "model": "hi",
            "time": 1_790_000_000_000 + at * 1_000,
            "input": {"columns": row},
            "output": {"label": "no", "probabilities": {"yes": 0.4, "no": 0.6}},
        }
    )


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    log = tmp_path / "tiny.ndjson.zst"
    lines = [line for at in range(300) for line in (person(at), sweep(at))]
    log.write_bytes(zstandard.compress(b"".join(line + b"\n" for line in lines)))
    attacker = {"kind": "sweep", "family": "attribute-inference", "attack": True, "unseen": True, "variant": ""}
    labels = {f"person-{number}": CLIENT | {"kind": "user"} for number in range(PEOPLE)} | {"sweeper": attacker}
    (tmp_path / "tiny.labels.json").write_bytes(orjson.dumps(labels))
    return log


def test_a_sweep_is_found_by_its_rows_and_not_by_their_hashes(scene: Path, tmp_path: Path) -> None:
    views = ["whole", "labels", "hash", "ciphertext"]
    capability.main([str(scene), "--views", *views, "--save", str(tmp_path / "out")])
    page = (tmp_path / "out" / "capability-tiny.md").read_text()
    assert "| family | whole | labels | hash | ciphertext |" in page
    assert "| attribute-inference | 1/1 | 1/1 | 0/1 | 0/1 |" in page
    assert f"| honest, named | 0/{PEOPLE} | 0/{PEOPLE} | 0/{PEOPLE} | 0/{PEOPLE} |" in page


@pytest.mark.parametrize("view", list(capability.VIEWS))
def test_stripped_records_are_good_records(view: str) -> None:
    lines = [line.strip() for line in capability.stripped([sweep(0), sweep(0)], view)]
    decoded = Decoder(OPEN_KEYS).decode(RawBatch(Partition("t", 0), lines, np.arange(2), np.full(2, -1), 2))
    queries = decoded.queries
    assert (decoded.rejected, len(queries)) == ([], 2)
    assert (queries.label != 0).all() == (view in ("whole", "labels", "hash"))
    assert np.isnan(queries.p1).all() == (view not in ("whole", "hash"))
    same = queries.exact[0] == queries.exact[1]
    assert same == (view != "ciphertext")
    assert "white" not in b"".join(lines).decode() or view in ("whole", "labels", "no output")


def test_a_query_without_answer_stays_one(scene: Path) -> None:
    bare = orjson.loads(sweep(0))
    del bare["output"], bare["input"]
    for view in ("labels", "hash"):
        assert capability.VIEWS[view](bare, 0) == bare

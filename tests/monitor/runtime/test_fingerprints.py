"""Fingerprints on the disk: the same record is found again, foreign files are refused, and the content decides."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import recorded
from installed import KEY, metadata

from monitor.config.engine import EngineSettings, ModelSettings
from monitor.config.settings import Settings
from monitor.config.trouble import Trouble
from monitor.record.decode import Decoder
from monitor.record.keys import Keys
from monitor.record.limits import Limits
from monitor.record.raw import Partition
from monitor.runtime.checks import check
from monitor.runtime.engines import engine_maker
from monitor.runtime.fingerprints import described, digests, load, load_all, write
from monitor.runtime.keys import key_name, keys_of
from monitor.runtime.training import Wish, gather

KEYS = recorded.KEYS
ROWS = [{"age": 20 + i, "race": f"race-{i % 3}", "town": f"Xylophone-Abernathy-{i}"} for i in range(60)]


def fingerprints(folder: Path, keys: Keys = KEYS, model: str = "credit", rows: Any = ROWS) -> Path:
    training = folder / "training.ndjson"
    training.write_text("".join(json.dumps({"columns": row}) + "\n" for row in rows))
    made = gather(training, model, keys, Limits(), Wish(), lambda _: None).collection.finished()
    path = folder / f"{model}.fingerprints"
    write(path, made.packed(keys.sketches, key_name(keys), model))
    return path


def settings(path: Path | None, **more: Any) -> Settings:
    known = ModelSettings(fingerprints=path, sensitive_columns=("race",), **more)
    return Settings(engine=EngineSettings(known={"credit": known}))


def test_what_was_written_is_loaded(tmp_path: Path) -> None:
    path = fingerprints(tmp_path)
    one = load(path, "credit", KEYS)
    assert (one.records, one.hashes) == (60, 240)
    assert one.digest in described(one)
    assert load_all(settings(path).engine, KEYS)["credit"].digest == one.digest
    assert load_all(settings(None).engine, KEYS) == {}
    assert not list(tmp_path.glob("*.part"))


def test_files_that_cannot_be_used_are_all_named(tmp_path: Path) -> None:
    path = fingerprints(tmp_path)
    renamed = Keys.derive(bytes(range(32)), "next")
    exchanged = replace(KEYS, sketches=bytes(32))
    for model, keys, what in (
        ("fraud", KEYS, "model of another name"),
        ("credit", renamed, "made with the key 'test:"),
        ("credit", exchanged, "made with the key 'test:"),
    ):
        with pytest.raises(Trouble, match=what):
            load(path, model, keys)
    path.write_bytes(path.read_bytes()[:-9])
    known = {"credit": ModelSettings(fingerprints=path), "fraud": ModelSettings(fingerprints=tmp_path / "none")}
    with pytest.raises(ExceptionGroup) as problems:
        load_all(EngineSettings(known=known), KEYS)
    assert ["cut off" in str(one) for one in problems.value.exceptions] == [True, False]
    assert "No such file" in str(problems.value.exceptions[1])


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(Trouble, match="cannot be written"):
        write(tmp_path / "none" / "a", b"a")


def test_the_content_is_part_of_the_configuration_and_the_place_is_not(tmp_path: Path) -> None:
    path = fingerprints(tmp_path)
    moved = tmp_path / "moved"
    moved.write_bytes(path.read_bytes())
    here, there = (digests(load_all(settings(one).engine, KEYS)) for one in (path, moved))
    first = settings(path).config_hash(here)
    assert first == settings(moved).config_hash(there)
    assert first != settings(None).config_hash()
    other = digests(load_all(settings(fingerprints(tmp_path, rows=ROWS[1:])).engine, KEYS))
    assert first != settings(path).config_hash(other)


def test_it_stands_in_the_lineage_of_findings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = attacked(tmp_path, monkeypatch)
    assert [one.family for one in found] == ["membership-inference"]
    here = digests(load_all(settings(tmp_path / "credit.fingerprints").engine, KEYS))
    assert found[0].lineage.config_hash == settings(None).config_hash(here)


def test_an_evaluator_may_ask_about_training_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert attacked(tmp_path, monkeypatch, evaluators=("nightly-evaluation",)) != []
    assert attacked(tmp_path, monkeypatch, evaluators=("nightly-evaluation", "key-1")) == []


def attacked(folder: Path, monkeypatch: pytest.MonkeyPatch, **more: Any) -> list[Any]:
    """What is found where key-1 asks about every training record once."""
    package = folder / f"package-{len(more.get('evaluators', ()))}"
    monkeypatch.syspath_prepend(str(metadata(package, {"membership": "detectors.membership:Membership"})))
    engine = engine_maker(settings(fingerprints(folder), **more), KEYS)(Partition("queries", 0), None)
    lines = [
        json.dumps(
            {"client": "key-1", "model": "credit", "time": 1_795_255_200_000 + 1000 * i, "input": {"columns": row}}
        ).encode()
        for i, row in enumerate(ROWS[:30])
    ]
    return engine.feed(Decoder(KEYS).decode(recorded.raw(lines)).queries)


def test_check_tells_good_files_from_bad_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(metadata(tmp_path / "package")))
    monkeypatch.setenv("PROBEWATCH_KEY", KEY)
    path = fingerprints(tmp_path, keys_of(None))
    rows = {row.name: row for row in check(settings(path), connect=False)}
    assert rows["fingerprints of credit"].verdict == "good"
    assert rows["fingerprints of credit"].text.startswith("60 training records")
    path.write_bytes(b"")
    worse = {row.name: row for row in check(settings(path), connect=False)}
    assert worse["fingerprints of credit"].verdict == "bad"
    assert worse["fingerprints of credit"].where == str(path)
    assert worse["settings"].text != rows["settings"].text, "the hash is that of what is loaded"
    assert "fingerprints of credit" not in {row.name for row in check(settings(None), connect=False)}


def test_no_raw_value_is_in_the_file(tmp_path: Path) -> None:
    """Neither values nor names of columns nor the model's name, as they are, in digits, or in base64."""
    numbers = [0.73519246813, -41.90277731, 88.00193]
    rows: list[dict[str, Any]] = [row | {"amount": numbers[i % 3]} for i, row in enumerate(ROWS)]
    content = fingerprints(tmp_path, model="wombat-credit", rows=rows).read_bytes()
    secrets = ["age", "race", "town", "amount", "wombat-credit", "wombat", "Xylophone", "race-1"]
    needles = [form for one in secrets for form in forms(one.encode())]
    needles += [form for one in numbers for kind in ("<f4", "<f8") for form in forms(np.array(one, kind).tobytes())]
    needles += [str(one).encode() for one in numbers]
    assert [needle for needle in needles if len(needle) > 3 and needle in content] == []
    training = (tmp_path / "training.ndjson").read_bytes()
    assert b"Xylophone" in training
    assert str(numbers[0]).encode() in training, "the same search finds them in the training data"


def forms(secret: bytes) -> list[bytes]:
    return [secret, secret.hex().encode(), base64.b64encode(secret).rstrip(b"=")[:-1]]

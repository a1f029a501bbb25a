"""The small parts of the daemon: keys, lock, warm-up, what engines are made of."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from installed import KEY, metadata

from detectors.sketch.queries import KINDS
from detectors.sketch.rows import RowSketcher
from monitor.config.engine import EngineSettings, ModelSettings
from monitor.config.keys import KeySettings
from monitor.config.secret import Secret
from monitor.config.settings import Settings, SourceSettings
from monitor.config.trouble import Trouble
from monitor.engine.partition import PartitionEngine
from monitor.record.decode import Decoder
from monitor.record.raw import Partition
from monitor.runtime.engines import engine_maker, sensitive_columns
from monitor.runtime.keys import OPEN_KEYS, key_name, keys_of, keys_or_open
from monitor.runtime.lock import only_process
from monitor.runtime.warmup import made_up, warm_up
from monitor.runtime.wiring import open_source


def test_the_key_comes_from_the_settings_or_else_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_KEY", KEY)
    set_here = keys_of(KeySettings(secret=Secret(env="A_KEY"), epoch="7"), {"PROBEWATCH_KEY": "ignored"})
    assert set_here == keys_of(None, {"PROBEWATCH_KEY": f"7:{KEY}"})
    assert set_here.epoch == "7"
    with pytest.raises(Trouble, match="no key"):
        keys_of(None, {})


def test_without_any_key_replays_use_the_open_one_and_a_wrong_key_is_trouble() -> None:
    assert keys_or_open(None, {}) is OPEN_KEYS
    assert keys_or_open(None, {"PROBEWATCH_KEY": KEY}) != OPEN_KEYS
    with pytest.raises(Trouble, match="neither base64"):
        keys_or_open(None, {"PROBEWATCH_KEY": "?"})


def test_the_name_of_a_key_tells_another_key_of_the_same_epoch_and_not_the_key() -> None:
    one, other = keys_of(None, {"PROBEWATCH_KEY": KEY}), keys_of(None, {"PROBEWATCH_KEY": KEY.replace("a", "b")})
    assert one.epoch == other.epoch
    assert key_name(one) != key_name(other)
    assert one.sketches.hex()[:8] not in key_name(one)


def test_one_process_to_a_folder_and_the_killed_let_go(tmp_path: Path) -> None:
    holding = f"import sys, time; from pathlib import Path; from monitor.runtime.lock import only_process\n\
with only_process(Path({str(tmp_path)!r})): print('held', flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", holding], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(Trouble, match="another process works"), only_process(tmp_path):
            pass
        other.kill()
        other.wait()
    with only_process(tmp_path):
        pass


def test_a_state_folder_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Trouble, match="state folder cannot be used"), only_process(tmp_path / "file" / "state"):
        pass


def test_no_source() -> None:
    with pytest.raises(Trouble, match="no source is set"):
        open_source(SourceSettings())


def test_the_warm_up_goes_through_every_kind_of_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(metadata(tmp_path)))
    decoder = Decoder(OPEN_KEYS)
    decoded = decoder.decode(made_up())
    assert decoded.rejected == []
    assert set(decoded.queries.kind.tolist()) == set(KINDS)
    make = engine_maker(Settings(), OPEN_KEYS)
    warm_up(decoder, make)
    assert make(Partition("queries", 0), None).stats().queries == 0


def test_an_engine_that_fails_on_our_own_queries_is_told_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(metadata(tmp_path)))
    make = engine_maker(Settings(), OPEN_KEYS)
    monkeypatch.setattr(PartitionEngine, "feed", lambda *_: {}["secret"])
    with pytest.raises(Trouble, match="the engine fails on made-up queries: KeyError in ") as trouble:
        warm_up(Decoder(OPEN_KEYS), make)
    assert "secret" not in str(trouble.value)
    monkeypatch.setattr(PartitionEngine, "feed", lambda *_: open(tmp_path / "none"))  # noqa: SIM115
    with pytest.raises(FileNotFoundError):
        warm_up(Decoder(OPEN_KEYS), make)


def test_an_engine_comes_back_as_it_was_and_refuses_what_does_not_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(metadata(tmp_path)))
    make, here = engine_maker(Settings(), OPEN_KEYS), Partition("queries", 0)
    engine = make(here, None)
    engine.feed(Decoder(OPEN_KEYS).decode(made_up()).queries)
    arrays = engine.dump()
    again = make(here, arrays).dump()
    assert set(again) == set(arrays)
    assert all(again[name].tobytes() == arrays[name].tobytes() for name in arrays)
    with pytest.raises(ValueError, match=r".+"):
        make(here, {"other": np.zeros(3)})


def test_sensitive_columns_are_known_by_their_keyed_hashes() -> None:
    settings = EngineSettings(known={"credit": ModelSettings(sensitive_columns=("race",))})
    [(name, column)] = sensitive_columns(settings, OPEN_KEYS)["credit"].items()
    sketches, _ = RowSketcher(OPEN_KEYS.sketches).sketch([{"age": 41, "race": "white"}])
    assert column == "race"
    assert name in sketches.name.tolist()

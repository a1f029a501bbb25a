"""An operator's own networks: real ONNX files, made here, run by onnxruntime on what records hold."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from detectors.sketch.queries import Queries
from monitor.config.engine import EngineSettings, ModelSettings
from monitor.config.settings import Settings
from monitor.config.trouble import Trouble
from monitor.engine.partition import PartitionEngine
from monitor.record.decode import Decoder
from monitor.record.edge import Edge
from monitor.record.keys import Keys
from monitor.record.raw import Partition, RawBatch
from monitor.runtime.engines import engine_maker
from monitor.runtime.judges import doubt, judges, rebuilt
from monitor.runtime.replay import Tally, replay

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

KEYS = Keys.derive(bytes(32), "test")
SIZE, RANK = 16, 3
PLANE = np.linalg.qr(np.random.default_rng(0).normal(size=(SIZE, RANK)))[0].astype(np.float32)

Saved = Callable[..., Path]


@pytest.fixture
def saved(tmp_path: Path) -> Saved:
    """Writes a network of these nodes with one input of that shape."""

    def save(
        nodes: list[Any], weights: dict[str, np.ndarray], shape: list[Any], width: Any = SIZE, **types: int
    ) -> Path:
        helper, float32 = onnx.helper, onnx.TensorProto.FLOAT
        given = helper.make_tensor_value_info("x", types.get("given", float32), shape)
        out = helper.make_tensor_value_info("y", types.get("out", float32), ["N", width])
        held = [onnx.numpy_helper.from_array(array, name) for name, array in weights.items()]
        graph = helper.make_graph(nodes, "network", [given], [out], held)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.onnx"
        path.write_bytes(model.SerializeToString())
        return path

    return save


def autoencoder(saved: Saved, shape: list[Any] | None = None) -> Path:
    """Through RANK numbers and back; first a picture is flattened."""
    node = onnx.helper.make_node
    nodes = [node("Flatten", ["x"], ["f"]), node("MatMul", ["f", "down"], ["z"]), node("MatMul", ["z", "up"], ["y"])]
    return saved(nodes, {"down": PLANE, "up": np.ascontiguousarray(PLANE.T)}, shape or ["N", 4, 4, 1])


def classifier(saved: Saved) -> Path:
    nodes = [onnx.helper.make_node("MatMul", ["x", "w"], ["y"])]
    return saved(nodes, {"w": 5 * PLANE}, ["N", SIZE], RANK)


def known(**paths: Path | None) -> EngineSettings:
    return EngineSettings(known={"m": ModelSettings(**paths), "other": ModelSettings()})


def decoded(settings: EngineSettings, *records: dict[str, Any]) -> Queries:
    lines = [json.dumps({"client": f"c{n % 90}", "model": "m"} | one).encode() for n, one in enumerate(records)]
    batch = RawBatch(
        Partition("t", 0), lines, np.arange(len(lines)), np.full(len(lines), 1_795_255_200_000), len(lines)
    )
    found = Decoder(KEYS, judges=judges(settings)).decode(batch)
    assert not found.rejected
    return found.queries


def ordinary(n: int, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return random.normal(size=(n, RANK)) @ PLANE.T + 0.01 * random.normal(size=(n, SIZE))


def test_an_autoencoder_knows_its_own_and_nothing_else(saved: Saved) -> None:
    own, noise = ordinary(1)[0], np.random.default_rng(1).normal(size=SIZE)
    pixels = base64.b64encode(bytes(range(SIZE))).decode()
    found = decoded(
        known(autoencoder=autoencoder(saved)),
        {"input": {"vector": own.tolist()}},
        {"input": {"vector": noise.tolist()}},
        {"input": {"tensor": {"shape": [4, 4, 1], "datatype": "UINT8", "data": pixels}}},
        {"input": {"vector": own.tolist()}, "model": "other"},
        {"input": {"vector": own.tolist()[:-1]}},
        {"input": {"columns": {"a": 1}}},
        {"input": {"vector": [1e38] * SIZE}},
    ).integrity
    left = noise - PLANE @ (PLANE.T @ noise)
    assert found[1] == pytest.approx(np.log(np.sqrt(np.mean(left**2))), abs=1e-3)
    assert found[0] < found[1] - 2
    image = np.arange(SIZE) / 255
    assert found[2] == pytest.approx(np.log(np.sqrt(np.mean((image - PLANE @ (PLANE.T @ image)) ** 2))), abs=1e-3)
    assert np.isnan(found[[3, 4, 5]]).all()
    assert np.isfinite(found[6])


def test_a_classifier_doubts_what_it_was_not_made_for(saved: Saved) -> None:
    settings = known(classifier=classifier(saved))
    sure, unsure = 2 * PLANE[:, 0], PLANE.sum(axis=1)
    found = decoded(settings, {"input": {"vector": sure.tolist()}}, {"input": {"vector": unsure.tolist()}}).integrity
    assert found[0] == pytest.approx(0.0, abs=1e-3)
    assert found[1] == pytest.approx(np.log(3), abs=1e-3)


def test_what_answers_say() -> None:
    one = np.ones(1, np.float32)
    assert doubt(one, np.array([0.25, 0.75], np.float32)) == pytest.approx(-np.log(0.75), abs=1e-5)
    assert doubt(one, np.array([1000.0, -1000.0], np.float32)) == pytest.approx(0.0, abs=1e-5)
    for answer in ([1.0], [np.nan, 0.5], [np.inf, 0.0]):
        assert np.isnan(doubt(one, np.array(answer, np.float32)))
    assert np.isnan(rebuilt(one, np.ones(2, np.float32)))
    assert np.isnan(rebuilt(one, np.array([np.inf], np.float32)))


def test_batches_do_not_matter(saved: Saved) -> None:
    settings = known(autoencoder=autoencoder(saved))
    records = [{"input": {"vector": one.tolist()}} for one in ordinary(33)]
    whole = decoded(settings, *records).integrity
    pieces = np.concatenate([decoded(settings, one).integrity for one in records])
    assert whole.tobytes() == pieces.tobytes()


def test_a_sketch_made_at_the_edge_has_nothing_left_to_judge(saved: Saved) -> None:
    record = {"client": "a", "model": "m", "input": {"vector": ordinary(1)[0].tolist()}}
    line = Edge(KEYS).sketch_record(json.dumps(record).encode())
    found = decoded(known(autoencoder=autoencoder(saved)), json.loads(line))
    assert np.isnan(found.integrity).all()


def test_its_errors_take_the_place_of_the_linear_ones(saved: Saved) -> None:
    settings = known(autoencoder=autoencoder(saved))
    lines = [{"input": {"vector": one.tolist()}, "output": {"label": "a"}} for one in ordinary(3_000)]
    strange = [{"input": {"vector": (3 * one).tolist()}} for one in np.random.default_rng(2).normal(size=(40, SIZE))]
    queries = decoded(settings, *lines, *[line | {"client": "strange"} for line in strange])
    engine = engine_maker(Settings(engine=settings), KEYS)(Partition("t", 0), None)
    assert isinstance(engine, PartitionEngine)
    engine.feed(queries)
    (view,) = engine._views.values()
    centre, spread = view.baseline.own
    trained = queries.integrity[: len(lines)]
    assert centre == pytest.approx(np.median(trained), abs=0.05)
    assert spread == pytest.approx(np.subtract(*np.quantile(trained, (0.75, 0.25))), abs=0.05)
    windows = view.windows.state.entries
    errors = windows["error"][windows["time"] > 0]
    expected = (queries.integrity[-1] - centre) / spread
    assert np.isclose(errors, expected, rtol=1e-4).any()
    assert expected > 20


def test_replay_runs_it(saved: Saved, tmp_path: Path) -> None:
    record = {"client": "a", "model": "m", "time": 1_795_255_200_000, "input": {"vector": [0.0] * SIZE}}
    (tmp_path / "log.ndjson").write_text(json.dumps(record))
    tally = Tally()
    settings = Settings(engine=known(autoencoder=autoencoder(saved)))
    assert list(replay([tmp_path / "log.ndjson"], settings, KEYS, tally)) == []
    assert tally.queries == 1
    gone = Settings(engine=known(autoencoder=tmp_path / "gone.onnx"))
    with pytest.raises(Trouble, match="no such file"):
        list(replay([tmp_path / "log.ndjson"], gone, KEYS, Tally()))


def test_only_one_of_the_two() -> None:
    with pytest.raises(ValidationError, match="one of autoencoder and classifier"):
        ModelSettings(autoencoder=Path("a"), classifier=Path("b"))


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(Trouble, match="not installed") as found:
        judges(known(autoencoder=tmp_path / "a.onnx"))
    assert "probewatch[onnx]" in found.value.mend
    assert found.value.where == "engine.known.m.autoencoder"
    assert judges(known()) == {}


def test_what_is_no_network(tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_bytes(b"not a network")
    with pytest.raises(Trouble, match="no model that onnxruntime can read") as found:
        judges(known(autoencoder=tmp_path / "a.onnx"))
    assert str(tmp_path / "a.onnx") in found.value.where


@pytest.mark.parametrize("shape", [["N", "M"], ["N"], [4, SIZE], ["N", 0]])
def test_inputs_have_to_have_one_size(saved: Saved, shape: list[Any]) -> None:
    path = saved([onnx.helper.make_node("Identity", ["x"], ["y"])], {}, shape, None)
    with pytest.raises(Trouble, match="batch"):
        judges(known(autoencoder=path))


def test_what_comes_out_has_to_fit(saved: Saved) -> None:
    narrow = saved([onnx.helper.make_node("MatMul", ["x", "w"], ["y"])], {"w": PLANE}, ["N", SIZE], RANK)
    with pytest.raises(Trouble, match="as many numbers as it takes"):
        judges(known(autoencoder=narrow))
    whole = onnx.TensorProto.INT64
    counts = saved([onnx.helper.make_node("Identity", ["x"], ["y"])], {}, ["N", SIZE], given=whole, out=whole)
    with pytest.raises(Trouble, match="32-bit floats"):
        judges(known(classifier=counts))
    node = onnx.helper.make_node
    broken = saved([node("Reshape", ["x", "s"], ["y"])], {"s": np.array([-1, 7], np.int64)}, ["N", SIZE], 7)
    with pytest.raises(Trouble, match="fails on an input of zeros"):
        judges(known(classifier=broken))

"""What a sample of a log says of itself: which parts are told, and whether inputs are ciphertext."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from typing import Any

import numpy as np
import orjson
import pytest
import recorded

from detectors.cost import Cost
from detectors.evasion import Evasion
from detectors.inversion import Inversion
from detectors.probes import Probes
from monitor.runtime.sight import Sight, blindness, look

RANDOM = np.random.default_rng(7)


def seen(inputs: list[Any], **output: Any) -> Sight:
    lines = [
        orjson.dumps({"client": "c", "model": "m", "time": 1_790_000_000_000 + at, "input": one} | output)
        for at, one in enumerate(inputs)
    ]
    [sight] = look([recorded.decoded(lines[:30]), recorded.decoded(lines[30:], 30)])
    return sight


def tensor(values: np.ndarray) -> dict[str, Any]:
    return {"tensor": {"shape": [len(values)], "datatype": "UINT8", "data": b64encode(values.tobytes()).decode()}}


def noise(_: int, size: int = 1_024) -> dict[str, Any]:
    return tensor(RANDOM.integers(0, 256, size, np.uint8))


def picture(at: int) -> dict[str, Any]:
    shade = np.linspace(0, 40 + at, 1_024) + 3 * RANDOM.normal(size=1_024)
    return tensor(np.clip(shade, 0, 255).astype(np.uint8))


def embedding(_: int) -> dict[str, Any]:
    vector = RANDOM.normal(size=512)
    return {"embedding": (vector / np.linalg.norm(vector)).tolist()}


def sealed_text(_: int) -> dict[str, Any]:
    return {"text": b64encode(RANDOM.bytes(300)).decode()}


def sealed_row(_: int) -> dict[str, Any]:
    return {"columns": {name: b64encode(RANDOM.bytes(24)).decode() for name in ("age", "race")}}


def row(at: int) -> dict[str, Any]:
    return {"columns": {"id": at, "age": at % 7}}


@pytest.mark.parametrize(
    ("make", "veiled"),
    [
        (noise, True),
        (lambda at: noise(at, 64), False),
        (picture, False),
        (embedding, False),
        (sealed_text, True),
        (lambda at: {"text": f"word{at}"}, True),
        (lambda at: {"text": f"what is {at} and why"}, False),
        (lambda at: {"text": f"what is the use of number {at}, and the reason for it to be {at}"}, False),
        (sealed_row, True),
        (row, False),
        (lambda at: {"tensor": {"shape": [300], "datatype": "FP32", "data": [0.0] * 299 + [at]}}, False),
    ],
    ids=[
        "tensor",
        "small",
        "picture",
        "embedding",
        "text",
        "one-word",
        "short-text",
        "plain-text",
        "row",
        "plain-row",
        "empty",
    ],
)
def test_ciphertext_is_told_from_what_is_only_varied(make: Callable[[int], dict[str, Any]], veiled: bool) -> None:
    assert seen([make(at) for at in range(200)]).veiled is veiled


def test_an_input_that_comes_again_is_no_ciphertext() -> None:
    inputs = [noise(at) for at in range(100)]
    assert seen(inputs).veiled
    assert not seen([*inputs, inputs[0]]).veiled
    assert seen([*inputs, inputs[0]]).repeats == pytest.approx(1 / 101)
    assert not seen(inputs[:40]).veiled, "too few to tell"


def test_who_sees_what() -> None:
    every = (Evasion, Inversion, Probes, Cost)
    told = {"output": {"probabilities": {"a": 0.9, "b": 0.1}}, "status": 200}
    whole = blindness(every, seen([picture(at) for at in range(60)], **told))
    assert (whole.sees, whole.partly, whole.blind) == (("evasion", "inversion", "cost"), {}, ("probes",)), "no version"
    labels = blindness(every, seen([picture(at) for at in range(60)], output={"label": "a"}))
    assert "fall" in labels.partly["evasion"]
    assert "boundary" not in labels.partly["evasion"]
    assert "climb" in labels.partly["inversion"]
    veiled = blindness(every, seen([noise(at) for at in range(60)], **told))
    assert veiled.blind == ("evasion", "inversion", "probes")
    assert veiled.sees == ("cost",)


def test_a_hash_alone_is_no_ciphertext() -> None:
    sketch = {"v": 1, "key": "test", "kind": "opaque", "size": 0, "data": ""}
    sight = seen([{"sketch": sketch | {"exact": f"{at + 1:016x}"}} for at in range(60)])
    assert (sight.repeats, sight.veiled) == (0.0, False)
    assert blindness((Evasion, Cost), sight).blind == ("evasion",)

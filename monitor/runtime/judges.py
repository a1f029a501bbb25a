"""The operator's own autoencoders and classifiers, as ONNX files, for the integrity of inputs (extra `onnx`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from monitor.config.engine import EngineSettings
from monitor.config.trouble import Trouble
from monitor.record.integrity import Judges

_LEAST: Final = 1e-6  # added to an error and to a probability, so that their logarithms are finite
_FLOATS: Final = "tensor(float)"

Vector = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Network:
    """A network that takes inputs of one size, and what its output says of an input."""

    session: Any
    name: str
    shape: tuple[int, ...]
    output: str
    said: Callable[[Vector, Vector], float]

    def __call__(self, given: Vector) -> float:
        """How far an input (size,) lies from what the network knows; NaN where its size is another one."""
        if given.size != prod(self.shape):
            return float("nan")
        (answer,) = self.session.run([self.output], {self.name: given.reshape(self.shape)})
        return self.said(given, np.asarray(answer, np.float32).ravel())


def judges(settings: EngineSettings) -> Judges:
    """The networks that the settings name, by watched model. Trouble where one can not be used."""
    found = {}
    for model, known in settings.known.items():
        for sort, path, said in (("autoencoder", known.autoencoder, rebuilt), ("classifier", known.classifier, doubt)):
            if path is not None:
                found[model] = network(path, said, f"engine.known.{model}.{sort}")
    return found


def rebuilt(given: Vector, answer: Vector) -> float:
    """Logarithm of the root mean square by which a reconstruction misses its input."""
    if given.size != answer.size:
        return float("nan")
    return finite(np.log(np.sqrt(np.mean((given.astype(np.float64) - answer) ** 2)) + _LEAST))


def doubt(given: Vector, answer: Vector) -> float:
    """-log of the highest probability: a classifier is less sure of what it was not made for (Hendrycks and Gimpel,
    ICLR 2017). What is no distribution counts as logits. Fails where a classifier is sure of noise, as many are."""
    scores = answer.astype(np.float64)
    if scores.size < 2 or not np.isfinite(scores).all():
        return float("nan")
    if scores.min() < 0 or abs(scores.sum() - 1) > 1e-3:
        powers = np.exp(scores - scores.max())
        scores = powers / powers.sum()
    return finite(-np.log(scores.max() + _LEAST))


def finite(value: float) -> float:
    """The number, NaN for an infinite one."""
    return float(value) if np.isfinite(value) else float("nan")


def network(path: Path, said: Callable[[Vector, Vector], float], where: str) -> Network:
    """The network in a file. Trouble where the extra or the file is missing, or it takes or gives something else."""
    session = opened(path, where)
    inputs, outputs = session.get_inputs(), [one for one in session.get_outputs() if one.type == _FLOATS]
    if len(inputs) != 1 or inputs[0].type != _FLOATS or not outputs:
        raise unfit("it has to take one tensor of 32-bit floats and to give one", path, where)
    batch, *sizes = inputs[0].shape or [0]
    if not sizes or not all(isinstance(size, int) and size > 0 for size in sizes) or batch not in (None, 1, str(batch)):
        raise unfit("its input has to be a batch of any size, or of one, of inputs of one fixed size", path, where)
    made = Network(session, inputs[0].name, (1, *sizes), outputs[-1].name, said)
    try:
        answer = made(np.zeros(prod(sizes), np.float32))
    except Exception as problem:  # onnxruntime has an exception of its own for each status code
        raise unfit(f"it fails on an input of zeros ({type(problem).__name__})", path, where) from problem
    if np.isnan(answer):
        raise unfit("an autoencoder gives as many numbers as it takes, a classifier two or more", path, where)
    return made


def opened(path: Path, where: str) -> Any:
    """The session for a file, on one thread: what it says must not depend on the machine's cores."""
    try:
        import onnxruntime
    except ModuleNotFoundError:
        mend = "install the extra, `pip install 'probewatch[onnx]'`, or delete the line"
        raise Trouble(
            what="a model in ONNX needs onnxruntime, which is not installed", where=where, mend=mend
        ) from None
    if not path.is_file():
        raise Trouble(
            what="there is no such file", where=f"{where}: {path}", mend="correct the path, or delete the line"
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as problem:  # onnxruntime has an exception of its own for each status code
        raise unfit(f"it is no model that onnxruntime can read ({type(problem).__name__})", path, where) from problem


def unfit(what: str, path: Path, where: str) -> Trouble:
    """A file that can not be used."""
    mend = "export it to ONNX anew; deploy/docs/novelty.md says what is expected"
    return Trouble(what=what, where=f"{where}: {path}", mend=mend)

"""Reads the parameters of a request. Whoever sends queries chooses them, so that any number will do."""

from __future__ import annotations

from typing import Any, Final

from detectors.sketch.queries import DETERMINISTIC, LOGIT_BIAS, LOGPROBS, STREAMED, WIDE
from monitor.record.hashes import Hashes, narrow
from monitor.record.refusal import Unfamiliar

NO_REQUEST: Final = (0.0, 0, 0)

_LARGEST: Final = 1e12
_MANY: Final = 5
_NUMBERS: Final = frozenset({int, float})
_TYPES: Final[dict[str, frozenset[type]]] = {
    "logprobs": frozenset({bool, int}),
    "top_k": _NUMBERS,
    "temperature": _NUMBERS,
    "max_tokens": _NUMBERS,
    "logit_bias": frozenset({dict}),
    "stream": frozenset({bool}),
}


def read_request(given: Any, hashes: Hashes) -> tuple[tuple[float, int, int], int]:
    """max_tokens, flags and a hash of the biases; and how many keys were understood."""
    if type(given) is not dict:
        raise Unfamiliar
    seen = 0
    for name, value in given.items():
        types = _TYPES.get(name)
        if types is not None and value is not None:
            if type(value) not in types:
                raise Unfamiliar
            seen += 1
    flags = LOGPROBS if given.get("logprobs") else 0
    if given.get("temperature", 1) == 0:
        flags |= DETERMINISTIC
    if _alternatives(given) >= _MANY:
        flags |= WIDE
    if given.get("stream"):
        flags |= STREAMED
    most, biases = given.get("max_tokens"), given.get("logit_bias")
    tokens = 0.0 if most is None else min(max(float(most), 0.0), _LARGEST)
    if not biases:
        return (tokens, flags, 0), seen
    return (tokens, flags | LOGIT_BIAS, _biases(biases, hashes)), seen + len(biases)


def _alternatives(given: dict[str, Any]) -> float:
    """How many alternatives were asked for at each place: the number of log-probabilities, or top_k beside them."""
    logprobs, most = given.get("logprobs"), given.get("top_k")
    if type(logprobs) is int:
        return logprobs
    return float(most) if logprobs and most is not None else 0.0


def _biases(biases: dict[str, Any], hashes: Hashes) -> int:
    if not _NUMBERS.issuperset(map(type, biases.values())):
        raise Unfamiliar
    ordered = sorted((token, float(bias)) for token, bias in biases.items())
    return narrow(hashes.digest(repr(ordered).encode()))

"""Reads one parsed record, typed exactly as the schema says, into flat tuples: the fast path.

Whatever it does not expect it calls Unfamiliar, and the schema (wire.py) finds the words for it. `seen` counts the
keys that were understood: equal to the colons in the text of the record, there was no unknown key and none twice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from detectors.sketch.queries import DETERMINISTIC, LOGIT_BIAS, LOGPROBS, STREAMED
from monitor.record.gathering import Answer, Gathering, Head, Input
from monitor.record.hashes import Hashes, narrow
from monitor.record.limits import NAME_BYTES, Limits
from monitor.record.pseudonyms import Pseudonyms
from monitor.record.read_answer import AnswerReader
from monitor.record.read_input import InputReader
from monitor.record.refusal import Refused, Unfamiliar
from monitor.record.times import event_time

Json = dict[str, Any]

_NUMBERS: Final = frozenset({int, float})
_SURE: Final = NAME_BYTES // 4  # characters that no encoding takes beyond the ceiling
_LARGEST: Final = 1e12
_NOT_KNOWN: Final = float("nan")


class Query(NamedTuple):
    """One query of a record: what it shares with the others of that record, its number, input and answer."""

    head: Head
    part: int
    input: Input
    answer: Answer


class RecordReader:
    """Reads the records of one batch. Raises Refused or Unfamiliar (KeyError, where a required field is missing)."""

    __slots__ = ("_answers", "_hashes", "_inputs", "_limits", "_names", "_seen")

    def __init__(self, names: Pseudonyms, hashes: Hashes, limits: Limits, gathering: Gathering) -> None:
        self._names = names
        self._hashes = hashes
        self._limits = limits
        self._inputs = InputReader(gathering, limits, names.epoch)
        self._answers = AnswerReader(gathering, limits, hashes)
        self._seen = 0

    @property
    def seen(self) -> int:
        """Keys of the last record that were understood."""
        return self._seen + self._inputs.seen + self._answers.seen

    def read(self, record: Json, log_time: int, bare_words: bool) -> list[Query]:
        """The queries of a record. `log_time` in milliseconds (-1: none); `bare_words` from the scan of its text."""
        self._seen = self._inputs.seen = self._answers.seen = 0
        self._inputs.bare_words = self._answers.bare_words = bare_words
        head = self._head(record, log_time)
        if record.get("inputs") is not None:
            inputs, answers = self._several(record)
        elif "input" not in record:
            raise Refused("missing-field", "input: a required field is missing")
        else:
            output = record.get("output")
            self._seen += 1 + (output is not None)
            inputs = self._inputs.read(record["input"])
            answers = self._answers.read(output, len(inputs))
        return [Query(head, part, one, answers[part]) for part, one in enumerate(inputs)]

    def _several(self, record: Json) -> tuple[list[Input], list[Answer]]:
        inputs, outputs = record["inputs"], record.get("outputs")
        if record.get("input") is not None or record.get("output") is not None:
            raise Refused("bad-batch", "inputs: either input and output, or inputs and outputs")
        if type(inputs) is not list or (outputs is not None and type(outputs) is not list):
            raise Unfamiliar
        self._seen += 1 + (outputs is not None)
        if not inputs:
            raise Refused("empty", "inputs: no query")
        if len(inputs) > self._limits.queries:
            raise Refused("too-large", "inputs: too many queries in one record")
        outputs = [None] * len(inputs) if outputs is None else outputs
        if len(outputs) != len(inputs):
            raise Refused("bad-batch", "outputs: as many as inputs were expected")
        read = [self._inputs.read(one) for one in inputs]
        if any(len(one) > 1 for one in read):
            raise Refused("bad-batch", "inputs: a batched tensor within a list of inputs")
        return [one[0] for one in read], [self._answers.read(one, 1)[0] for one in outputs]

    def _head(self, record: Json, log_time: int) -> Head:
        client, group, address = self._client(record["client"])
        model, version = self._model(record["model"])
        time, ident = record.get("time"), record.get("id")
        status, latency, request = record.get("status"), record.get("latency_ms"), record.get("request")
        if ident is not None and type(ident) is not str:
            raise Unfamiliar
        self._seen += 7 - ((time is None) + (ident is None) + (status is None) + (latency is None) + (request is None))
        return (
            event_time(time, log_time, self._limits.skew),
            client,
            group,
            address,
            model,
            version,
            0 if status is None else _status(status),
            _NOT_KNOWN if latency is None else _number(latency, "latency_ms"),
            *((0.0, 0, 0) if request is None else self._request(request)),
        )

    def _client(self, given: Any) -> tuple[bytes, bytes, bytes]:
        if type(given) is str:
            return self._name(given, self._names.client, "client"), b"", b""
        if type(given) is not dict:
            raise Unfamiliar
        ident, group, address, agent = given["id"], given.get("group"), given.get("address"), given.get("user_agent")
        self._seen += 4 - ((group is None) + (address is None) + (agent is None))
        if agent is not None and type(agent) is not str:
            raise Unfamiliar
        return (
            self._name(ident, self._names.client, "client.id"),
            b"" if group is None else self._name(group, self._names.group, "client.group"),
            b"" if address is None else self._name(address, self._names.address, "client.address"),
        )

    def _name(self, given: Any, pseudonym: Callable[[str], bytes], field: str) -> bytes:
        return pseudonym(_named(given, field))

    def _model(self, given: Any) -> tuple[str, int]:
        if type(given) is str:
            return _named(given, "model"), 0
        if type(given) is not dict:
            raise Unfamiliar
        version = given.get("version")
        self._seen += 1 + (version is not None)
        name = _named(given["name"], "model.name")
        return name, 0 if version is None else narrow(self._hashes.version(_named(version, "model.version")))

    def _request(self, given: Any) -> tuple[float, int, int]:
        """max_tokens, flags, and a hash of the biases."""
        if type(given) is not dict:
            raise Unfamiliar
        logprobs, top_k, temperature, most, biases, stream = map(given.get, _REQUEST)
        self._seen += 6 - (
            (logprobs is None)
            + (top_k is None)
            + (temperature is None)
            + (most is None)
            + (biases is None)
            + (stream is None)
        )
        for number in (top_k, temperature, most):
            if number is not None and type(number) not in _NUMBERS:
                raise Unfamiliar
        if type(logprobs) not in _SWITCH or type(stream) not in _FLAG:
            raise Unfamiliar
        flags = LOGPROBS if logprobs else 0
        flags |= DETERMINISTIC if temperature == 0 and temperature is not None else 0
        flags |= STREAMED if stream else 0
        tokens = 0.0 if most is None else min(max(float(most), 0.0), _LARGEST)
        return tokens, flags | (LOGIT_BIAS if biases else 0), self._biases(biases) if biases else 0

    def _biases(self, biases: Any) -> int:
        if type(biases) is not dict or not _NUMBERS.issuperset(map(type, biases.values())):
            raise Unfamiliar
        self._seen += len(biases)
        ordered = sorted((token, float(bias)) for token, bias in biases.items())
        return narrow(self._hashes.digest(repr(ordered).encode()))


_REQUEST: Final = ("logprobs", "top_k", "temperature", "max_tokens", "logit_bias", "stream")
_SWITCH: Final = frozenset({bool, int, type(None)})
_FLAG: Final = frozenset({bool, type(None)})


def _named(given: Any, field: str) -> str:
    """A name: a string of 1 to 512 bytes that is not all blanks."""
    if type(given) is not str:
        raise Unfamiliar
    if not given or given.isspace():
        raise Refused("empty", f"{field}: an empty name")
    if len(given) > _SURE and len(given.encode()) > NAME_BYTES:
        raise Refused("name-too-long", f"{field}: at most 512 bytes were expected")
    return given


def _status(given: Any) -> int:
    if type(given) is not int:
        raise Unfamiliar
    if not 0 <= given <= 999:
        raise Refused("bad-number", "status: 0 to 999 was expected")
    return given


def _number(given: Any, field: str) -> float:
    if type(given) not in _NUMBERS:
        raise Unfamiliar
    if not 0 <= given <= _LARGEST:
        raise Refused("bad-number", f"{field}: 0 to 1e12 was expected")
    return float(given)

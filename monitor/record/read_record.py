"""Reads one parsed record, typed exactly as the schema says, into flat tuples: the general way.

Whatever it does not expect it calls Unfamiliar, and the schema (wire.py) finds the words for it. `seen` counts the
keys that were understood: equal to the colons in the text of the record, there was no unknown key and none twice.
"""

from __future__ import annotations

from typing import Any, Final

from monitor.record.gathering import MANY, Answer, Gathering, Head, Input, Query
from monitor.record.hashes import Hashes
from monitor.record.limits import Limits
from monitor.record.pseudonyms import Pseudonyms
from monitor.record.read_answer import AnswerReader
from monitor.record.read_input import InputReader
from monitor.record.read_request import NO_REQUEST, read_request
from monitor.record.refusal import Refused, Unfamiliar
from monitor.record.times import event_time

Json = dict[str, Any]

LARGEST: Final = 1e12
NOT_KNOWN: Final = float("nan")
UNKNOWN_NAME: Final = b""


class RecordReader:
    """Reads the records of one batch. Raises Refused or Unfamiliar; KeyError where a required field is missing, and
    TypeError where a list or an object stands for a name."""

    __slots__ = ("_answers", "_hashes", "_inputs", "_limits", "_names", "_seen")

    def __init__(self, names: Pseudonyms, hashes: Hashes, limits: Limits, gathering: Gathering) -> None:
        self._names = names
        self._hashes = hashes
        self._limits = limits
        self._inputs = InputReader(gathering, limits, names.epochs)
        self._answers = AnswerReader(gathering, limits, hashes)
        self._seen = 0

    @property
    def seen(self) -> int:
        """Keys of the last record that were understood."""
        return self._seen + self._inputs.seen + self._answers.seen

    def read(self, record: Json, log_time: int, bare_words: bool, size: int) -> Query:
        """The queries of a record. `log_time` in milliseconds (-1: none); `bare_words` from the scan of its text, which
        has `size` bytes."""
        self._inputs.most = self._limits.queries_in(size)
        self._inputs.seen = self._answers.seen = 0
        self._inputs.bare_words = self._answers.bare_words = bare_words
        head = self._head(record, log_time)
        if record.get("inputs") is not None:
            inputs, answers = self._several(record)
        elif record.get("outputs") is not None:
            raise Refused("bad-batch", "outputs: without inputs")
        elif "input" in record:
            output = record.get("output")
            self._seen += 1 if output is None else 2
            inputs = [self._inputs.read(record["input"])]
            answers = self._answers.read(output, inputs[0][MANY])
        else:
            raise Refused("missing-field", "input: a required field is missing")
        return head, inputs, answers

    def _several(self, record: Json) -> tuple[list[Input], list[Answer]]:
        inputs, outputs = record["inputs"], record.get("outputs")
        if record.get("input") is not None or record.get("output") is not None:
            raise Refused("bad-batch", "inputs: either input and output, or inputs and outputs")
        if type(inputs) is not list or (outputs is not None and type(outputs) is not list):
            raise Unfamiliar
        self._seen += 1 + (outputs is not None)
        if not inputs:
            raise Refused("empty", "inputs: no query")
        if len(inputs) > self._inputs.most:
            raise Refused("too-large", "inputs: too many queries in one record, or for its bytes")
        outputs = [None] * len(inputs) if outputs is None else outputs
        if len(outputs) != len(inputs):
            raise Refused("bad-batch", "outputs: as many as inputs were expected")
        read = [self._inputs.read(one) for one in inputs]
        if any(one[MANY] > 1 for one in read):
            raise Refused("bad-batch", "inputs: a batched tensor within a list of inputs")
        return read, [self._answers.read(one, 1)[0] for one in outputs]

    def _head(self, record: Json, log_time: int) -> Head:
        self._seen = 2
        client, group, address = self._client(record["client"])
        model, version = self._model(record["model"])
        time, ident, status = record.get("time"), record.get("id"), record.get("status")
        latency, request = record.get("latency_ms"), record.get("request")
        if ident is not None and type(ident) is not str:
            raise Unfamiliar
        self._seen += 5 - ((time is None) + (ident is None) + (status is None) + (latency is None) + (request is None))
        tokens, flags, bias = NO_REQUEST if request is None else self._request(request)
        return (
            event_time(time, log_time, self._limits.skew),
            client,
            group,
            address,
            model,
            version,
            0 if status is None else _status(status),
            NOT_KNOWN if latency is None else _milliseconds(latency),
            tokens,
            flags,
            bias,
        )

    def _client(self, given: Any) -> tuple[bytes, bytes, bytes]:
        names = self._names
        if type(given) is not dict:
            return names.client[given], UNKNOWN_NAME, UNKNOWN_NAME
        group, address, agent = given.get("group"), given.get("address"), given.get("user_agent")
        if agent is not None and type(agent) is not str:
            raise Unfamiliar
        self._seen += 4 - ((group is None) + (address is None) + (agent is None))
        return (
            names.client[given["id"]],
            UNKNOWN_NAME if group is None else names.group[group],
            UNKNOWN_NAME if address is None else names.address[address],
        )

    def _model(self, given: Any) -> tuple[str, int]:
        if type(given) is not dict:
            return self._hashes.model[given], 0
        version = given.get("version")
        if version is None:
            self._seen += 1
            return self._hashes.model[given["name"]], 0
        self._seen += 2
        return self._hashes.model[given["name"]], self._hashes.version[version]

    def _request(self, given: Any) -> tuple[float, int, int]:
        parameters, seen = read_request(given, self._hashes)
        self._seen += seen
        return parameters


def _status(given: Any) -> int:
    if type(given) is not int:
        raise Unfamiliar
    if not 0 <= given <= 999:
        raise Refused("bad-number", "status: 0 to 999 was expected")
    return given


def _milliseconds(given: Any) -> float:
    if type(given) is not float and type(given) is not int:
        raise Unfamiliar
    if not 0 <= given <= LARGEST:
        raise Refused("bad-number", "latency_ms: 0 to 1e12 was expected")
    return float(given)

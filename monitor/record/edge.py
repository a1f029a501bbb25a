"""Sketches at the edge: a record goes in, the same record with a sketch instead of its input comes out.

For whoever must not let inputs leave the model's host: run this beside the model, with the monitor's key, and the log
holds sketches only. Decoding either record gives the same columns.
"""

from __future__ import annotations

from binascii import b2a_base64
from typing import Any, Final

import numpy as np
import orjson

from detectors.sketch.queries import DENSE, KINDS, OPAQUE, ROWS, TEXT
from monitor.record.envelope import parse
from monitor.record.found import Inputs
from monitor.record.gathering import Gathering
from monitor.record.hashes import Hashes
from monitor.record.inputs import InputSketcher, SketchedInputs
from monitor.record.keys import Keys
from monitor.record.limits import Limits
from monitor.record.read_input import InputReader
from monitor.record.refusal import Refused, Unfamiliar
from monitor.record.sketched import CELL_TYPE, DENSE_TYPE, SKETCH_VERSION, TEXT_TYPE

Json = dict[str, Any]


class Edge:
    """Replaces inputs by sketches with one key."""

    def __init__(self, keys: Keys, limits: Limits | None = None) -> None:
        self._epoch = keys.epoch
        self._limits = Limits() if limits is None else limits
        self._sketcher = InputSketcher(keys.sketches, Hashes(keys.sketches))

    def sketch_record(self, payload: bytes) -> bytes:
        """A native record with its input, or each of its inputs, replaced by a sketch; the rest stays as it is.

        A batched tensor becomes a list of inputs. Refused where the input cannot be read: nothing raw goes on then.
        """
        record = parse(payload)
        if type(record) is not dict:
            raise Refused("not-object", "record: a JSON object was expected")
        try:
            return orjson.dumps(self._replaced(record))
        except (Unfamiliar, KeyError, TypeError):
            raise Refused("wrong-type", "input: not as the record's schema says") from None

    def _replaced(self, record: Json) -> Json:
        several = record.get("inputs")
        if several is not None:
            return record | {"inputs": [self._one(given) for given in several]}
        sketches = self._sketches(record["input"])
        if len(sketches) == 1:
            return record | {"input": sketches[0]}
        rest = {key: value for key, value in record.items() if key not in ("input", "output")}
        return rest | {"inputs": sketches, "outputs": _apart(record.get("output"), len(sketches))}

    def _one(self, given: Any) -> Json | None:
        sketches = self._sketches(given)
        if len(sketches) != 1:
            raise Refused("bad-batch", "inputs: a batched tensor within a list of inputs")
        return sketches[0]

    def _sketches(self, given: Any) -> list[Json | None]:
        gathering = Gathering()
        reader = InputReader(gathering, self._limits, (self._epoch,))
        reader.bare_words = True  # not scanned for: look at every number
        inputs = Inputs.of([reader.read(given)])
        made = self._sketcher.sketch(inputs, gathering)
        return [None if one is None else {"sketch": self._fields(made, at)} for at, one in enumerate(inputs.given)]

    def _fields(self, made: SketchedInputs, at: int) -> Json:
        kind, row = int(made.kind[at]), int(made.row[at])
        coarse = int(made.dense.coarse[row]) if kind == DENSE else 0
        return {
            "v": SKETCH_VERSION,
            "key": self._epoch,
            "kind": KINDS[kind],
            "exact": f"{int(made.exact[at]):016x}",
            **({"coarse": f"{coarse:016x}"} if coarse else {}),
            "size": int(made.input_size[at]),
            "data": b2a_base64(_WRITERS[kind](made, row), newline=False).decode(),
        }


def _apart(output: Any, queries: int) -> list[Json | None]:
    """The output of each query of a batched tensor."""
    if output is None:
        return [None] * queries
    lists = output.get("probabilities")
    if type(lists) is not list or not lists or type(lists[0]) is not list:
        return [output] * queries
    return [output | {"probabilities": scores} for scores in lists]


def _write_opaque(made: SketchedInputs, row: int) -> bytes:
    return b""


def _write_dense(made: SketchedInputs, row: int) -> bytes:
    fixed = np.zeros(1, DENSE_TYPE)
    fixed["spread"], fixed["segments"] = made.dense.spread[row], made.dense.segments[row]
    return fixed.tobytes() + made.dense.projection[row, : made.dense.width[row]].astype("<f4").tobytes()


def _write_rows(made: SketchedInputs, row: int) -> bytes:
    part = slice(made.rows.start[row], made.rows.start[row + 1])
    cells = np.zeros(part.stop - part.start, CELL_TYPE)
    cells["name"], cells["value"], cells["code"] = made.rows.name[part], made.rows.value[part], made.rows.code[part]
    return cells.tobytes()


def _write_text(made: SketchedInputs, row: int) -> bytes:
    text, fixed = made.text, np.zeros(1, TEXT_TYPE)
    fixed["minhash"], fixed["head"], fixed["tail"] = text.minhash[row], text.head[row], text.tail[row]
    fixed["variety"], fixed["repetition"], fixed["wishes"] = text.variety[row], text.repetition[row], text.wishes[row]
    return fixed.tobytes()


_WRITERS: Final = {OPAQUE: _write_opaque, DENSE: _write_dense, ROWS: _write_rows, TEXT: _write_text}

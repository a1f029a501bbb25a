"""Reads the input of a query: one of vector, tensor, embedding, columns, text, messages, sketch, digest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from detectors.sketch.queries import DENSE, OPAQUE, ROWS, TEXT
from monitor.record.gathering import Gathering, Input
from monitor.record.limits import NAME_BYTES, Limits
from monitor.record.refusal import Refused, Unfamiliar
from monitor.record.sketched import SKETCH_FIELDS, read_sketch
from monitor.record.tensors import DATATYPES, Datatype, read_base64, read_list, read_shape

Json = dict[str, Any]

_CELLS: Final = frozenset({int, float, str, bool, type(None)})
_SEPARATOR: Final = "\x1e"  # between messages, so that moving a border between two changes the hash


class InputReader:
    """Reads inputs into a gathering. `seen` counts the keys that were understood."""

    __slots__ = ("_epoch", "_gathering", "_limits", "bare_words", "seen")

    def __init__(self, gathering: Gathering, limits: Limits, epoch: str) -> None:
        self._gathering = gathering
        self._limits = limits
        self._epoch = epoch
        self.seen = 0
        self.bare_words = False
        """Whether any array of the record holds true, false or null, which a float array takes for numbers."""

    def read(self, given: Any) -> list[Input]:
        """The inputs in one `input`: one, or as many as a batched tensor holds."""
        if given is None:
            return [Input()]
        if type(given) is not dict:
            raise Unfamiliar
        known = [key for key in given if (key in _READERS or key == "tensor") and given[key] is not None]
        if len(known) != 1:
            raise Refused("wrong-type", "input: exactly one kind of input was expected")
        self.seen += 1
        if known[0] == "tensor":
            return self._tensor(given["tensor"])
        return [_READERS[known[0]](self, given[known[0]])]

    def _vector(self, numbers: Any) -> Input:
        size = self._check_numbers(numbers)
        return Input(DENSE, (size,), self._gathering.add_list(numbers))

    def _check_numbers(self, numbers: Any) -> int:
        if type(numbers) is not list:
            raise Unfamiliar
        if not numbers:
            raise Refused("empty", "input: an input without elements")
        if len(numbers) > self._limits.elements:
            raise Refused("too-large", "input: too many elements")
        if self.bare_words and not {float, int}.issuperset(map(type, numbers)):
            raise Unfamiliar
        return len(numbers)

    def _tensor(self, tensor: Any) -> list[Input]:
        shape = read_shape(tensor["shape"], self._limits.elements)
        datatype, data, batch = tensor.get("datatype"), tensor["data"], tensor.get("batch")
        self.seen += 2 + (datatype is not None) + (batch is not None)
        datatype = "FP32" if datatype is None else datatype
        if datatype not in DATATYPES or type(batch) not in (bool, type(None)):
            raise Unfamiliar
        count = shape[0] if batch else 1
        if count > self._limits.queries:
            raise Refused("too-large", "input.tensor.shape: too many queries in one record")
        one = (shape[1:] or (1,)) if batch else shape
        start, size = self._tensor_data(data, datatype, shape), _size(one)
        return [Input(DENSE, one, start - number * size) for number in range(count)]

    def _tensor_data(self, data: Any, datatype: Datatype, shape: tuple[int, ...]) -> int:
        if type(data) is str:
            return self._gathering.add_tensor(read_base64(data, datatype, _size(shape)))
        self._check_numbers(data)
        try:
            return self._gathering.add_tensor(read_list(data, datatype, _size(shape)))
        except TypeError:
            raise Unfamiliar from None

    def _columns(self, columns: Any) -> Input:
        if type(columns) is not dict or not _CELLS.issuperset(map(type, columns.values())):
            raise Unfamiliar
        if not columns:
            raise Refused("empty", "input.columns: an input without columns")
        if len(columns) > self._limits.columns:
            raise Refused("too-large", "input.columns: too many columns")
        if max(map(len, columns)) > NAME_BYTES:
            raise Refused("name-too-long", "input.columns: a name with more than 512 characters")
        self.seen += len(columns)
        return Input(ROWS, columns)

    def _text(self, text: Any) -> Input:
        self._check_text(text)
        return Input(TEXT, (text, text.encode()))

    def _check_text(self, text: Any) -> None:
        if type(text) is not str:
            raise Unfamiliar
        if len(text) > self._limits.text:
            raise Refused("too-large", "input: a text with too many characters")

    def _messages(self, messages: Any) -> Input:
        """The text is that of the last user message (of the last one, if there is none); the exact hash is of all."""
        if type(messages) is not list:
            raise Unfamiliar
        if not messages:
            raise Refused("empty", "input.messages: no message")
        text = None
        parts: list[str] = []
        for message in messages:
            role, content = message["role"], message.get("content")
            self.seen += 1 + (content is not None)
            content = "" if content is None else content
            if type(role) is not str:
                raise Unfamiliar
            self._check_text(content)
            text = content if role == "user" or text is None else text
            parts += (role, content)
        return Input(TEXT, (text, _SEPARATOR.join(parts).encode()))

    def _sketch(self, sketch: Any) -> Input:
        ready = read_sketch(sketch, self._epoch, self._limits)
        self.seen += len(SKETCH_FIELDS & sketch.keys())
        return Input(ready.kind, ready)

    def _digest(self, digest: Any) -> Input:
        self._check_text(digest)
        if not digest:
            raise Refused("empty", "input.digest: an empty digest")
        return Input(OPAQUE, digest.encode())


def _size(shape: tuple[int, ...]) -> int:
    size = 1
    for side in shape:
        size *= side
    return size


_READERS: Final[dict[str, Callable[[InputReader, Any], Input]]] = {
    "vector": InputReader._vector,
    "embedding": InputReader._vector,
    "columns": InputReader._columns,
    "text": InputReader._text,
    "messages": InputReader._messages,
    "sketch": InputReader._sketch,
    "digest": InputReader._digest,
}

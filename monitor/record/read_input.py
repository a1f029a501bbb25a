"""Reads the input of a query: one of vector, tensor, embedding, columns, text, messages, sketch, digest."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any, Final

from detectors.sketch.queries import DENSE, OPAQUE, ROWS, TEXT
from monitor.record.gathering import IMAGES, LISTS, NO_INPUT, TENSORS, Gathering, Input
from monitor.record.limits import NAME_BYTES, Limits
from monitor.record.refusal import Refused, Unfamiliar
from monitor.record.sketched import SKETCH_FIELDS, read_sketch
from monitor.record.tensors import DATATYPES, Datatype, from_bytes, from_list, read_base64, read_shape

_CELLS: Final = frozenset({int, float, str, bool, type(None)})
_SEPARATOR: Final = "\x1e"  # between messages, so that moving a border between two changes the hash


class InputReader:
    """Reads inputs into a gathering. `seen` counts the keys that were understood; `bare_words` says whether any array
    of the record holds true, false or null, which a float array takes for numbers; `most` is how many queries it may
    hold."""

    __slots__ = ("_epochs", "_gathering", "_limits", "bare_words", "most", "seen")

    def __init__(self, gathering: Gathering, limits: Limits, epochs: tuple[str, ...]) -> None:
        self._gathering = gathering
        self._limits = limits
        self._epochs = epochs
        self.seen = 0
        self.bare_words = True
        self.most = limits.queries

    def read(self, given: Any) -> Input:
        """The input, or as many as a batched tensor holds."""
        if given is None:
            return NO_INPUT
        if type(given) is not dict:
            raise Unfamiliar
        known = [(_READERS[key], value) for key, value in given.items() if key in _READERS and value is not None]
        if len(known) != 1:
            raise Refused("wrong-type", "input: exactly one kind of input was expected")
        self.seen += 1
        reader, value = known[0]
        return reader(self, value)

    def _vector(self, numbers: Any) -> Input:
        self._check_numbers(numbers)
        return (DENSE, (len(numbers),), LISTS, self._gathering.add_list(numbers), 1)

    def _check_numbers(self, numbers: Any) -> None:
        if type(numbers) is not list:
            raise Unfamiliar
        if not numbers:
            raise Refused("empty", "input: an input without elements")
        if len(numbers) > self._limits.elements:
            raise Refused("too-large", "input: too many elements")
        if self.bare_words and not {float, int}.issuperset(map(type, numbers)):
            raise Unfamiliar

    def _tensor(self, tensor: Any) -> Input:
        if type(tensor) is not dict:
            raise Unfamiliar
        shape = read_shape(tensor["shape"], self._limits.elements)
        data, datatype, batch = tensor["data"], tensor.get("datatype"), tensor.get("batch")
        self.seen += 2 + (datatype is not None) + (batch is not None)
        datatype = "FP32" if datatype is None else datatype
        if datatype not in DATATYPES or (batch is not None and type(batch) is not bool):
            raise Unfamiliar
        if batch and shape[0] > self.most:
            raise Refused("too-large", "input.tensor.shape: too many queries in one record, or for its bytes")
        store, start = self._tensor_data(data, datatype, prod(shape))
        return (DENSE, shape[1:] or (1,), store, start, shape[0]) if batch else (DENSE, shape, store, start, 1)

    def _tensor_data(self, data: Any, datatype: Datatype, size: int) -> tuple[int, int]:
        if type(data) is str:
            raw = read_base64(data, datatype, size)
            if datatype == "UINT8":
                return IMAGES, self._gathering.add_image(raw)
            return TENSORS, self._gathering.add_tensor(from_bytes(raw, datatype))
        self._check_numbers(data)
        return TENSORS, self._gathering.add_tensor(from_list(data, datatype, size))

    def _columns(self, columns: Any) -> Input:
        if type(columns) is not dict:
            raise Unfamiliar
        if not columns:
            raise Refused("empty", "input.columns: an input without columns")
        if len(columns) > self._limits.columns:
            raise Refused("too-large", "input.columns: too many columns")
        if not _CELLS.issuperset(map(type, columns.values())):
            raise Unfamiliar
        if max(map(len, columns)) > NAME_BYTES:
            raise Refused("name-too-long", "input.columns: a name with more than 512 characters")
        self.seen += len(columns)
        return (ROWS, columns, 0, 0, 1)

    def _text(self, text: Any) -> Input:
        self._check_text(text)
        return (TEXT, (text, text.encode()), 0, 0, 1)

    def _check_text(self, text: Any) -> None:
        if type(text) is not str:
            raise Unfamiliar
        if len(text) > self._limits.text:
            raise Refused("too-large", "input: a text with too many characters")

    def _messages(self, messages: Any) -> Input:
        """The text is that of the last user message (of the first message, if there is none); the exact hash is of
        all messages."""
        if type(messages) is not list:
            raise Unfamiliar
        if not messages:
            raise Refused("empty", "input.messages: no message")
        text: str | None = None
        parts: list[str] = []
        for message in messages:
            role, content = self._message(message)
            text = content if role == "user" or text is None else text
            parts += (role, content)
        return (TEXT, (text, _SEPARATOR.join(parts).encode()), 0, 0, 1)

    def _message(self, message: Any) -> tuple[str, str]:
        if type(message) is not dict or type(message["role"]) is not str:
            raise Unfamiliar
        content = message.get("content")
        self.seen += 1 + (content is not None)
        if content is None:
            return message["role"], ""
        self._check_text(content)
        return message["role"], content

    def _sketch(self, sketch: Any) -> Input:
        ready = read_sketch(sketch, self._epochs, self._limits)
        self.seen += len(SKETCH_FIELDS & sketch.keys())
        return (ready.kind, ready, 0, 0, 1)

    def _digest(self, digest: Any) -> Input:
        self._check_text(digest)
        if not digest:
            raise Refused("empty", "input.digest: an empty digest")
        return (OPAQUE, digest.encode(), 0, 0, 1)


_READERS: Final[dict[str, Callable[[InputReader, Any], Input]]] = {
    "vector": InputReader._vector,
    "embedding": InputReader._vector,
    "tensor": InputReader._tensor,
    "columns": InputReader._columns,
    "text": InputReader._text,
    "messages": InputReader._messages,
    "sketch": InputReader._sketch,
    "digest": InputReader._digest,
}

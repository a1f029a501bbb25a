"""The record as the outside world writes it: the schema, its documentation, and the words for what is wrong with one.

The readers (read_record.py) read the same record without this; a property test holds the two together. Meaning
(ranges, sizes, times) is checked there, types and required fields here.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from monitor.record.tensors import Datatype

Numbers = Annotated[list[float], Field(fail_fast=True)]  # one wrong number is enough, a million cost a second
Cell = int | float | str | bool | None


class Wire(BaseModel):
    """Typed exactly, frozen; unknown fields are kept only to be counted."""

    model_config = ConfigDict(
        strict=True, frozen=True, extra="allow", use_attribute_docstrings=True, hide_input_in_errors=True
    )


class WireClient(Wire):
    """Who asked. Names end here: only pseudonyms are kept."""

    id: str
    """The principal: key, account, subject of a token; 1 to 512 bytes."""

    group: str | None = None
    """Organisation or tenant of the principal."""

    address: str | None = None
    """Network address from which the query came."""

    user_agent: str | None = None
    """Name of the client's software; read, not used."""


class WireModel(Wire):
    """Which model answered."""

    name: str
    """Name of the model; 1 to 512 bytes."""

    version: str | None = None
    """Version of the model."""


class WireTensor(Wire):
    """Numbers with a shape."""

    shape: Annotated[list[int], Field(fail_fast=True)]
    """Sizes of the dimensions, 1 to 8 of them, the last one running fastest."""

    datatype: Datatype | None = None
    """Type of the elements, FP32 if not given; UINT8 stands for values from 0 to 1 and is divided by 255."""

    data: str | Numbers
    """Base64 of the little-endian elements, or a flat list of numbers."""

    batch: bool | None = None
    """Whether the first dimension counts queries; `output.probabilities` is a list of lists then."""


class WireMessage(Wire):
    """One message of a conversation."""

    role: str
    """Who speaks: system, user, assistant, tool."""

    content: str | None = None
    """What is said."""


class WireSketch(Wire):
    """A sketch in place of the input, made by `sketch_record` at the edge."""

    v: int
    """Version of the form of sketches."""

    key: str
    """Epoch of the key with which it was made."""

    kind: Literal["opaque", "dense", "rows", "text"]
    """Kind of the input."""

    exact: str
    """Keyed hash of the whole input, 16 hexadecimal digits."""

    coarse: str | None = None
    """Keyed hash of a dense input in 16 levels of its own range, 16 hexadecimal digits."""

    size: int
    """Elements, cells or words of the input."""

    data: str
    """Base64 of the sketch."""


class WireInput(Wire):
    """What was asked: exactly one of these."""

    columns: dict[str, Cell] | None = None
    """A row: numbers, strings, booleans or null by name. 1 and 1.0 are the same value; 1, "1" and true are not."""

    vector: Numbers | None = None
    """A vector of numbers."""

    tensor: WireTensor | None = None
    """An image or another array."""

    embedding: Numbers | None = None
    """An embedding of the input, where that is what the log has."""

    text: str | None = None
    """A prompt or another text."""

    messages: Annotated[list[WireMessage], Field(fail_fast=True)] | None = None
    """A conversation; the last user message counts as the text."""

    sketch: WireSketch | None = None
    """A sketch that was made at the edge."""

    digest: str | None = None
    """Only a digest of the input: repeats can be seen, likeness cannot."""


class WireOutput(Wire):
    """What was answered: any of these."""

    label: str | int | float | bool | None = None
    """The class that was answered."""

    probabilities: dict[str, float] | Numbers | Annotated[list[Numbers], Field(fail_fast=True)] | None = None
    """Probabilities, by class name or in the order of the classes; a list of lists where a tensor holds several
    queries. They need not sum to 1."""

    confidence: float | None = None
    """Probability of the label."""

    text: str | None = None
    """The text that was answered."""

    logprobs: Numbers | None = None
    """Log-probabilities that were disclosed."""

    value: float | None = None
    """The number that was answered."""


class WireRequest(Wire):
    """Parameters of the request."""

    logprobs: bool | int | None = None
    """Whether (or how many) log-probabilities were asked for."""

    top_k: float | None = None
    """How many tokens were considered."""

    temperature: float | None = None
    """Randomness of the answer; 0 makes it the same each time."""

    max_tokens: float | None = None
    """Most tokens that the answer may have."""

    logit_bias: dict[str, float] | None = None
    """Biases by token."""

    stream: bool | None = None
    """Whether the answer was streamed."""


class WireRecord(Wire):
    """One query of one model and its answer, or several of them (`inputs`, `outputs`)."""

    id: str | None = None
    """Name of the record; its place in the log if not given."""

    time: str | int | float | None = None
    """When the query came, in RFC 3339 with a zone, or epoch milliseconds; the log's own time if not given."""

    client: str | WireClient
    """Who asked: a name, or an object."""

    model: str | WireModel
    """Which model answered: a name, or an object."""

    input: WireInput | None = None
    """What was asked. Required, unless `inputs` is given; null where the log has no inputs at all."""

    output: WireOutput | None = None
    """What was answered."""

    inputs: Annotated[list[WireInput | None], Field(fail_fast=True)] | None = None
    """What was asked, where one record holds several queries, instead of `input`; at most 1,024."""

    outputs: Annotated[list[WireOutput | None], Field(fail_fast=True)] | None = None
    """The answers to `inputs`, as many, instead of `output`."""

    request: WireRequest | None = None
    """Parameters of the request."""

    status: int | None = None
    """HTTP status of the answer."""

    latency_ms: float | None = None
    """Time that the answer took, in milliseconds."""

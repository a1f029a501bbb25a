"""Reads records of one template together, column by column: the way that nearly every record goes.

What is not as its schema says leaves its record to the general way (read_record.py), which knows the words for it.
What is read here is what would have been read there, bit for bit: a property test holds the two together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detectors.sketch.keyed import joined, subkey
from monitor.record.found import Found, Heads
from monitor.record.gathering import Gathering
from monitor.record.group import Group, Ints, numeric
from monitor.record.group_answers import answers
from monitor.record.group_inputs import inputs
from monitor.record.hashes import Hashes
from monitor.record.limits import Limits
from monitor.record.memory import Memory
from monitor.record.moments import NONE, moments
from monitor.record.pseudonyms import Pseudonyms
from monitor.record.read_record import LARGEST, NOT_KNOWN, UNKNOWN_NAME
from monitor.record.read_request import NO_REQUEST, read_request
from monitor.record.refusal import Refused, Unfamiliar
from monitor.record.slots import INT, NOTHING, STRING, slots_of
from monitor.record.template import Path, Template, template
from monitor.record.times import FIRST, LAST
from monitor.record.times import LARGEST as MOST

TEMPLATES: Final = 1_024  # that are remembered; then they are learnt anew
FEWEST: Final = 16  # records of a template in a batch that are worth it: below, columns cost more than the general way
LESSONS: Final = 8  # templates that are learnt from one batch, at most: an attacker can write as many as records
_REQUEST: Final = ("logprobs", "top_k", "temperature", "max_tokens", "stream")

Examine = Callable[[int], tuple[Any, int] | None]
"""Reads a record the general way: the parsed record and its unknown fields; None where it is not one good query."""


class TemplateReader:
    """Reads what it can of a batch. Remembers templates, which hold names of fields, columns and classes, and nothing
    of any client."""

    def __init__(self, secret: bytes, names: Pseudonyms, hashes: Hashes, limits: Limits) -> None:
        self._key = subkey(secret, "templates")
        self._names, self._hashes, self._limits = names, hashes, limits
        self._known: dict[int, Template | None] = {}

    def read(
        self, payloads: Sequence[bytes], log_times: Ints, gathering: Gathering, examine: Examine
    ) -> tuple[list[Found], list[int], int]:
        """The queries of the records that are read here, the places of those that have to go the general way, and the
        unknown fields of the former."""
        data, starts = joined([*payloads, b"\0"])
        slots = slots_of(data, starts[:-1], self._key)
        gathering.numbers = slots.numbers
        found: list[Found] = []
        left, unknown, text = np.ones(len(payloads), np.bool_), 0, data.tobytes().decode("latin-1")
        for known, places in self._groups(slots.rows, examine):
            queries = self._queries(Group(slots, data, text, known, places), log_times, gathering)
            found.append(queries)
            left[queries.place] = False
            unknown += known.unknown * len(queries)
        return found, np.flatnonzero(left).tolist(), unknown

    def _groups(self, rows: Any, examine: Examine) -> Iterator[tuple[Template, Ints]]:
        """The templates of which there are enough records, and where those are; what new ones hold is found out."""
        marks, first, which, many = np.unique(
            rows["template"], return_index=True, return_inverse=True, return_counts=True
        )
        lessons = 0
        for at in np.argsort(-many, kind="stable").tolist():
            mark = int(marks[at])
            if many[at] < FEWEST:
                return
            if mark and mark not in self._known and lessons < LESSONS:
                lessons += 1
                self._learn(mark, rows[first[at]], examine(int(first[at])))
            known = self._known.get(mark)
            if known is not None:
                places = np.flatnonzero((which.reshape(-1) == at) & (rows["many"] == len(known.allowed)))
                if len(places):
                    yield known, places

    def _learn(self, mark: int, row: Any, read: tuple[Any, int] | None) -> None:
        """Remember what a template holds, of which a record was read the general way, if it was good."""
        if read is None:
            return
        if len(self._known) >= TEMPLATES:
            self._known.clear()
        made = template(read[0], int(row["many"]), int(row["keys"]), read[1])
        self._known[mark] = None if made is None or made.keys > self._limits.keys else made

    def _queries(self, group: Group, log_times: Ints, gathering: Gathering) -> Found:
        """What is good of a group, which is known when all of it was read."""
        heads = self._heads(group, log_times[group.places])
        given = inputs(group, gathering, self._limits)
        said = answers(group, gathering, self._limits, self._hashes)
        found = Found(group.places, np.zeros(len(group), np.int64), heads, given, said)
        return found if group.good.all() else found.take(np.flatnonzero(group.good))

    def _heads(self, group: Group, log_times: Ints) -> Heads:
        client = ("client", "id") if ("client", "id") in group else ("client",)
        model = ("model", "name") if ("model", "name") in group else ("model",)
        status, latency = group.number(("status",)), group.number(("latency_ms",))
        group.good &= ~((status < 0) | (status > 999) | (latency < 0) | (latency > LARGEST))
        return Heads(
            self._times(group, log_times),
            looked_up(self._names.client, group, client, UNKNOWN_NAME),
            looked_up(self._names.group, group, ("client", "group"), UNKNOWN_NAME),
            looked_up(self._names.address, group, ("client", "address"), UNKNOWN_NAME),
            looked_up(self._hashes.model, group, model, ""),
            np.array(looked_up(self._hashes.version, group, ("model", "version"), 0), np.int64),
            np.nan_to_num(status, nan=0.0).astype(np.int64),
            np.where(np.isnan(latency), NOT_KNOWN, latency),
            *self._requests(group),
        )

    def _times(self, group: Group, log_times: Ints) -> Ints:
        """Event times, microseconds since 1970."""
        kinds, numbers = group.kind(("time",)), group.number(("time",))
        found = np.where(kinds == NOTHING, np.where(log_times < 0, NONE, log_times * 1000), NONE)
        counted = numeric(kinds) & (np.abs(numbers) < MOST)
        whole = counted & (kinds == INT)
        found[whole] = numbers[whole].astype(np.int64) * 1000
        found[counted & ~whole] = np.rint(numbers[counted & ~whole] * 1000).astype(np.int64)
        written = np.flatnonzero(kinds == STRING)
        if len(written):
            starts, stops = group.span(("time",))
            read = np.empty(len(written), np.int64)
            moments(group.data, starts[written], stops[written], read)
            found[written] = read
        near = (log_times < 0) | (np.abs(found - log_times * 1000) <= self._limits.skew)
        group.good &= (found >= FIRST) & (found < LAST) & near
        return found

    def _requests(self, group: Group) -> tuple[NDArray[np.float64], Ints, Ints]:
        """What stands in requests: few differ, and those that do are read as they are the general way."""
        paths = [("request", name) for name in _REQUEST if ("request", name) in group]
        columns = {path[1]: group.texts(path) for path in paths if not group.constant(path)}
        if not columns:
            same = self._request({path[1]: group.first(path) for path in paths}) if paths else NO_REQUEST
            return np.full(len(group), same[0]), np.full(len(group), same[1]), np.full(len(group), same[2])
        columns |= {path[1]: [group.first(path)] * len(group) for path in paths if path[1] not in columns}
        made: dict[tuple[Any, ...], tuple[float, int, int]] = {}
        found = []
        for values in zip(*columns.values(), strict=True):
            key = (*values, *map(type, values))
            if key not in made:
                made[key] = self._request(dict(zip(columns, values, strict=True)))
            found.append(made[key])
        tokens, flags, bias = zip(*found, strict=True)
        return np.array(tokens), np.array(flags), np.array(bias)

    def _request(self, given: dict[str, Any]) -> tuple[float, int, int]:
        try:
            return read_request(given, self._hashes)[0]
        except Unfamiliar:
            return NO_REQUEST  # of a record that is no good


def looked_up(memory: Memory[str, Any], group: Group, path: Path, none: Any) -> list[Any]:
    """What a memory has for the strings of a field, and `none` where there is nothing; strings that it refuses make
    their records no good."""
    if path not in group:
        return [none] * len(group)
    if group.constant(path):
        return [_one(memory, group, slice(None), group.first(path), none)] * len(group)
    texts = group.texts(path)
    try:
        return [memory[text] for text in texts]
    except (Refused, Unfamiliar, TypeError):
        return [_one(memory, group, row, text, none) for row, text in enumerate(texts)]


def _one(memory: Memory[str, Any], group: Group, row: int | slice, text: Any, none: Any) -> Any:
    if text is None:
        return none
    try:
        return memory[text]
    except (Refused, Unfamiliar, TypeError):
        group.good[row] = False
        return none

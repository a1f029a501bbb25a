"""What a sample of records says of the log itself: whether clients stay in one partition, whether clocks agree, which
columns single people out, and what answers disclose.

Values of columns are compared and never told. It fails where the sample is too small, or of one quiet hour.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from detectors.sketch.queries import Queries
from monitor.alerts.words import plain
from monitor.config.settings import Settings
from monitor.record.envelope import parse, unwrap
from monitor.record.raw import RawBatch
from monitor.record.refusal import Refused
from monitor.runtime.checks import Checked

ENOUGH: Final = 20  # clients, records or rows from which something is said
SPREAD: Final = 0.05  # of clients in several partitions from which the topic is not keyed by client
SKEW: Final = 300.0  # seconds by which half of the records may differ from the log's clock
ROWS: Final = 5_000  # of a model that are compared
COLUMNS: Final = 32  # of a model that are compared
TOGETHER: Final = 3  # columns that are taken together
IDENTIFIES: Final = 0.9  # of rows with a value of their own from which a column is an identifier
SINGLES: Final = 0.2  # of rows that a few columns single out from which they are told
FINE: Final = 3  # decimals of a confidence from which small steps can be followed

Row = Mapping[str, Any]


@dataclass(slots=True)
class Answers:
    """What the answers of one model disclosed."""

    count: int = 0
    classes: list[int] = field(default_factory=list)
    digits: list[int] = field(default_factory=list)
    unasked: int = 0  # answers with log-probabilities that nobody asked for


@dataclass(slots=True)
class Sample:
    """Takes batches as they were read and as they were decoded, and then says what it has seen."""

    where: defaultdict[bytes, set[str]] = field(default_factory=lambda: defaultdict(set))
    counts: Counter[bytes] = field(default_factory=Counter)
    partitions: set[str] = field(default_factory=set)
    skews: list[float] = field(default_factory=list)
    rows: defaultdict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))
    answers: defaultdict[str, Answers] = field(default_factory=lambda: defaultdict(Answers))

    def take(self, batch: RawBatch, queries: Queries) -> None:
        """One batch."""
        self.partitions.add(str(batch.partition))
        for client in queries.client:
            self.where[client].add(str(batch.partition))
        self.counts.update(queries.client)
        times = dict(zip(batch.offsets.tolist(), batch.timestamps.tolist(), strict=True))
        for offset, told in zip(queries.offset.tolist(), queries.time.tolist(), strict=True):
            if times.get(offset, -1) >= 0:
                self.skews.append(told / 1e6 - times[offset] / 1e3)
        self._disclosed(queries)
        for at, payload in enumerate(batch.payloads):
            self._raw(payload, None if batch.headers is None else batch.headers[at])

    def _disclosed(self, queries: Queries) -> None:
        for model, classes, digits in zip(queries.model, queries.classes, queries.digits, strict=True):
            own = self.answers[queries.models[int(model)]]
            own.count += 1
            own.classes.append(int(classes))
            own.digits.append(int(digits))

    def _raw(self, payload: bytes, headers: Any) -> None:
        try:
            record = unwrap(parse(payload), 0, False, headers)[0]
        except Refused:
            return
        given, output, asked = record.get("input"), record.get("output"), record.get("request")
        name = record.get("model")
        model = name.get("name") if isinstance(name, dict) else name
        if not isinstance(model, str) or model not in self.answers:
            return
        columns = given.get("columns") if isinstance(given, dict) else None
        if isinstance(columns, dict) and len(self.rows[model]) < ROWS:
            self.rows[model].append(columns)
        if isinstance(output, dict) and output.get("logprobs"):
            self.answers[model].unasked += not (isinstance(asked, dict) and asked.get("logprobs"))

    def findings(self, settings: Settings) -> Iterator[Checked]:
        """What is to be said, the good and the doubtful."""
        yield from self._keying()
        yield from self._clocks()
        for model, rows in sorted(self.rows.items()):
            known = settings.engine.known.get(model)
            yield from columns(plain(model), rows, () if known is None else known.sensitive_columns)
        for model, own in sorted(self.answers.items()):
            yield from disclosure(plain(model), own)

    def _keying(self) -> Iterator[Checked]:
        busy = [client for client, count in self.counts.items() if count > 1]
        if len(self.partitions) < 2 or len(busy) < ENOUGH:
            return
        spread = sum(len(self.where[client]) > 1 for client in busy)
        text = f"{spread:,} of {len(busy):,} clients with several records have them in more than one partition"
        if spread <= SPREAD * len(busy):
            yield Checked("keying", "good", text)
            return
        mend = (
            "let the producer use the client's name as the key of each message: one engine has to see all of a client"
        )
        yield Checked("keying", "doubtful", text, "source, the topic's producer", mend)

    def _clocks(self) -> Iterator[Checked]:
        if len(self.skews) < ENOUGH:
            return
        low, middle, high = np.quantile(self.skews, (0.01, 0.5, 0.99)).tolist()
        text = f"records say {middle:+,.1f} s from the log's clock, 98 % of them {low:+,.1f} to {high:+,.1f} s"
        if max(abs(low), abs(high)) <= SKEW:
            yield Checked("clocks", "good", text)
            return
        mend = (
            "synchronise the clocks of gateways, or leave `time` out where records are written late: the log's counts"
        )
        yield Checked("clocks", "doubtful", text, "records.skew_days, the gateways' clocks", mend)


def columns(model: str, rows: Sequence[Row], sensitive: Sequence[str]) -> Iterator[Checked]:
    """Which columns of a model are identifiers, and which few single rows out together."""
    if len(rows) < ENOUGH:
        return
    names = Counter(name for row in rows for name in row)
    shared = [name for name, count in names.most_common(COLUMNS) if count > len(rows) / 2]
    distinct = {name: len({_cell(row, name) for row in rows}) for name in shared}
    whole = {name for name in shared if not any(isinstance(row.get(name), float) for row in rows)}
    own = sorted(name for name in whole if distinct[name] >= IDENTIFIES * len(rows))
    if own:
        text = f"{_listed(own)}: nearly every row has a value of its own"
        mend = "leave identifiers out of what is logged, or hash them: they tell the detectors nothing"
        yield Checked(f"columns of {model}", "doubtful", text, "input.columns", mend)
    coarse = [name for name in sorted(whole - set(own)) if 1 < distinct[name] <= len(rows) / 2]
    found, share = singled(rows, coarse)
    if share < SINGLES:
        yield Checked(
            f"columns of {model}", "good", f"no {TOGETHER} coarse columns single out many of {len(rows):,} rows"
        )
        return
    text = f"{_listed(found)} together single out {share:.0%} of {len(rows):,} rows: they identify people"
    mend = f"know what a sweep over the others can infer, and say so: engine.known.{model}.sensitive_columns"
    yield Checked(f"columns of {model}", "doubtful" if not sensitive else "good", text, "input.columns", mend)


def singled(rows: Sequence[Row], names: Sequence[str]) -> tuple[list[str], float]:
    """The columns, TOGETHER at most, that single out most rows, chosen one after the other; and which share.

    >>> singled([{"a": at % 2, "b": at // 2} for at in range(4)], ["a", "b"])
    (['a', 'b'], 1.0)
    """
    chosen: list[str] = []
    best = 0.0
    while len(chosen) < TOGETHER:
        tried = [(_unique(rows, [*chosen, name]), name) for name in names if name not in chosen]
        share, name = max(tried, key=lambda pair: (pair[0], pair[1]), default=(0.0, ""))
        if share <= best and chosen:
            break
        if not name:
            break
        chosen.append(name)
        best = share
    return sorted(chosen), best


def disclosure(model: str, answers: Answers) -> Iterator[Checked]:
    """Whether answers say more than somebody asked for."""
    if answers.count < ENOUGH:
        return
    classes, digits = int(np.median(answers.classes)), int(np.median(answers.digits))
    if answers.unasked > SPREAD * answers.count:
        text = f"{answers.unasked:,} of {answers.count:,} answers have log-probabilities that were not asked for"
        mend = "give log-probabilities only where a request asks for them"
        yield Checked(f"answers of {model}", "doubtful", text, "output.logprobs", mend)
    if classes > 1 and digits >= FINE:
        text = (
            f"answers disclose {classes} probabilities with {digits} decimals; no record says that a client uses them"
        )
        mend = "ask the clients' owners; a label, or one probability of two decimals, tells an attacker far less"
        yield Checked(f"answers of {model}", "doubtful", text, "output.probabilities", mend)
    elif classes or digits:
        yield Checked(f"answers of {model}", "good", f"{classes} probabilities with {digits} decimals")


def _unique(rows: Sequence[Row], names: Sequence[str]) -> float:
    counts = Counter(tuple(_cell(row, name) for name in names) for row in rows)
    return sum(count == 1 for count in counts.values()) / len(rows)


def _cell(row: Row, name: str) -> str:
    return str(row.get(name))


def _listed(names: Sequence[str]) -> str:
    return plain(", ".join(names))[:200]

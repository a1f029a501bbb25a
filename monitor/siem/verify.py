"""Whether alerts arrive, are found and counted, and whether nobody may do more than is needed: tried, not assumed.

A marked finding takes the way of an alert. It is read back by search, by aggregations and by ES|QL, what the server
says of it is looked at, and it is removed, or stays marked where nobody here may remove it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from monitor.config.trouble import Trouble
from monitor.siem import bodies, kibana
from monitor.siem.install import found, requests, server
from monitor.siem.privileges import held
from monitor.siem.requests import Json, Request, Server, mark_of
from monitor.siem.sample import document
from monitor.siem.wire import Answer, Wire
from monitor.sinks.bulk import stream_name

Verdict = Literal["good", "bad", "unknown", "absent"]

_PATIENCE: Final = 30.0  # seconds until a document has to be found
_STEP: Final = 0.25
_READS: Final = "give --key-file with a key of the role probewatch-reader"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. `absent`: the server has no such feature; `unknown`: we may not look."""

    name: str
    verdict: Verdict
    detail: str = ""


@dataclass(slots=True)
class Verification:
    """Who looks, through what, and for which document.

    `writer` has the sink's own secrets; `reader` may search, and is the same where there is no other. `asked` are the
    privileges that the writer is meant to have.
    """

    writer: Wire
    reader: Wire
    server: Server
    namespace: str
    asked: tuple[str, ...]
    at: int
    sleep: Callable[[float], None] = time.sleep
    body: Json = field(init=False)
    index: str | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.body = document(self.at, self.namespace)

    @property
    def stream(self) -> str:
        """The data stream."""
        return stream_name(self.namespace)

    @property
    def id(self) -> str:
        """Of the document."""
        return str(self.body["event"]["id"])

    def run(self) -> Iterator[Check]:
        """Each check as it is done. Trouble where nobody answers."""
        yield from self._write()
        if self.index is not None:
            try:
                yield from self._read()
            finally:
                gone = self._remove()
            yield gone
        yield from self._installed()
        yield self._mapping()
        yield self._privileges()

    def _write(self) -> Iterator[Check]:
        strict = "&require_data_stream=true" if self.server.product == "elasticsearch" else ""
        lines = ({"create": {"_id": self.id}}, self.body)
        path = f"/{self.stream}/_bulk?refresh=wait_for{strict}"
        answer = self.writer.ask(Request("a marked finding", "POST", path, lines=lines))
        item = _first(answer)
        if not answer.good or item.get("status") != 201:
            error = item.get("error") or {}
            kind = error.get("type", answer.error) if isinstance(error, dict) else answer.error
            yield Check("written", "bad", f"status {item.get('status', answer.status)}: {kind}")
            return
        self.index = str(item["_index"])
        used = item.get("failure_store") == "used"
        yield Check("written", "good", self.stream)
        yield Check("failure store", "bad" if used else "good", "it took the finding" if used else "was not used")

    def _read(self) -> Iterator[Check]:
        answer = self._searched()
        if answer.status == 403:
            yield Check("found by search", "unknown", f"we may not search; {_READS}")
            return
        hits = answer.body.get("hits", {}).get("hits", [])
        if not hits:
            yield Check("found by search", "bad", f"not within {_PATIENCE:.0f} s")
            return
        yield from self._seen(hits[0])
        yield self._aggregated()
        yield self._by_esql()

    def _searched(self) -> Answer:
        query = {"ids": {"values": [self.id]}}
        request = Request("search", "POST", f"/{self.stream}/_search", {"query": query})
        for _ in range(int(_PATIENCE / _STEP)):
            answer = self.reader.ask(request)
            if not answer.good or answer.body["hits"]["hits"]:
                return answer
            self.sleep(_STEP)
        return answer

    def _seen(self, hit: Mapping[str, Any]) -> Iterator[Check]:
        source = dict(hit.get("_source") or {})
        if not source:
            yield Check("found by search", "good", "its id; this key sees no more")
        else:
            event = dict(source.get("event", {}))
            arrived = event.pop("ingested", None)
            same = source | {"event": event} == self.body
            yield Check("found by search", "good" if same else "bad", "as it was written" if same else "it differs")
            failed = event.get("kind") == "pipeline_error"
            ok = arrived is not None and not failed
            yield Check("ingest pipeline", "good" if ok else "bad", "event.ingested is set" if ok else "it did not run")
        ignored = hit.get("_ignored", [])
        yield Check("ignored fields", "bad" if ignored else "good", ", ".join(ignored) or "none")

    def _aggregated(self) -> Check:
        body = {
            "size": 0,
            "query": {"term": {"probewatch.finding": self.body["probewatch"]["finding"]}},
            "aggs": {
                "family": {"terms": {"field": "probewatch.family"}},
                "clients": {"cardinality": {"field": "user.hash"}},
                "risk": {"max": {"field": "event.risk_score"}},
                "days": {"date_histogram": {"field": "@timestamp", "calendar_interval": "day"}},
            },
        }
        answer = self.reader.ask(Request("aggregations", "POST", f"/{self.stream}/_search", body))
        if answer.status == 403:
            return Check("aggregations", "unknown", f"we may not search; {_READS}")
        if not answer.body.get("hits", {}).get("total", {}).get("value"):
            return Check("aggregations", "unknown", f"this key sees ids alone; {_READS}")
        got = answer.body["aggregations"]
        families = [bucket["key"] for bucket in got["family"]["buckets"]]
        said = (families, got["clients"]["value"], got["risk"]["value"], len(got["days"]["buckets"]))
        good = said == ([self.body["probewatch"]["family"]], 1, self.body["event"]["risk_score"], 1)
        return Check("aggregations", "good" if good else "bad", "family, client, risk, day" if good else "they differ")

    def _by_esql(self) -> Check:
        if self.server.product == "opensearch":
            return Check("ES|QL", "absent", "OpenSearch has none")
        finding = self.body["probewatch"]["finding"]
        query = f'FROM {self.stream} | WHERE probewatch.finding == "{finding}" | STATS n = COUNT(*)'
        answer = self.reader.ask(Request("ES|QL", "POST", "/_query", {"query": query}))
        if answer.status in {400, 404, 405} and isinstance(answer.body.get("error"), str):  # no such address
            return Check("ES|QL", "absent", "not on this server")
        if answer.status == 403:
            return Check("ES|QL", "unknown", f"we may not ask; {_READS}")
        good = answer.body.get("values") == [[1]]
        return Check("ES|QL", "good" if good else "bad", "one row" if good else f"status {answer.status}")

    def _installed(self) -> Iterator[Check]:
        for wanted in requests(self.server, self.namespace):
            if wanted.body is None or wanted.is_security or wanted.what in {"settings", "retention policy"}:
                continue
            try:
                there = found(self.reader, wanted)
            except Trouble:
                yield Check(wanted.what, "unknown", "we may not look; give --key-file with a key that may monitor")
                continue
            mark = None if there is None else mark_of(there)
            if there is None:
                yield Check(wanted.what, "bad", "is not there; run `probewatch siem install`")
            elif mark is None:
                yield Check(wanted.what, "bad", "somebody else has made it")
            else:
                ours = mark == mark_of(wanted.body)
                yield Check(wanted.what, "good" if ours else "bad", "ours" if ours else "of another version; install")

    def _mapping(self) -> Check:
        index = self.index or self.stream
        answer = self.reader.ask(Request("mapping", "GET", f"/{index}/_mapping"))
        if answer.status == 403:
            return Check("mapping in force", "unknown", f"we may not look; {_READS}")
        if not answer.good:
            return Check("mapping in force", "bad", f"status {answer.status}")
        properties = list(answer.body.values())[-1]["mappings"].get("properties", {})
        differ = sorted(_differences(bodies.mappings(self.server)["template"]["mappings"]["properties"], properties))
        return Check("mapping in force", "bad" if differ else "good", ", ".join(differ[:5]) or "ours")

    def _privileges(self) -> Check:
        if not self.server.security:
            return Check("privileges", "absent", "not looked at: " + self._no_security)
        has = held(self.writer, self.stream, "create_doc", self.asked)
        if not has.told:
            return Check("privileges", "unknown", f"status {has.status}")
        if has.lacks:
            return Check("privileges", "bad", "it may not create alerts")
        if has.beyond:
            return Check("privileges", "bad", f"too many: {', '.join(has.beyond)}")
        return Check("privileges", "good", "no more than asked")

    @property
    def _no_security(self) -> str:
        return "OpenSearch" if self.server.product == "opensearch" else "the server has no security"

    def _remove(self) -> Check:
        path = f"/{self.index}/_doc/{self.id}?refresh=true"
        for wire in dict.fromkeys((self.reader, self.writer)):
            if wire.ask(Request("the finding", "DELETE", path)).good:
                return Check("removed", "good", "the marked finding is gone")
        return Check("removed", "good", "it stays, marked: nobody here may delete; dashboards and rule leave it out")


def shown(wire: Wire, server: Server, space: str = "") -> Check:
    """Whether dashboards and rule are where analysts look. Trouble where nobody answers there."""
    try:
        lacks = kibana.missing(wire, server.product, space)
    except Trouble as trouble:
        return Check("dashboards and rule", "unknown", trouble.what)
    told = "not there: " + ", ".join(lacks[:5]) if lacks else "all there"
    return Check("dashboards and rule", "bad" if lacks else "good", told)


def recognised(wire: Wire) -> Server:
    """Which server that is; one of Elasticsearch's newest, where we may not ask, as keys with one right may not."""
    if wire.ask(Request("version", "GET", "/")).status == 403:
        return Server()
    return server(wire)


def exit_code(checks: Sequence[Check]) -> int:
    """0: all is well; 1: something is bad; 3: nothing is bad, but something could not be looked at."""
    verdicts = {check.verdict for check in checks}
    return 1 if "bad" in verdicts else 3 if "unknown" in verdicts else 0


def _first(answer: Answer) -> Mapping[str, Any]:
    items = answer.body.get("items") or [{}]
    item = items[0].get("create", {})
    return item if isinstance(item, dict) else {}


def _differences(wanted: Mapping[str, Any], there: Mapping[str, Any], above: str = "") -> Iterator[str]:
    """Fields whose type is another one, or missing; fields that somebody else has added do not count."""
    for name, one in wanted.items():
        other = there.get(name, {})
        if "properties" in one:
            yield from _differences(one["properties"], other.get("properties", {}), f"{above}{name}.")
        elif other.get("type") != one["type"] or other.get("ignore_above") != one.get("ignore_above"):
            yield f"{above}{name}"

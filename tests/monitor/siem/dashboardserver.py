"""A strict stand-in for Kibana, or for OpenSearch Dashboards, as neither can run here: it takes nothing that breaks a
rule of their APIs that we know of, and keeps what it took."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from email import message_from_bytes
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
from jsonschema import Draft202012Validator
from loopback import Answer, Call

SCHEMA = Path(__file__).parents[2] / "schemas/kibana-dashboards-9.5.json"
DASHBOARD = Draft202012Validator(json.loads(SCHEMA.read_text()))
FORMS = {"dashboard": 3, "search": 3, "index-pattern": 3, "visualization": 3}
RULE = {"rule_id", "name", "description", "type", "risk_score", "severity", "query", "index", "language"}


def answer(status: int, tree: Any = None) -> Answer:
    return Answer(status, orjson.dumps({} if tree is None else tree), {"content-type": "application/json"})


def refused(status: int, kind: str) -> Answer:
    return answer(status, {"statusCode": status, "error": kind, "message": "said by the stand-in"})


@dataclass
class Dashboards:
    """What it holds, and how it answers. `header` is the one that it insists on with every change."""

    version: str = "9.5.0"
    header: str = "kbn-xsrf"
    objects: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    rules: dict[str, dict[str, Any]] = field(default_factory=dict)
    broken: str = ""
    owners: dict[tuple[str, str], str] = field(default_factory=dict)  # an id may stand in one space alone

    def __call__(self, call: Call) -> Answer:
        parts = urlsplit(call.path)
        path, query = parts.path, parse_qs(parts.query)
        if call.headers.get("authorization") != "ApiKey setup":
            return refused(401, "Unauthorized")
        space, path = ("", path) if not path.startswith("/s/") else (path.split("/")[2], "/" + path.split("/", 3)[3])
        if path == "/api/status" and call.method == "GET":
            return answer(200, {"name": "stand-in", "version": {"number": self.version}})
        if call.method != "GET" and not call.headers.get(self.header):
            return refused(400, "Bad Request")
        if path == "/api/saved_objects/_import" and call.method == "POST":
            return self._import(call, query, space)
        if path == "/api/detection_engine/rules":
            return self._rule(call, query)
        found = re.fullmatch(r"/api/(dashboards|data_views/data_view|saved_objects/[a-z-]+)/([\w.-]+)", path)
        if found is None:
            return refused(404, "Not Found")
        kind = {"dashboards": "dashboard", "data_views/data_view": "index-pattern"}.get(
            found[1], found[1].split("/")[-1]
        )
        if found[1] == "dashboards" and self._number() < (9, 5):
            return refused(404, "Not Found")
        key = (kind, found[2])
        if self.owners.setdefault(key, space) != space:
            return refused(409, "Conflict")
        return self._object(call, key)

    def _number(self) -> tuple[int, ...]:
        return tuple(map(int, self.version.split(".")[:2]))

    def _object(self, call: Call, key: tuple[str, str]) -> Answer:
        if call.method == "GET":
            return answer(200, self.objects[key]) if key in self.objects else refused(404, "Not Found")
        if call.method == "DELETE":
            return answer(200) if self.objects.pop(key, None) else refused(404, "Not Found")
        if call.method != "PUT" or key[0] != "dashboard":
            return refused(405, "Method Not Allowed")
        body = orjson.loads(call.body)
        if call.headers["content-type"] != "application/json" or not DASHBOARD.is_valid(body):
            return refused(400, "Bad Request")
        new = key not in self.objects
        self.objects[key] = body
        return answer(201 if new else 200, {"id": key[1], "data": body})

    def _import(self, call: Call, query: dict[str, list[str]], space: str) -> Answer:
        if query != {"overwrite": ["true"]}:
            return refused(400, "Bad Request")
        part = message_from_bytes(b"content-type: " + call.headers["content-type"].encode() + b"\r\n\r\n" + call.body)
        [file] = part.get_payload()  # type: ignore[misc]
        if 'name="file"; filename="' not in file["content-disposition"] or ".ndjson" not in file["content-disposition"]:  # type: ignore[index, operator]
            return refused(400, "Bad Request")
        lines = [orjson.loads(line) for line in file.get_payload(decode=True).splitlines() if line]  # type: ignore[union-attr]
        known = {(one["type"], one["id"]) for one in lines} | set(self.objects)
        errors = [
            {"id": one["id"], "type": one["type"], "error": {"type": "missing_references"}}
            for one in lines
            if any((ref["type"], ref["id"]) not in known for ref in one["references"])
        ]
        taken = [one for one in lines if self.owners.setdefault((one["type"], one["id"]), space) != space]
        errors += [{"id": one["id"], "type": one["type"], "error": {"type": "conflict"}} for one in taken]
        if self.broken:
            errors = [{"error": {"type": self.broken}}]
        if errors:
            return answer(200, {"success": False, "successCount": 0, "errors": errors})
        results = []
        for one in lines:
            key = (one["type"], one["id"])
            results.append({"type": key[0], "id": key[1]} | ({"overwrite": True} if key in self.objects else {}))
            self.objects[key] = one
        return answer(200, {"success": True, "successCount": len(lines), "successResults": results})

    def _rule(self, call: Call, query: dict[str, list[str]]) -> Answer:
        if call.method in {"GET", "DELETE"}:
            [name] = query["rule_id"]
            if name not in self.rules:
                return refused(404, "Not Found")
            return answer(200, self.rules.pop(name) if call.method == "DELETE" else self.rules[name])
        body = orjson.loads(call.body)
        name = body["rule_id"]
        if call.method == "POST":
            if name in self.rules or not body.keys() >= RULE:
                return refused(409 if name in self.rules else 400, "Conflict")
            self.rules[name] = body
        elif call.method == "PATCH" and name in self.rules:
            self.rules[name] |= body
        else:
            return refused(404, "Not Found")
        return answer(200, self.rules[name])

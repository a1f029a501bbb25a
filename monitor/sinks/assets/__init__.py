"""What has to be installed in Elasticsearch, as the JSON bodies of the requests; `deploy/elastic` holds copies."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import orjson


def asset(name: str) -> dict[str, Any]:
    """The body of that name, fresh each time, so that the caller may change it."""
    body: dict[str, Any] = orjson.loads(files(__package__).joinpath(f"{name}.json").read_bytes())
    return body

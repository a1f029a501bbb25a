"""Polls the response feed and writes it where a gateway reads it. Python 3.9 alone, nothing to install.

    fetch.py --url http://127.0.0.1:9464/responses --nginx /etc/nginx/responses.map --then "nginx -s reload"
    fetch.py --url http://127.0.0.1:9464/responses --lines /etc/envoy/responses.tsv

A client is told by the name that the feed gives, or else by its pseudonym; of several models the strongest answer
counts. Entries that have expired are left out even where the feed cannot be reached: nobody is held for ever by a feed
that died.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from tempfile import NamedTemporaryFile
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

STRENGTH = ("throttle", "coarser scores", "label only", "challenge", "block")


def polled(url: str, token: str, tag: str) -> tuple[str, list[dict] | None]:
    """The tag and the entries of the feed; None where nothing has changed since `tag`."""
    headers = {"If-None-Match": tag} if tag else {}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    try:
        with urlopen(Request(url, headers=headers), timeout=10) as answer:
            return answer.headers.get("ETag", ""), json.load(answer)["entries"]
    except HTTPError as problem:
        if problem.code == 304:
            return tag, None
        raise


def actions(entries: list[dict], now: float) -> dict[str, str]:
    """The strongest action of each client that has not expired."""
    found: dict[str, str] = {}
    for entry in entries:
        who, action = entry.get("name", entry["client"]), entry["action"]
        ends = datetime.fromisoformat(entry["expires"].replace("Z", "+00:00"))
        if ends.timestamp() > now and action in STRENGTH and who.isprintable():
            found[who] = max(found.get(who, action), action, key=STRENGTH.index)
    return dict(sorted(found.items()))


def nginx(found: dict[str, str]) -> str:
    """Lines of a `map`: the backslash in front keeps a name from being a keyword or a pattern."""
    quoted = ((who.replace("\\", "\\\\").replace('"', '\\"'), action) for who, action in found.items())
    return "".join(f'"\\\\{who}" "{action}";\n' for who, action in quoted)


def lines(found: dict[str, str]) -> str:
    """A name, a tab, an action a line: no name that is printed holds a tab or a line break."""
    return "".join(f"{who}\t{action}\n" for who, action in found.items())


def replaced(path: Path, text: str) -> bool:
    """Write the file as a whole, or leave it where it is the same; whether it was written."""
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    with NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as file:
        file.write(text)
    os.chmod(file.name, 0o640)
    os.replace(file.name, path)
    return True


def main() -> None:
    """Goes on until it is ended, or looks once."""
    given = argparse.ArgumentParser(description="Write the response feed where a gateway reads it.")
    given.add_argument("--url", required=True)
    given.add_argument("--token", type=Path, help="File with the token of health.token.")
    given.add_argument("--nginx", type=Path, help="File for `include` in a map of NGINX.")
    given.add_argument("--lines", type=Path, help="File for the Lua filter of Envoy.")
    given.add_argument("--then", default="", help="Command to run after a change.")
    given.add_argument("--seconds", type=float, default=10.0, help="Between two looks; 0 looks once.")
    asked = given.parse_args()
    token, tag, entries = asked.token.read_text().strip() if asked.token else "", "", []
    while True:
        try:
            tag, news = polled(asked.url, token, tag)
            entries = entries if news is None else news
        except (URLError, OSError, ValueError, KeyError) as problem:
            print(f"the feed cannot be read: {type(problem).__name__}", file=sys.stderr)  # noqa: T201
            tag = ""
        found = actions(entries, time.time())
        wanted = ((asked.nginx, nginx), (asked.lines, lines))
        changed = [replaced(path, form(found)) for path, form in wanted if path]
        if any(changed) and asked.then:
            subprocess.run(shlex.split(asked.then), check=False)
        if not asked.seconds:
            return
        time.sleep(asked.seconds)


if __name__ == "__main__":
    main()

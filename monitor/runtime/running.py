"""How commands find the daemon that works in a state folder: its process and its pages, in a file beside the lock.

The file says where to ask; that somebody holds the lock says that it is true.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any, Final
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, Request, build_opener

import orjson

from monitor.config.settings import Settings
from monitor.config.trouble import Trouble
from monitor.sinks.disk import private

_FILE: Final = "daemon.json"
_START: Final = "start `probewatch run`, or name the settings of a daemon that runs on this host"


@dataclass(frozen=True, slots=True)
class Running:
    """A daemon that runs: its process, and where its pages are."""

    pid: int
    address: str
    port: int

    @property
    def url(self) -> str:
        """Where its pages are."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(self.address, self.address)
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"


@contextmanager
def announced(folder: Path, address: str, port: int) -> Iterator[None]:
    """Says where this process is to be found, for as long as it goes on. Trouble where that cannot be written."""
    file = folder / _FILE
    try:
        with open(file, "wb", opener=private) as out:
            out.write(orjson.dumps(asdict(Running(os.getpid(), address, port))))
    except OSError as problem:
        mend = "free some space, and let the user of this process write there"
        raise Trouble(what=f"the state folder: {problem.strerror}", where=str(file), mend=mend) from None
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def find(settings: Settings) -> Running | None:
    """The daemon of these settings; None where none runs on this host."""
    folder = settings.runtime.state
    try:
        if not _held(folder / "lock"):
            return None
        return Running(**orjson.loads((folder / _FILE).read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def found(settings: Settings) -> Running:
    """As `find`; Trouble where none runs."""
    running = find(settings)
    if running is None:
        raise Trouble(what="no daemon runs here", where=str(settings.runtime.state), mend=_START)
    return running


def ask(settings: Settings, path: str, timeout: float = 10.0) -> tuple[int, bytes]:
    """Status and content of a page of the daemon, with its token where one is set. Trouble where it does not answer."""
    running = found(settings)
    token = settings.health.token
    headers = {} if token is None else {"Authorization": f"Bearer {token.text()}"}
    request = Request(running.url + path, headers=headers)
    try:
        with build_opener(ProxyHandler({})).open(request, timeout=timeout) as answer:
            return answer.status, answer.read()
    except HTTPError as answer:
        return answer.code, answer.read()
    except (URLError, OSError, HTTPException) as problem:
        mend = "look at its log; `probewatch check` says whether health.address and health.port can be used"
        raise Trouble(
            what=f"the daemon does not answer: {type(problem).__name__}", where=running.url, mend=mend
        ) from None


def page(settings: Settings, path: str, timeout: float = 10.0) -> Any:
    """A page of JSON. Trouble where there is none."""
    status, content = ask(settings, path, timeout)
    if status != 200:
        what = "the daemon wants another token" if status == 401 else f"the daemon answered {status} for {path}"
        mend = "give the settings that it runs with" if status == 401 else "it may be of another version: start it anew"
        raise Trouble(what=what, where="health.token" if status == 401 else path, mend=mend)
    return orjson.loads(content)


def _held(lock: Path) -> bool:
    """Whether somebody holds a lock."""
    handle = os.open(lock, os.O_RDWR)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False

"""The audit log: who has used keys, changed settings, looked pseudonyms up or erased a client, and when; never a name.

Each line carries its number, the digest of the line before it, and its own: a line that was changed, removed or put
elsewhere breaks the chain from there on (Schneier and Kelsey, USENIX Security 1998, without their keys). Whoever may
write the file can make the whole chain anew, and whoever cuts its end leaves a whole chain: so the head is kept in a
file of its own, is said in the daemon's log at each start, and `verify` takes a head that was noted elsewhere.
"""

from __future__ import annotations

import fcntl
import getpass
import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import orjson

from monitor.config.trouble import Trouble
from monitor.sinks.disk import private

START: Final = "0" * 64  # stands where the first line has the digest of the one before it
_TAIL: Final = 65_536  # bytes; no line is longer
_MEND: Final = "let the user of this process write there; nothing is told without a line in the audit log"


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the chain: how many lines there are, and the digest of the last one."""

    lines: int = 0
    digest: str = START

    def __str__(self) -> str:
        return f"{self.lines}:{self.digest}"

    @classmethod
    def read(cls, written: str) -> Head:
        """The head that `str` wrote. ValueError where it is none.

        >>> str(Head.read("0:" + START)) == "0:" + START
        True
        """
        lines, _, digest = written.strip().partition(":")
        if len(digest) != len(START) or not lines.isdigit():
            raise ValueError("a head is a number, a colon and 64 hexadecimal digits")
        return cls(int(lines), digest)


@dataclass(frozen=True, slots=True)
class Broken:
    """Where the chain breaks: the line (counted from 1), and what is wrong with it."""

    line: int
    what: str


def append(
    file: Path, at: datetime, action: str, count: int, key_epoch: str, detail: Mapping[str, Any] | None = None
) -> Head:
    """Appends one line of JSON, on the disk when this returns; Trouble where that is not possible.

    `at` has a time zone; `count` says of how many (names, clients). The user is the one of this process. `detail` holds
    what the action was about: no name, no secret."""
    about = {"time": at.isoformat(), "action": action, "user": user(), "count": count, "key_epoch": key_epoch}
    if detail:
        about["detail"] = dict(detail)
    try:
        with _alone(file) as handle:
            head = _end(handle)
            line, head = chained(about, head)
            os.write(handle, line)  # one write: a crash leaves a torn line, which the next append cuts off
            os.fsync(handle)
            _keep(file, head)
    except OSError as problem:
        what = f"the audit log cannot be written: {problem.strerror}"
        raise Trouble(what=what, where=str(file), mend=_MEND) from None
    except ValueError:
        what, mend = "the end of the audit log is no line of it", "`probewatch audit verify` says where; keep the file"
        raise Trouble(what=what, where=str(file), mend=mend) from None
    return head


def chained(about: Mapping[str, Any], head: Head) -> tuple[bytes, Head]:
    """The line about something that follows a head, and the head then."""
    body = {"n": head.lines + 1, **about, "previous": head.digest}
    digest = hashlib.sha256(orjson.dumps(body)).hexdigest()
    return orjson.dumps({**body, "digest": digest}, option=orjson.OPT_APPEND_NEWLINE), Head(head.lines + 1, digest)


def verify(file: Path, expected: Head | None = None) -> tuple[Head, Broken | None]:
    """The head of the log, and the first place where it is not as it was written. `expected` is a head that was noted
    earlier: the log has to contain it. Trouble where the log cannot be read."""
    heads = [Head()] if expected is None else [expected]
    try:
        heads += [Head.read(_beside(file).read_text())] if expected is None and _beside(file).exists() else []
        with file.open("rb") as lines:
            return _followed(lines, heads[-1])
    except (OSError, ValueError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else str(problem)
        mend = "name the audit log; it lies in the folder runtime.state"
        raise Trouble(what=f"the audit log cannot be read: {reason}", where=str(file), mend=mend) from None


def last(file: Path, action: str) -> dict[str, Any] | None:
    """The latest line about an action; None where there is none, or no audit log."""
    if not file.exists():
        return None
    found = None
    for line in file.read_bytes().splitlines():
        entry = _entry(line)
        if entry is not None and entry.get("action") == action:
            found = entry
    return found


def _followed(lines: Iterator[bytes] | Any, kept: Head) -> tuple[Head, Broken | None]:
    head, met = Head(), kept.lines == 0
    for number, line in enumerate(lines, start=1):
        wrong = _wrong(line, head)
        if wrong is not None:
            return head, Broken(number, wrong)
        head = Head(number, str(orjson.loads(line)["digest"]))
        if head.lines == kept.lines:
            if head != kept:
                return head, Broken(number, "the log has another line here than the head that was noted")
            met = True
    return head, None if met else Broken(head.lines + 1, f"the log ends here, and {kept.lines} lines were written")


def _wrong(line: bytes, head: Head) -> str | None:
    """What is wrong with the line that follows a head; None where nothing is."""
    entry = _entry(line)
    if entry is None or not line.endswith(b"\n"):
        return "it is no line of an audit log, or a torn one"
    about = {name: value for name, value in entry.items() if name not in ("n", "previous", "digest")}
    if chained(about, Head(entry["n"] - 1, entry["previous"]))[0] != line:
        return "it was changed"
    if (entry["n"], entry["previous"]) != (head.lines + 1, head.digest):
        return "the line before it was removed, or lines were put in another order"
    return None


def _entry(line: bytes) -> dict[str, Any] | None:
    try:
        entry = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    whole = isinstance(entry, dict) and isinstance(entry.get("n"), int) and isinstance(entry.get("previous"), str)
    return entry if whole and "digest" in entry else None


def _end(handle: int) -> Head:
    """The head of an open log, whose torn last line, if any, is cut off. ValueError where the last line is none."""
    size = os.fstat(handle).st_size
    start = max(0, size - _TAIL)
    tail = os.pread(handle, size - start, start)
    whole = tail[: tail.rfind(b"\n") + 1]
    if len(whole) < len(tail):
        os.ftruncate(handle, start + len(whole))
    if not whole:
        if start:
            raise ValueError("no line")
        return Head()
    entry = _entry(whole.splitlines()[-1])
    if entry is None:
        raise ValueError("no line")
    return Head(entry["n"], entry["digest"])


@contextmanager
def _alone(file: Path) -> Iterator[int]:
    """The log, opened for appending and locked against other processes."""
    file.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield handle
    finally:
        os.close(handle)


def _beside(file: Path) -> Path:
    return file.with_name(f"{file.name}.head")


def _keep(file: Path, head: Head) -> None:
    """Notes the head beside the log, whole or not at all."""
    beside = _beside(file)
    part = beside.with_name(f"{beside.name}.writing")
    with open(part, "wb", opener=private) as out:
        out.write(f"{head}\n".encode())
        out.flush()
        os.fsync(out.fileno())
    part.rename(beside)


def user() -> str:
    """Who runs this process."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return str(os.getuid())
